"""The engine as a part: its limits from the settings, what it counts, and its clients sent away calmly.

It translates the operator's limits into the engine's, and shows the engine's figures. It knows nothing of
tokens, rooms or notifications: who may come in and what is asked is of `gateway.sockets.namespaces`.
"""

from ipaddress import IPv4Network, IPv6Network

from gateway.engine import ClosingReason, EngineLimits, Server
from gateway.ground.origins import Origins
from gateway.ground.parts import Meters, Part
from gateway.sockets.settings import SocketSettings

MESSAGE_BYTES_MAX = 1_000_000
"""Where the operator sets no limit: what is kept of a message before anybody knows who sends it must have one."""


def server_of(
    settings: SocketSettings,
    *,
    origins: Origins,
    trusted_proxies: tuple[IPv4Network | IPv6Network | str, ...],
) -> Server:
    """The engine with the limits that the operator has set. Made once for a node, on the floor of sessions.
    `origins` judges who may open a socket from a page; `trusted_proxies` are those whose `X-Forwarded-For` is
    believed where the rate of connects is held by address.
    """
    return Server(
        limits=EngineLimits(
            max_connections=settings.max_connections,
            connect_deadline_seconds=settings.connect_deadline_seconds,
            max_message_bytes=settings.max_message_bytes or MESSAGE_BYTES_MAX,
            client_events_per_second=settings.client_events_per_second,
            client_events_burst=settings.client_events_burst,
            send_buffer_bytes=settings.send_buffer_bytes,
            connect_rate=settings.connect_rate,
            connect_burst=settings.connect_burst,
            trusted_proxies=trusted_proxies,
            ping_interval_seconds=settings.ping_interval_seconds,
            ping_timeout_seconds=settings.ping_timeout_seconds,
            transports=settings.transports,
        ),
        origins=origins,
    )


class EnginePart(Part):
    """The connections of all clients. It works as long as the public site listens.

    It has no `start`: connections come with the first request that the public site takes. It stops between the
    sites: behind the public one, so that nobody comes any more, and before the internal one, which goes on
    answering emits meanwhile.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def measure(self, meters: Meters) -> None:
        """Show what the engine counts. Each figure is read at the scrape; none of them costs anything before that."""
        counter, stats = meters.watch_counter, self._server.stats
        meters.watch_gauge(
            "bellhop_connections", "Transports open on this node", self._server.connection_count
        )
        counter("bellhop_deliveries", "Events written to a session", lambda: stats.deliveries)
        counter("bellhop_delivered_bytes", "Bytes of events written to sessions", lambda: stats.bytes)
        counter(
            "bellhop_socket_writes", "Writes to sockets; several events may share one", lambda: stats.writes
        )
        counter(
            "bellhop_slow_consumers", "Connections closed as slow consumers", lambda: stats.slow_consumers
        )
        counter("bellhop_rate_limited", "Connections closed or refused by a rate", lambda: stats.rate_limited)
        counter("bellhop_malformed", "Connections closed for what they sent", lambda: stats.malformed)
        meters.watch_counts(
            "bellhop_refused", "Clients not let in, by the code of the reason", "code", stats.refusals.counts
        )

    async def drain(self, *, seconds: float) -> None:
        """Send every client away within `seconds`, evenly, so that they do not all come to the other nodes at once."""
        await self._server.drain(seconds=seconds, reason=ClosingReason.DRAINING)

    async def stop(self) -> None:
        """Close what is still open, and wait until no handler of the engine runs. Idempotent."""
        await self._server.stop()
