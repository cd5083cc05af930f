"""The heartbeat: a PING to every connection now and then, and the end of those that do not answer it (Engine.IO, revision 4)."""

import asyncio
import logging

from gateway.engine.connection import Connection
from gateway.engine.deadlines import GRAIN_SECONDS, Deadlines
from gateway.engine.frames import SERVICE_RESTART
from gateway.engine.packets import PING

PINGS_TOGETHER = 1 / 250
"""Connections that began within this part of the interval of pings are pinged together from then on, none later than it would
be alone. Their answers come together: to wake up for each would cost as much again.
"""
MOST_TOGETHER = 100
"""So that nobody waits long for the end of the writing."""

logger = logging.getLogger(__name__)


class Heartbeat:
    """Pings each connection that was given to `begin`, every `interval_seconds` until it closes.

    What is pinged together stays together as one list, and has one deadline for all its answers: most of what a node
    does for 20,000 idle clients is done here.
    """

    def __init__(self, *, interval_seconds: float, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        # A client waits for the interval and the timeout, and not for more.
        self._together_seconds = max(
            GRAIN_SECONDS, min(interval_seconds * PINGS_TOGETHER, timeout_seconds / 4)
        )
        self._beats = Deadlines(interval_seconds, self._beat, a_turn=1)
        self._answers = Deadlines(timeout_seconds, self._judge)
        self._newest: list[Connection] = []
        """The group whose beat was put off last; it takes in who begins until `_open_until`."""
        self._open_until = 0.0

    def begin(self, connection: Connection) -> None:
        now = asyncio.get_running_loop().time()
        if now > self._open_until or len(self._newest) >= MOST_TOGETHER:
            self._put_off([], now)
        self._newest.append(connection)

    def clear(self) -> None:
        self._beats.clear()
        self._answers.clear()
        self._newest = []
        self._open_until = 0.0

    def _put_off(self, group: list[Connection], now: float) -> None:
        self._beats.put(group)
        self._newest = group
        self._open_until = now + self._together_seconds

    def _beat(self, group: list[Connection]) -> None:
        now = asyncio.get_running_loop().time()
        living = [connection for connection in group if not connection.closed]
        if not living:
            return
        # Before the writing: who begins meanwhile has no answer due, and is none the worse for being asked about it.
        self._put_off(living, now)
        self._answers.put(living)
        for connection in living:
            if not connection.pinged_at:
                connection.pinged_at = now
                connection.write_apart(PING)

    def _judge(self, group: list[Connection]) -> None:
        """Close those that have not answered."""
        # A later ping may be under way: only one that is as old as the deadline counts.
        latest = asyncio.get_running_loop().time() - self._timeout_seconds + 0.05
        for connection in [one for one in group if 0 < one.pinged_at <= latest and not one.closed]:
            try:
                connection.close("ping timeout", code=SERVICE_RESTART if connection.upgraded else None)
            except Exception:
                # The others' end hangs on the same deadline.
                logger.exception("a silent client could not be closed", extra={"connection": connection.sid})
