"""Which keys a token may be verified with: shared secrets, public keys, and a published key set (JWKS).

Every key carries the one algorithm it verifies with. What a token's header says only chooses among these keys
(RFC 8725, section 3.1): it can neither bring a key nor change what a key is for.
"""

import asyncio
import contextlib
import ipaddress
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from auth.errors import KeyConfigurationError, KeysUnavailable

logger = logging.getLogger(__name__)

SECRET_ALGORITHM = "HS256"  # noqa: S105  # the name of an algorithm
SECRET_BYTES_MIN = 32
"""RFC 7518, section 3.2: an HS256 key is at least as long as its hash."""
RSA_BITS_MIN = 2048
PUBLISHED_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""What a published key may be for. Nothing symmetric: a published secret is no secret."""
JWKS_BYTES_MAX = 256 * 1024
"""A key set beyond this is refused; whoever fetches should stop reading here."""
JWKS_KEYS_MAX = 64

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the body behind a URL. Any exception means that it could not be had."""

_PEM = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.+?-----END (?P=label)-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Something that verifies the signatures of exactly one algorithm."""

    algorithm: str
    material: Any = field(repr=False)
    """What PyJWT verifies with: a secret's bytes, or a public key of `cryptography`."""
    kid: str | None = None


def secret_key(secret: str) -> Key:
    """A shared secret for HS256; its UTF-8 bytes are the key."""
    material = secret.encode()
    if len(material) < SECRET_BYTES_MIN:
        raise KeyConfigurationError(
            f"a JWT secret has {len(material)} bytes; HS256 needs {SECRET_BYTES_MIN} or more"
        )
    try:
        # PyJWT knows how public keys look: one in this place would let everybody sign.
        _prepared(SECRET_ALGORITHM, material)
    except jwt.InvalidKeyError as error:
        raise KeyConfigurationError(
            "a JWT secret looks like a public key; a PEM belongs into the setting for public keys"
        ) from error
    return Key(algorithm=SECRET_ALGORITHM, material=material)


def public_keys(pem: str) -> tuple[Key, ...]:
    r"""Every public key in a PEM text, in its order: RS256 for RSA, ES256 for P-256, EdDSA for Ed25519.

    A certificate stands for its key. Several keys in one text are for rotation. Line ends written as `\n` (as in env files) are understood.
    """
    blocks = list(_PEM.finditer(pem.replace("\\n", "\n")))
    if not blocks:
        raise KeyConfigurationError("the JWT public key is not PEM (-----BEGIN PUBLIC KEY-----)")
    return tuple(_public_key(block["label"], block[0]) for block in blocks)


def _public_key(label: str, pem: str) -> Key:
    if "PRIVATE KEY" in label:
        raise KeyConfigurationError(
            "the JWT public key is a private key; who verifies needs only the public half, so keep this one away"
        )
    try:
        if label == "CERTIFICATE":
            # Pinned by being configured: its key counts, its dates and its issuer do not.
            material: object = load_pem_x509_certificate(pem.encode()).public_key()
        else:
            material = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyConfigurationError(f"the JWT public key cannot be read (its PEM says {label})") from error
    if isinstance(material, RSAPublicKey):
        if material.key_size < RSA_BITS_MIN:
            raise KeyConfigurationError(
                f"the JWT public key is RSA with {material.key_size} bits; {RSA_BITS_MIN} or more are needed"
            )
        return Key(algorithm="RS256", material=material)
    if isinstance(material, EllipticCurvePublicKey) and isinstance(material.curve, SECP256R1):
        return Key(algorithm="ES256", material=material)
    if isinstance(material, Ed25519PublicKey):
        return Key(algorithm="EdDSA", material=material)
    raise KeyConfigurationError(
        "the JWT public key is of a type that is not supported: use RSA, P-256 or Ed25519"
    )


def _prepared(algorithm: str, material: Any) -> Any:
    return jwt.get_algorithm_by_name(algorithm).prepare_key(material)


def published_keys(document: bytes) -> tuple[Key, ...]:
    """The usable keys of a JWK Set (RFC 7517). Others in it are passed over, as its section 5 asks.

    Passed over are symmetric and private keys, weak RSA, keys for encryption and unknown algorithms. Raises
    ValueError when it is not a key set, is too large, or holds nothing usable.
    """
    if len(document) > JWKS_BYTES_MAX:
        raise ValueError(f"the key set has more than {JWKS_BYTES_MAX} bytes")
    try:
        entries = json.loads(document)["keys"]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise ValueError("not a key set") from error
    if not isinstance(entries, list):
        raise ValueError("not a key set: its keys are not a list")  # noqa: TRY004  # one error for a bad document
    keys = tuple(key for entry in entries[:JWKS_KEYS_MAX] if (key := _published_key(entry)) is not None)
    if not keys:
        raise ValueError("the key set holds no key for signatures that can be used")
    return keys


def _published_key(entry: Any) -> Key | None:
    if (
        not isinstance(entry, dict)
        or entry.get("kty") == "oct"
        or "d" in entry
        or entry.get("use", "sig") != "sig"
    ):
        return None
    operations = entry.get("key_ops", ["verify"])
    kid = entry.get("kid")
    if not isinstance(operations, list) or "verify" not in operations or not isinstance(kid, str | None):
        return None
    try:
        key = jwt.PyJWK(entry)
        if key.algorithm_name not in PUBLISHED_ALGORITHMS:
            return None
        material = _prepared(key.algorithm_name, key.key)  # refuses a curve that does not suit the algorithm
    except Exception:  # noqa: BLE001  # PyJWT lets much escape for odd entries; one of them must not spoil the set
        return None
    if isinstance(material, RSAPublicKey) and material.key_size < RSA_BITS_MIN:
        return None
    return Key(algorithm=key.algorithm_name, material=material, kid=kid)


class KeySet:
    """The keys behind a JWKS URL: fetched when first needed, kept, and fetched again in good time.

    - One fetch at a time, shared by all who wait for it. A caller who gives up does not end it.
    - An unknown `kid` causes a fetch at most once per `refetch_seconds`, so callers cannot turn us on the
      identity provider.
    - Keys older than `stale_seconds` are used while they are fetched anew: a key taken back disappears.
    - An outage keeps the keys there are; a failed fetch is tried again after `retry_seconds`.

    Whoever makes one ends it with `close`.
    """

    def __init__(
        self,
        url: str,
        fetch: Fetch,
        *,
        refetch_seconds: float = 60.0,
        stale_seconds: float = 600.0,
        retry_seconds: float = 5.0,
        timeout_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _is_safe(url):
            raise KeyConfigurationError("the JWKS URL must be https (http only on loopback)")
        self._url = url
        self._fetch = fetch
        self._refetch_seconds = refetch_seconds
        self._stale_seconds = stale_seconds
        self._retry_seconds = retry_seconds
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._keys: tuple[Key, ...] = ()
        self._not_before = self._stale_at = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def candidates(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        """The keys that may have signed a token with this header; none if the set has no such key.

        A token without a `kid` is only matched when the set has one key for its algorithm. Raises
        KeysUnavailable when there is no such key and the set could not be had to see whether there is one now.
        """
        found = self._choose(algorithm, kid)
        if found:
            if self._monotonic() >= self._stale_at:
                self._begin_fetch()
            return found
        fetching = self._begin_fetch()
        if fetching is not None:
            # Shielded: it is everyone's fetch, and one caller hanging up must not end it for the others.
            await asyncio.shield(fetching)
            found = self._choose(algorithm, kid)
        if not found and self._failed:
            raise KeysUnavailable("the identity provider's keys cannot be had")
        return found

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._fetching

    def _choose(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        suited = tuple(key for key in self._keys if key.algorithm == algorithm)
        if kid is None:
            return suited if len(suited) == 1 else ()
        return tuple(key for key in suited if key.kid == kid)

    def _begin_fetch(self) -> asyncio.Task[None] | None:
        """Join the fetch that is under way, or start one if it is time; None if it is not."""
        if self._fetching is None and self._monotonic() >= self._not_before:
            self._fetching = asyncio.create_task(self._refresh(), name="auth-jwks-fetch")
        return self._fetching

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                document = await self._fetch(self._url)
            self._keys = published_keys(document)
        except Exception as error:  # noqa: BLE001  # the fetcher is the caller's: whatever it raises, we have no keys
            self._failed = True
            self._not_before = self._monotonic() + self._retry_seconds
            logger.warning(
                "jwks_fetch_failed", extra={"error": type(error).__name__, "kept": len(self._keys)}
            )
        else:
            self._failed = False
            self._not_before = self._monotonic() + self._refetch_seconds
            self._stale_at = self._monotonic() + self._stale_seconds
            logger.info("jwks_fetched", extra={"keys": len(self._keys)})
        finally:
            self._fetching = None


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Keys:
    """All keys that a gateway trusts, of every source at once.

    Raises KeyConfigurationError when there is none at all: then nobody could ever be let in.
    """

    def __init__(self, held: Sequence[Key] = (), *, published: KeySet | None = None) -> None:
        if not held and published is None:
            raise KeyConfigurationError("there is no key to verify tokens with")
        # A secret named twice while rotating is one key.
        self._held = tuple({(key.algorithm, _identity(key)): key for key in held}.values())
        self._published = published

    @classmethod
    def of(
        cls, *, secrets: Sequence[str] = (), public_key: str | None = None, published: KeySet | None = None
    ) -> "Keys":
        """Keys from their settings."""
        held = [secret_key(secret) for secret in secrets]
        if public_key is not None:
            held.extend(public_keys(public_key))
        return cls(held, published=published)

    def held(self, algorithm: str) -> tuple[Key, ...]:
        """Our own keys for this algorithm. They have no `kid`, so every one of them may be meant."""
        return tuple(key for key in self._held if key.algorithm == algorithm)

    async def published(self, algorithm: str, kid: str | None) -> tuple[Key, ...]:
        """What the key set offers for this header, as `KeySet.candidates`; none without a key set."""
        if self._published is None or algorithm not in PUBLISHED_ALGORITHMS:
            return ()
        return await self._published.candidates(algorithm, kid)

    async def close(self) -> None:
        if self._published is not None:
            await self._published.close()


def _identity(key: Key) -> object:
    return key.material if isinstance(key.material, bytes) else id(key.material)
