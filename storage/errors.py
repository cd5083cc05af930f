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
    """The store cannot answer now. Nothing is known about an append that raised it: retry under its key.

    A read that raised it has changed nothing. A write may have been done or not, so what is repeated must be such as may be
    done twice: nearly all that a store is asked is, and what is not says so.
    """

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which it is worth asking again."""


class IdempotencyMismatch(StorageError):
    """The idempotency key was used before with another content. Nothing was stored.

    It is an answer of `Streams.append` and not raised there: one of many must not undo the others.
    """


class Unstorable(StorageError):
    """An emission that can never be stored: too large, or with text that is not Unicode. Nothing was stored.

    Asking again is of no use: the caller has to change it.
    """


class TooManySwitched(StorageError):
    """No further type of notifications can be switched. Nothing was changed.

    The bound is `storage.switches.TYPES_MAX`; types that were switched before can still be.
    """


class InvalidCursor(StorageError):
    """The cursor of a page is not one that a store gave.

    It is the caller's fault, and of no other store's: a cursor of another store may pass for one of this.
    """

    def __init__(self, message: str, *, parameter: str = "before") -> None:
        super().__init__(message)
        self.parameter = parameter
        """As which it was given: `before`, or `after` where a page goes forward."""


class StoreConfigurationError(StorageError):
    """A store that cannot be opened as configured. The message says what to change, without the password."""
