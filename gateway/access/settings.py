"""What operators say of who may call: the keys of user tokens, and the API keys of services.

Secrets are judged by length alone, and never shown whole.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import MASK, cut, duration, items, masked, masked_url, url

NO_KEY = (
    "There is no key to verify tokens with: set BELLHOP_JWT_SECRET (try `openssl rand -hex 32`), "
    "BELLHOP_JWT_PUBLIC_KEY or BELLHOP_JWT_JWKS_URL. `bellhop demo` makes its own."
)
"""What is told where tokens could not be verified."""


def _jwt_secrets(text: str) -> tuple[str, ...]:
    """Secrets that are long enough. Raises `ValidationError`."""
    if any(len(secret.encode()) < 32 for secret in items(text)):
        raise ValidationError("is too short: a secret has 32 bytes or more (try `openssl rand -hex 32`).")
    return tuple(items(text))


def _pem(text: str) -> str:
    """A public key in PEM. Raises `ValidationError`, above all for a private one."""
    # Some tools can only hand in one line, with \n written out.
    pem = text.replace("\\n", "\n").strip()
    if "PRIVATE KEY" in pem:
        raise ValidationError("is a private key: give the public one, the private stays with the issuer.")
    if not re.match(r"-----BEGIN (RSA )?PUBLIC KEY-----|-----BEGIN CERTIFICATE-----", pem):
        raise ValidationError("must be a public key in PEM.")
    return pem


def _api_keys(text: str) -> Mapping[str, str]:
    """The keys by their names, of `name:key` with commas between. Raises `ValidationError` for what no header could carry."""
    keys: dict[str, str] = {}
    for position, item in enumerate(items(text), 1):
        name, _, key = item.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) or not key:
            raise ValidationError(f"must be name:key, with commas between; number {position} is not.")
        if len(key) < 32:
            raise ValidationError(
                f"has too short a key for {name}: 32 characters or more (try `openssl rand -hex 32`)."
            )
        if not re.fullmatch(r"[!-~]+", key):
            raise ValidationError(f"has a key for {name} that no header can carry: printable ASCII only.")
        if name in keys:
            raise ValidationError(f"names {name} twice.")
        keys[name] = key
    return keys


def _masked_api_keys(text: str) -> str:
    """The names, without the keys."""
    return ",".join(f"{item.partition(':')[0]}:{MASK}" if ":" in item else MASK for item in cut(text))


def _first_line(text: str) -> str:
    """As much of a public key as tells which it is."""
    return text.replace("\\n", "\n").strip().splitlines()[0] + " …"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings(Group):
    """What tokens and services are verified with. Several may be set: a token is good by any of them."""

    jwt_secrets: tuple[str, ...] = setting(
        "JWT_SECRET", None, _jwt_secrets,
        "HS256 secret of user tokens, 32 bytes or more; several, comma-separated, while rotating (the first signs)",
        unset=(), show=masked, secret=True,
    )  # fmt: skip
    jwt_public_key: str | None = setting(
        "JWT_PUBLIC_KEY", None, _pem,
        "public key of the token issuer, PEM; RS256, ES256 or EdDSA by the key's own type",
        show=_first_line, lines=True,
    )  # fmt: skip
    jwt_jwks_url: str | None = setting(
        "JWT_JWKS_URL", None, url("http", "https", needs_host=("http", "https")),
        "where the issuer publishes its keys; cached, refetched on an unknown `kid` at most once a minute",
        show=masked_url,
    )  # fmt: skip
    jwt_audience: str | None = setting("JWT_AUDIENCE", None, str, "the `aud` a token must have")
    jwt_issuer: str | None = setting("JWT_ISSUER", None, str, "the `iss` a token must have")
    jwt_leeway_seconds: float = setting(
        "JWT_LEEWAY", "10s", duration, "how far clocks may differ when times are judged"
    )
    api_keys: Mapping[str, str] = setting(
        "API_KEYS", None, _api_keys,
        "API keys of services, `name:key,name:key`; a key has 32 characters or more",
        unset={}, show=_masked_api_keys, secret=True,
    )  # fmt: skip

    @property
    def verify_tokens(self) -> bool:
        """True when there is something to verify a token with."""
        return bool(self.jwt_secrets or self.jwt_public_key or self.jwt_jwks_url)

    def missing(self, given: Container[str]) -> list[str]:
        """That there is nothing to verify tokens with, for a process that serves."""
        # Of a key that is wrong enough was said already.
        if self.verify_tokens or any(
            name in given for name in ("JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")
        ):
            return []
        return [NO_KEY]
