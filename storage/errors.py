"""What can go wrong with a store.

StorageError
├── StoreUnavailable        away or overloaded; the same call may succeed later
├── IdempotencyMismatch     a key that was used before, with another content
├── Unstorable              an emission that this store can never take
├── TooManySwitched         no further type can be switched
├── InvalidCursor           a page was asked for after a cursor that no store gave
└── StoreConfigurationError a URL or a server that cannot work; raised at start
"""


class StorageError(Exception):
    """The root of what `storage` raises. A driver's own error is its cause, never the error itself."""


class StoreUnavailable(StorageError):
    """The store cannot answer now. Nothing is known about an append that raised it: retry under its key."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which it is worth asking again."""


class IdempotencyMismatch(StorageError):
    """The idempotency key was used before with another content. Nothing was stored."""


class Unstorable(StorageError):
    """An emission that can never be stored: too large, or with text that is not Unicode. Nothing was stored."""


class TooManySwitched(StorageError):
    """No further type of notifications can be switched. Nothing was changed."""


class InvalidCursor(StorageError):
    """The cursor of a page is not one that a store gave."""


class StoreConfigurationError(StorageError):
    """A store that cannot be opened as configured. The message says what to change, without the password."""
