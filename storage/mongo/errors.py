"""How the driver's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from storage.errors import StoreConfigurationError, StoreUnavailable

WORDS = 200
_QUOTING = (
    " to execute command",
    "{",
    "(configured timeouts",
    ", Timeout:",
    ", Topology Description",
    "full error",
)
"""Behind these come documents, commands and topologies, with what users and callers have told us."""
_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18
_DUPLICATE = 11000


@contextmanager
def translated() -> Iterator[None]:
    """The driver's errors as ours.

    Its message holds nothing of what was asked: that may be an address, or a text. What is no error of the driver's passes.
    """
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(f"MongoDB: {_summary(error)}") from error


@contextmanager
def translated_at_open() -> Iterator[None]:
    """Like `translated`, telling apart what an operator must change.

    A wrong password, a missing right and a URL that the driver cannot use are `StoreConfigurationError`; a server that
    is away, or that says anything else, is `StoreUnavailable`, and may be tried again.
    """
    try:
        yield
    except OperationFailure as error:
        if error.code == _AUTHENTICATION_FAILED:
            raise StoreConfigurationError(
                "MongoDB refused the user name or the password, or knows the user in another database (authSource): "
                + _summary(error)
            ) from error
        if error.code == _UNAUTHORIZED:
            raise StoreConfigurationError(
                f"the MongoDB user may not use the database: grant it readWrite: {_summary(error)}"
            ) from error
        raise StoreUnavailable(f"MongoDB: {_summary(error)}") from error
    except (ConfigurationError, InvalidURI) as error:
        raise StoreConfigurationError(f"MongoDB cannot be used as configured: {_summary(error)}") from error
    except PyMongoError as error:
        raise StoreUnavailable(f"MongoDB: {_summary(error)}") from error


def _summary(error: PyMongoError) -> str:
    """Why, in the server's or the driver's own words."""
    told = (
        error.details.get("errmsg") if isinstance(error, OperationFailure) and error.details else str(error)
    )
    words = said(told or "")
    kind = type(error).__name__
    kind = f"{kind}, code {error.code}" if isinstance(error, OperationFailure) else kind
    return f"{words} ({kind})" if words else kind


def said(words: str) -> str:
    """What a server or the driver says, in one line, up to where it begins to quote what was asked of it.

    `WORDS` characters at most. An empty text says that the words began with what was asked.
    """
    for quoting in _QUOTING:
        words = words.partition(quoting)[0]
    return " ".join(words.split())[:WORDS].rstrip(" ,:;")


def only_duplicates(error: BulkWriteError) -> Any:
    """What the server told of a bulk whose only fault is that some of it was there. Raises the error where it is another's.

    A bulk that stopped for want of a majority is another's fault too: it has no write errors, and its details say so.
    """
    details: Any = error.details
    if any(each["code"] != _DUPLICATE for each in details["writeErrors"]):
        raise error
    return details
