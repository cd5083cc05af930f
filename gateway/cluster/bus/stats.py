"""What the bus counts, for the metrics.

The guests' channel has one of its own, where `dropped` are emits beyond its rate.
"""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class BusStats:
    """Counters since the start; they only grow, but for the seconds of the last canary."""

    published: int = 0
    """Frames that Redis has taken."""
    dropped: int = 0
    """Frames that could not be carried: the buffer was full, or Redis went before it had taken them."""
    received: int = 0
    """Frames of other nodes."""
    unreadable: int = 0
    """Messages on our channels that no node of this version has written."""
    reconnects: int = 0
    """Times the listener had to be connected anew."""
    canary_seconds: float | None = None
    """How long the last canary took through Redis; None before the first came back."""
