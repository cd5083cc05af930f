"""What can go wrong with presence.

PresenceError
└── PresenceUnavailable     who is online cannot be told now; the same call may succeed later

A session that comes in goes on without presence; who asks for the roster is told.
"""


class PresenceError(Exception):
    """The root of what `gateway.cluster.presence` raises. The library's own error is its cause, never the error itself."""


class PresenceUnavailable(PresenceError):
    """Nobody can say now who is online in the cluster. Connections come and go all the same."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which it is worth asking again."""
