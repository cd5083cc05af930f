"""Repair: what the bus has not brought is read from the store.

A hole has `HOLE_SECONDS` to close by itself; one that stays is repaired at once. Every room is compared with the store
now and then, and when the bus comes back: the last frame of a room leaves no hole that could be seen.

The cursors belong to `cursors`, which tells of holes; here is what waits for the store, so that nothing there has to.
Both belong to one loop: between two waits nothing changes, and after each wait everything is looked at anew.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters
from gateway.ground.tasks import Tasks
from gateway.notify.delivery import events
from gateway.notify.delivery.muster import Muster
from gateway.notify.delivery.streams import DeliveryStats, Stream, ToldByFrame
from gateway.notify.requests import NOTIFICATION
from storage.errors import StorageError
from storage.streams import Streams

HOLE_SECONDS = 0.05
"""Of two emits that are published by two nodes at once, the later may come first: most holes close in this time."""
HEADS_PER_QUERY = 1000
"""As many rooms as one question to the store may name."""
SPAN = 500
"""Notifications that are read and written in one step of a repair."""
REPAIRERS = 4
"""Rooms that are repaired at once: so many questions at most wait at the store for it."""

logger = logging.getLogger(__name__)


class Cursors(Protocol):
    """Whose cursors are compared, and moved: the `Delivery`."""

    stats: DeliveryStats

    @property
    def streams(self) -> Mapping[str, Stream]:
        """By room."""
        ...

    def write(self, stream: Stream, seq: int, event: bytes, told: ToldByFrame | None = None) -> None:
        """Write the next frame of the stream, which tells this, to its sessions."""
        ...

    def skip_to(self, stream: Stream, head: int) -> None:
        """Nothing up to `head` is there to be written any more."""
        ...

    def deliver_waiting(self, stream: Stream) -> None:
        """Write what waits behind the cursor, and forget what the cursor has passed."""
        ...


class Repairs:
    """Repairs the streams that it is owed, and finds those that nobody has missed yet.

    A stream is queued once at most (`Stream.repairing`), so the queue is bounded by the rooms, and no two
    repairers have the same. With the store away a repair is given up; the next reconciliation, soon after the
    store is back, finds the same hole.
    """

    def __init__(
        self, cursors: Cursors, store: Streams, clock: Clock, *, muster: Muster, reconcile_seconds: float
    ) -> None:
        self.on_gone_back: Callable[[], None] = _nobody_to_tell
        """Called when the store is found behind what was delivered of it."""
        self._cursors = cursors
        self._stats = cursors.stats
        self._store = store
        self._clock = clock
        self._muster = muster
        self._reconcile_seconds = reconcile_seconds
        self._owed: asyncio.Queue[Stream] = (
            asyncio.Queue()
        )  # bounded by the streams: each is queued at most once
        self._reconcile_now = asyncio.Event()
        self._made_up = Seldom(logger, "frames are dropped that the store knows nothing of")
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        counter, stats = meters.watch_counter, self._stats
        counter("bellhop_holes", "Holes that did not close by themselves", lambda: stats.holes)
        counter("bellhop_repaired", "Notifications delivered from the store", lambda: stats.repaired)
        counter(
            "bellhop_repair_failures", "Repairs that failed, to be tried again", lambda: stats.repair_failures
        )

    def start(self) -> None:
        for number in range(REPAIRERS):
            self._tasks.start(self._repair_forever, name=f"delivery repair {number}")
        self._tasks.start(self._reconcile_forever, name="delivery reconcile")

    async def stop(self) -> None:
        await self._tasks.stop()

    def expect(self, stream: Stream) -> None:
        """Give a hole of the stream time to close by itself, unless it has that already; one that is being repaired, afterwards.

        One timer a room, however many holes.
        """
        if stream.repairing:
            stream.is_expected = True
        elif stream.hole_timer is None:
            loop = asyncio.get_running_loop()
            stream.hole_timer = loop.call_later(HOLE_SECONDS, self._hole_stays, stream)

    def _hole_stays(self, stream: Stream) -> None:
        """Owe the room a repair, if something still waits, or a guest is still ahead of the cursor."""
        stream.hole_timer = None
        ahead = any(
            guest.upto is not None and guest.upto > (stream.cursor or 0) for guest in stream.guests.values()
        )
        if stream.waiting or ahead:
            self._stats.holes += 1
            self.owe(stream)

    def owe(self, stream: Stream) -> None:
        """Repair the stream soon. Never waits; owed twice it is repaired once."""
        if not stream.repairing:
            stream.repairing = True
            self._owed.put_nowait(stream)

    def reconcile(self) -> None:
        """Compare all cursors with the store soon: the bus may have lost something.

        Never waits. The bus calls it when it is back, and `heard_rooms` after a room that it had let go of came
        back.
        """
        self._reconcile_now.set()

    async def _repair_forever(self) -> None:
        """Repair one stream after the other. Whatever fails is found again by the reconciliation, so nothing
        ends this but `stop`.
        """
        while True:
            stream = await self._owed.get()
            try:
                await self._repair(stream)
            except StorageError:
                # The next reconciliation finds the same hole; it comes soon after the store is back.
                self._stats.repair_failures += 1
                logger.info("repair postponed: the store is away")
                self._reconcile_now.set()
            except Exception:
                self._stats.repair_failures += 1
                logger.exception("repair failed")
            finally:
                # Whatever came of it: else nobody could owe it again.
                stream.repairing = False
                if stream.is_expected:
                    stream.is_expected = False
                    self.expect(stream)

    async def _repair(self, stream: Stream) -> None:
        """Deliver from the store all that the cursor has not passed.

        Another may have let go of the room, or moved the cursor, at each wait: both are looked at in the
        loop's condition and again at each frame. What was read before a rewind is of the former line, and is
        not used.
        """
        line = stream.line
        # Before the head is read: only of these can be said that the store should have had them.
        claimed = list(stream.waiting)
        head = (await self._store.heads([stream.room]))[stream.room]
        if stream.line != line:
            return
        while (
            self._cursors.streams.get(stream.room) is stream
            and stream.cursor is not None
            and stream.cursor < head
        ):
            start = stream.cursor
            missed = await self._store.span(stream.room, after=start, limit=SPAN, now=self._clock())
            if stream.line != line:
                return
            for notification in missed:
                # Live frames may have closed the hole while the store was read.
                if notification.seq is not None and notification.seq > stream.cursor:
                    self._stats.repaired += 1
                    told = notification.id, notification.type
                    self._cursors.write(
                        stream, notification.seq, events.frame(NOTIFICATION, notification), told
                    )
            if len(missed) < SPAN:
                # What is missing up to the head was recalled, has expired or was pruned.
                self._cursors.skip_to(stream, head)
                break
        # A notification is stored before it is published: what waited when the store was asked, and is beyond what it has,
        # nobody has emitted. Kept, it would have the store asked for ever. Were it true, reconciliation would find it.
        made_up = [seq for seq in claimed if seq > head and stream.waiting.pop(seq, None) is not None]
        if made_up:
            self._made_up.say(frames=len(made_up))
        if stream.cursor is not None:
            self._cursors.deliver_waiting(stream)

    async def _reconcile_forever(self) -> None:
        """Compare every `reconcile_seconds` or somewhat earlier, and at once when asked.

        After a failure the pause is half a second; it doubles with each further one, up to the usual pause.
        """
        failures = 0
        while True:
            delay = self._reconcile_seconds * random.uniform(0.6, 1.0)  # noqa: S311 - spreads load, guards nothing
            if failures:
                delay = min(2.0**failures * 0.25, delay)
            try:
                async with asyncio.timeout(delay):
                    await self._reconcile_now.wait()
                    if failures:
                        # A store that was away a moment ago is asked again after the pause, not before.
                        await asyncio.Event().wait()
            except TimeoutError:
                pass
            self._reconcile_now.clear()
            try:
                await self._reconcile()
                failures = 0
            except StorageError:
                failures = min(failures + 1, 8)
            except Exception:
                failures = min(failures + 1, 8)
                logger.exception("reconciliation failed")

    async def _reconcile(self) -> None:
        """Compare the members and the cursor of every room with what is so, a thousand rooms at a time."""
        rooms = [room for room, stream in self._cursors.streams.items() if stream.cursor is not None]
        for start in range(0, len(rooms), HEADS_PER_QUERY):
            asked = rooms[start : start + HEADS_PER_QUERY]
            for room in asked:
                here = self._cursors.streams.get(room)
                if here is not None:
                    self._muster.check(here)
            # Read before the store is asked: what is delivered meanwhile must not look like a store that has
            # gone back.
            before = {room: stream.cursor for room in asked if (stream := self._cursors.streams.get(room))}
            for room, head in (await self._store.heads(asked)).items():
                stream = self._cursors.streams.get(room)
                was = before.get(room)
                if stream is None or stream.cursor is None or was is None:
                    continue
                if head > stream.cursor:
                    self.owe(stream)
                elif head < was:
                    # Sequences never go back, unless the store was put back to an older state.
                    logger.warning("the store has gone back", extra={"head": head, "cursor": was})
                    # At once, so that it is told once; the lineage then looks, and begins a new epoch if it
                    # is so.
                    stream.cursor = head
                    self.on_gone_back()


def _nobody_to_tell() -> None:
    """Whoever keeps the lineage of the store takes this place."""
