"""Which backend is calling: by one of the configured API keys, or by a service token.

API keys are held only as keyed digests under a key of this process, so that neither a memory dump nor a debugger
shows them, and no digest is worth anything elsewhere.
"""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import blake2b

from auth.errors import AuthError, InvalidServiceKey, KeyConfigurationError, KeysUnavailable
from auth.principal import ADMIN, Service, is_user_id
from auth.tokens import TOKEN_CHARACTERS_MAX, Verifier

API_KEY_CHARACTERS_MIN = 32
API_KEY_SCOPES = frozenset({"emit", ADMIN})
"""Whoever holds an API key was given it by the operator, with no scope beside it: it opens the whole internal
site. A service that should do less gets a token whose `scope` is `emit` or `campaigns`."""

_SCHEME = "bearer"


class Services:
    """The backends that may call the internal site.

    Raises KeyConfigurationError for a key that is too short, cannot stand in a header, or is two services' key.

    It holds no key in the clear. Without a verifier only API keys are let in.
    """

    def __init__(self, api_keys: Mapping[str, str], verifier: Verifier | None = None) -> None:
        self._pepper = secrets.token_bytes(32)
        self._digests: dict[bytes, Service] = {}
        for name, key in api_keys.items():
            if not is_user_id(name):
                raise KeyConfigurationError("an API key has no name, or one that cannot be printed")
            if len(key) < API_KEY_CHARACTERS_MIN:
                raise KeyConfigurationError(
                    f"the API key of {name} has {len(key)} characters; {API_KEY_CHARACTERS_MIN} or more are needed"
                )
            if not _can_be_a_key(key):
                raise KeyConfigurationError(
                    f"the API key of {name} must be printable ASCII without blanks, and {TOKEN_CHARACTERS_MAX} "
                    "characters at most"
                )
            digest = self._digest(key)
            if digest in self._digests:
                raise KeyConfigurationError(f"{self._digests[digest].name} and {name} have the same API key")
            self._digests[digest] = Service(name=name, scopes=API_KEY_SCOPES)
        self._verifier = verifier

    async def authenticate(self, authorization_header: str | None) -> Service:
        """The service that sent this `Authorization` header (RFC 6750, section 2.1).

        Raises InvalidServiceKey when it is nobody's, KeysUnavailable when that cannot be told now; nothing else.
        """
        scheme, _, credential = (authorization_header or "").partition(" ")
        credential = credential.strip()
        if scheme.lower() != _SCHEME or not _can_be_a_key(credential):
            raise InvalidServiceKey("the Authorization header holds no bearer key")
        service = self._by_api_key(credential)
        if service is not None:
            return service
        if self._verifier is None:
            raise InvalidServiceKey("not one of the API keys")
        try:
            return await self._verifier.verify_service(credential)
        except (InvalidServiceKey, KeysUnavailable):
            raise
        except AuthError as error:
            raise InvalidServiceKey(f"not one of the API keys, nor a service token: {error}") from error

    def _by_api_key(self, credential: str) -> Service | None:
        """The service with this key; None for nobody's."""
        presented = self._digest(credential)
        found = None
        # All are compared, each in constant time: how long it takes tells nothing of which came near.
        for digest, service in self._digests.items():
            if hmac.compare_digest(digest, presented):
                found = service
        return found

    def _digest(self, key: str) -> bytes:
        return blake2b(key.encode(), key=self._pepper, digest_size=32).digest()


def _can_be_a_key(text: str) -> bool:
    """True for what RFC 9110 lets stand in a header as one word, of bounded length."""
    return 0 < len(text) <= TOKEN_CHARACTERS_MAX and text.isascii() and text.isprintable() and " " not in text
