"""Draining: all clients are sent away evenly, so that the other nodes get them evenly."""

import asyncio
import math
import random
from collections.abc import Iterable

from gateway.engine.closing import ClosingReason
from gateway.engine.connection import Connection
from gateway.engine.entrance import SendAway

STEP_SECONDS = 0.1
BACK_A_SECOND = 500
"""How many are told to come back in each second, on average."""


async def send_all_away(
    connections: Iterable[Connection], send_away: SendAway, reason: ClosingReason, *, seconds: float
) -> None:
    """Send each away within `seconds`, with a moment of its own at which to come back. Who comes meanwhile is not among them."""
    leaving = list(connections)
    random.shuffle(leaving)
    steps = max(1, math.floor(seconds / STEP_SECONDS / 2))
    batch = max(1, math.ceil(len(leaving) / steps))
    spread = max(1.0, len(leaving) / BACK_A_SECOND)
    for start in range(0, len(leaving), batch):
        for connection in leaving[start : start + batch]:
            send_away(connection, reason, retry_after=round(random.uniform(0.1, spread), 2))  # noqa: S311 - jitter
        await asyncio.sleep(STEP_SECONDS)
