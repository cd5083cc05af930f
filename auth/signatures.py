"""Signatures: what a token says, once a key of ours is known to have signed it (RFC 7515, compact serialization).

PyJWT checks them, but for the usual token with a shared secret, whose bytes are compared here: that is one HMAC, where the
library takes every character by itself. What is odd about a token is left to the library, and so is what to say of it.

What a public key has signed costs a hundred times more to check, and clients come back with the same token. It is remembered
which have been checked: by the hash of the whole token, for the very key that verified it, and until the token ends.
Nothing but the signature is remembered; what the token says is judged each time.
"""

import hmac
from binascii import a2b_base64, b2a_base64
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import jwt
from jwt.algorithms import HMACAlgorithm

from auth.errors import InvalidToken
from auth.key import SECRET_ALGORITHM, Key
from auth.published import PUBLISHED_ALGORITHMS

# By the functions below those of `base64`, which go through three others for each text.
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URLSAFE = bytes.maketrans(b"-_", b"+/")
SECRETS_KEYED = 16
"""Secrets that are ready for use; few have more than two."""
REMEMBERED = 2_048
"""Tokens that were verified by public keys. The one that was longest not seen gives way."""


class _TestedSecret(HMACAlgorithm):
    """HMAC with secrets that `auth.keys` has put to PyJWT's test once, when they were configured.

    PyJWT looks at each token anew whether the secret could be a public key, by every parser of keys that there is: half
    of what a token costs.
    """

    def prepare_key(self, key: str | bytes) -> bytes:
        return key if isinstance(key, bytes) else super().prepare_key(key)


class _Verified(NamedTuple):
    key: Key
    payload: bytes
    ends_at: float
    """Seconds since 1970."""


class Signatures:
    """Checks signatures, and remembers some that were good.

    What it remembers is this process's alone, and is gone with it. A key that is taken back verifies nothing from its
    disappearance on: what is remembered is of the very key.
    """

    def __init__(self, clock: Callable[[], datetime], *, remembered: int = REMEMBERED) -> None:
        self._clock = clock
        self._jws = jwt.PyJWS([SECRET_ALGORITHM, *PUBLISHED_ALGORITHMS])
        self._jws.unregister_algorithm(SECRET_ALGORITHM)
        self._jws.register_algorithm(SECRET_ALGORITHM, _TestedSecret(HMACAlgorithm.SHA256))
        self._remembered = remembered
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        """By the hash of the token, the one that was seen last at the end."""

    def payload(self, token: str, key: Key) -> bytes | None:
        """What the key has signed; None when it has not signed this. Raises InvalidToken for what is no token."""
        if key.algorithm == SECRET_ALGORITHM:
            payload = _signed_with_secret(token, key.material)
        else:
            payload = self._recalled(token, key)
        return self._checked(token, key) if payload is None else payload

    def remember(self, token: str, key: Key, payload: bytes, *, ends_at: float) -> None:
        """The key has signed the token, which is good until then.

        Only for tokens that were judged to be good, and of public keys: a shared secret is quicker to check than to
        look up.
        """
        if key.algorithm == SECRET_ALGORITHM:
            return
        digest = _digest(token)
        self._verified[digest] = _Verified(key, payload, ends_at)
        self._verified.move_to_end(digest)
        if len(self._verified) > self._remembered:
            self._verified.popitem(last=False)

    def _recalled(self, token: str, key: Key) -> bytes | None:
        digest = _digest(token)
        verified = self._verified.get(digest)
        if verified is None:
            return None
        # The same key, not an equal one: after a key set was fetched anew all is checked anew.
        if verified.key is not key or self._clock().timestamp() >= verified.ends_at:
            del self._verified[digest]
            return None
        self._verified.move_to_end(digest)
        return verified.payload

    def _checked(self, token: str, key: Key) -> bytes | None:
        try:
            payload: bytes = self._jws.decode(token, key.material, algorithms=[key.algorithm])
        except jwt.InvalidSignatureError:
            return None
        except jwt.PyJWTError as error:
            raise InvalidToken("the token is malformed") from error
        return payload


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


@lru_cache(SECRETS_KEYED)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The code of this secret before any text; to be copied. `hmac.digest` would let go of the interpreter's lock for each
    token, and under load wait to have it again for longer than the code takes.
    """
    return hmac.new(secret, digestmod="sha256")


def _signed_with_secret(token: str, secret: bytes) -> bytes | None:
    """The payload of a token that is just as it should be; None when anything about it is not."""
    signed, _, signature = token.rpartition(".")
    code = _keyed(secret).copy()
    code.update(signed.encode())
    digest = code.digest()
    if not hmac.compare_digest(_base64url(digest), signature.encode()):
        return None
    segment = signed.partition(".")[2].encode()
    try:
        # What is no letter of the alphabet is passed over here, and seen below.
        payload = a2b_base64(segment.translate(_FROM_URLSAFE) + b"=" * (-len(segment) % 4))
    except ValueError:
        return None
    return payload if _base64url(payload) == segment else None


def _base64url(value: bytes) -> bytes:
    return b2a_base64(value, newline=False).rstrip(b"=").translate(_TO_URLSAFE)
