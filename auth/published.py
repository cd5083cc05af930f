"""Keys that an identity provider publishes (JWKS): what of them can be used, and when they are fetched."""

import asyncio
import contextlib
import ipaddress
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from auth.errors import KeyConfigurationError, KeysUnavailable
from auth.key import RSA_BITS_MIN, Key, prepared

logger = logging.getLogger(__name__)

PUBLISHED_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""What a published key may be for. Nothing symmetric: a published secret is no secret."""
JWKS_BYTES_MAX = 256 * 1024
"""A key set beyond this is refused; whoever fetches should stop reading here."""
JWKS_KEYS_MAX = 64
Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the body behind a URL. Any exception means that it could not be had."""


def published_keys(document: bytes) -> tuple[Key, ...]:
    """The usable keys of a JWK Set (RFC 7517). Others in it are passed over, as its section 5 asks.

    Passed over are symmetric and private keys, weak RSA, keys for encryption and unknown algorithms. Raises
    ValueError when it is not a key set, is too large, or holds nothing usable.

    Of a set of more than `JWKS_KEYS_MAX` the first are taken. Two keys of one `kid` are both kept: each may have signed.
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
    """The key of one entry; None for one that is to be passed over."""
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
        material = prepared(key.algorithm_name, key.key)  # refuses a curve that does not suit the algorithm
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
        """Fetch the set once, within `timeout_seconds`. It raises nothing: a failure keeps what there was, and is told
        by type alone.
        """
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
    """Whether nobody between us and the provider can put in keys of their own."""
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
