"""What the engine has counted since the start."""

from dataclasses import dataclass, field

from gateway.engine.refusals import Refusals


@dataclass(slots=True)
class EngineStats:
    """Counters that only rise; metrics read them."""

    deliveries: int = 0
    """Packets owed to sessions by `write` and `fan_out`."""
    writes: int = 0
    """Writes to websockets; `deliveries` over `writes` tells how much the ticks join."""
    bytes: int = 0
    """Bytes in these writes."""
    opened: int = 0
    """Sessions let in."""
    refusals: Refusals = field(default_factory=Refusals)
    """Clients that were not let in, at the handshake or at Socket.IO's CONNECT, by reason."""
    slow_consumers: int = 0
    rate_limited: int = 0
    malformed: int = 0
    """Connections ended for these reasons."""
