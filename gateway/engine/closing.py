"""Why the gateway closes a connection, and what the client should do next."""

from enum import StrEnum


class ClosingReason(StrEnum):
    """The reasons of the event `closing`.

    After a reason with `reconnect` the transport is closed under the client, so that a stock client comes back by
    itself; after the others the namespace is disconnected, so that it does not.
    """

    DRAINING = "draining"  # the node stops; another takes over
    SLOW_CONSUMER = "slow_consumer"  # the client does not read what it is sent
    RATE_LIMITED = "rate_limited"  # the client sends more than it may
    UNAVAILABLE = "unavailable"  # the store went away while the client was let in
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the token's end is the connection's end
    REPLACED = "replaced"  # the user has opened too many newer connections
    REVOKED = "revoked"  # an admin or a backend has ended it

    @property
    def reconnect(self) -> bool:
        return self in (
            ClosingReason.DRAINING,
            ClosingReason.SLOW_CONSUMER,
            ClosingReason.RATE_LIMITED,
            ClosingReason.UNAVAILABLE,
        )
