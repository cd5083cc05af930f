"""The heartbeat: a PING to every connection now and then, and the end of those that do not answer it (Engine.IO, revision 4)."""

import asyncio

from gateway.engine.connection import Connection
from gateway.engine.deadlines import GRAIN_SECONDS, Deadlines
from gateway.engine.frames import SERVICE_RESTART
from gateway.engine.packets import PING

PINGS_TOGETHER = 1 / 250
"""Pings that are due within this part of their interval go out together, up to half of it early or late, and their answers
come together: to wake up for each would cost as much again.
"""


class Heartbeat:
    """Pings each connection that was given to `begin`, every `interval_seconds` until it closes."""

    def __init__(self, *, interval_seconds: float, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._pings = Deadlines(
            interval_seconds,
            self._ping,
            # A client waits for the interval and the timeout, and not for more.
            grain_seconds=max(GRAIN_SECONDS, min(interval_seconds * PINGS_TOGETHER, timeout_seconds / 4)),
        )
        self._pongs = Deadlines(timeout_seconds, self._miss)

    def begin(self, connection: Connection) -> None:
        self._pings.put(connection)

    def clear(self) -> None:
        self._pings.clear()
        self._pongs.clear()

    def _ping(self, connection: Connection) -> None:
        if connection.closed:
            return
        if not connection.pinged_at:
            connection.pinged_at = asyncio.get_running_loop().time()
            connection.write(PING)
            self._pongs.put(connection)
        self._pings.put(connection)

    def _miss(self, connection: Connection) -> None:
        # A later ping may be under way: only one that is as old as the deadline counts.
        now = asyncio.get_running_loop().time()
        if connection.pinged_at and now - connection.pinged_at >= self._timeout_seconds - 0.05:
            connection.close("ping timeout", code=SERVICE_RESTART if connection.upgraded else None)
