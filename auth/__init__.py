"""Who is calling: tokens of users, keys of services. Knows nothing of rooms, sockets or stores."""

from auth.errors import (
    AuthError,
    ExpiredToken,
    InvalidServiceKey,
    InvalidToken,
    KeyConfigurationError,
    KeysUnavailable,
    MissingToken,
)
from auth.keys import Keys
from auth.principal import Principal, Role, Service
from auth.published import JWKS_BYTES_MAX, Fetch, KeySet
from auth.services import Services
from auth.signing import Signer
from auth.tokens import Verifier

__all__ = [
    "JWKS_BYTES_MAX",
    "AuthError",
    "ExpiredToken",
    "Fetch",
    "InvalidServiceKey",
    "InvalidToken",
    "KeyConfigurationError",
    "KeySet",
    "Keys",
    "KeysUnavailable",
    "MissingToken",
    "Principal",
    "Role",
    "Service",
    "Services",
    "Signer",
    "Verifier",
]
