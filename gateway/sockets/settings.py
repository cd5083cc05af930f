"""What operators say of the connections of clients: how they may come, and what bounds each of them.

Sizes are in bytes, times in seconds once they are parsed. The engine keeps nearly all of these limits; the
number of connections of one user is kept by presence, and the bound of a replay by `gateway.notify.delivery.replaying`.
"""

from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import duration, items, number, positive_duration, whole

LEAST_BUFFER_BYTES = 4096
"""A single notification needs that. With less, the first event that is a little long would close its connection
as a slow consumer.
"""
LONGEST_SILENCE_SECONDS = (2**31 - 1) / 1000
"""Browsers count no further: a client that is told to wait longer for a ping gives its connection up at once."""


def _transports(text: str) -> tuple[str, ...]:
    """The transports that are named, each once. Raises `ValidationError` for none at all and for any other."""
    transports = tuple(dict.fromkeys(items(text)))
    if not transports or not set(transports) <= {"polling", "websocket"}:
        raise ValidationError("must be polling, websocket, or both with a comma between.")
    return transports


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSettings(Group):
    """What a client may do. 0 switches a limit off. Read at the start; a change needs a new start. A value is
    judged by itself as it is read, and beside others by `contradictions`.
    """

    transports: tuple[str, ...] = setting(
        "TRANSPORTS", "polling,websocket", _transports, "how clients may connect"
    )
    ping_interval_seconds: float = setting(
        "PING_INTERVAL", "25s", positive_duration, "how often a client is pinged"
    )
    ping_timeout_seconds: float = setting(
        "PING_TIMEOUT", "20s", positive_duration, "how long a client has for the answer"
    )
    max_connections: int = setting(
        "MAX_CONNECTIONS", "20000", whole(), "connections a node takes; 0: any number"
    )
    max_connections_per_user: int = setting(
        "MAX_CONNECTIONS_PER_USER",
        "20",
        whole(),
        "connections of one user, beyond it the oldest is closed; 0: any number",
    )
    connect_deadline_seconds: float = setting(
        "CONNECT_DEADLINE",
        "10s",
        duration,
        "how long a connection may stay open without having said who it is; 0: for ever",
    )
    connect_rate: float = setting(
        "CONNECT_RATE", "20", number, "new connections per second from one address; 0: no limit"
    )
    connect_burst: int = setting("CONNECT_BURST", "200", whole(1), "new connections at once from one address")
    max_message_bytes: int = setting(
        "MAX_MESSAGE_BYTES",
        "65536",
        whole(),
        "size of one inbound message; 0: the transport's own limit of 1 MB",
    )
    client_events_per_second: float = setting(
        "CLIENT_EVENTS_PER_SECOND", "20", number, "events a connection may send; 0: no limit"
    )
    client_events_burst: int = setting(
        "CLIENT_EVENTS_BURST", "40", whole(1), "events a connection may send at once"
    )
    send_buffer_bytes: int = setting(
        "SEND_BUFFER_BYTES",
        "262144",
        whole(),
        "unsent bytes of a connection before it is a slow consumer; 0: no limit. One answer that it has asked for may be larger, "
        "and has a minute to be read",
    )
    replay_limit: int = setting(
        "REPLAY_LIMIT",
        "500",
        whole(),
        "missed notifications replayed per room, beyond it the client is told to resync",
    )

    def contradictions(self) -> list[str]:
        """Values that are sound by themselves and cannot be meant: a send buffer in which no notification fits, and
        pings that no client can wait for.
        """
        problems = []
        if 0 < self.send_buffer_bytes < LEAST_BUFFER_BYTES:
            problems.append(
                f"BELLHOP_SEND_BUFFER_BYTES must be {LEAST_BUFFER_BYTES} or more (or 0): a single notification needs that."
            )
        if self.ping_interval_seconds + self.ping_timeout_seconds > LONGEST_SILENCE_SECONDS:
            problems.append(
                "BELLHOP_PING_INTERVAL and BELLHOP_PING_TIMEOUT must be 24 days or less together: browsers count no further."
            )
        return problems
