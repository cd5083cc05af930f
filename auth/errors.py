"""Why a caller is not let in.

AuthError
├── MissingToken         no token at all
├── InvalidToken         malformed, forged, unsuited, or with claims that cannot be
├── ExpiredToken         it was good once
├── KeysUnavailable      the identity provider's keys cannot be had now; come back later
└── InvalidServiceKey    not one of the configured API keys, nor a service token
KeyConfigurationError    a key setting that cannot work; raised at start, never by a caller
"""


class AuthError(Exception):
    """A caller who is not let in.

    `code` is public (PROTOCOL: refusals); `retry` says whether the same credential may succeed later. The
    message names the reason for logs and never holds the credential.
    """

    code = "unauthorized"
    retry = False


class MissingToken(AuthError):
    """Nothing was given, or something that is no text."""

    code = "missing_token"


class InvalidToken(AuthError):
    """It is refused for good: the same token would be refused again, but for one whose time has not begun."""

    code = "invalid_token"


class ExpiredToken(AuthError):
    """Its signature was good and its time is over. A fresh one of the same user will be let in."""

    code = "expired_token"


class KeysUnavailable(AuthError):
    """Nothing was judged: the same token may be good as soon as the keys can be had."""

    code = "unavailable"
    retry = True


class InvalidServiceKey(AuthError):
    """It is nobody's key, or a user's token where a service's is wanted."""

    code = "unauthorized"


class KeyConfigurationError(Exception):
    """A key setting that cannot work. The message says which and what to do; it never holds the key."""
