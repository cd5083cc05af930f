"""What one client, one address and one node may use of the engine."""

import sys
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network
UNLIMITED = sys.maxsize
"""What stands in the place of a limit that is switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """The engine's limits with their documented defaults. Zero switches one off."""

    max_connections: int = 20_000
    """Connections of this node; a handshake more is answered 503."""
    connect_deadline_seconds: float = 10.0
    """How long a transport may stay without a session in any namespace."""
    max_message_bytes: int = 65_536
    """One inbound message, its attachments included."""
    client_events_per_second: float = 20.0
    client_events_burst: int = 40
    send_buffer_bytes: int = 262_144
    """What may wait for one client before it counts as a slow consumer and is dropped."""
    connect_rate: float = 20.0
    """Handshakes a second and address, after the first `connect_burst`."""
    connect_burst: int = 200
    trusted_proxies: tuple[Network | str, ...] = ()
    """Peers whose `X-Forwarded-For` is believed; `unix` for those that come by a unix socket."""
    ping_interval_seconds: float = 25.0
    ping_timeout_seconds: float = 20.0
    transports: tuple[str, ...] = ("polling", "websocket")
