"""Delivery: each connection gets each notification once, in its room's order.

A node keeps one cursor per room that it has members of: the last sequence it has written to them. A frame goes out
when it is `cursor + 1`; a lower one is a repetition and is dropped; a higher one shows a hole, which has
`HOLE_SECONDS` to close by itself and is then repaired from the store. Nothing here trusts the bus: it may lose,
repeat and disorder; the store's sequences tell what is owed. Nor is the engine trusted to keep the members: how many a
frame was written to tells at once when one is missing.

Knows rooms, cursors and the ids of sessions. Leaves sockets to the engine, and meaning to its callers.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.cluster.bus.base import TRANSIENT, Bus
from gateway.engine import Packet
from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.rooms import ADMINS
from gateway.ground.tasks import Tasks
from gateway.notify import events
from storage.errors import StorageError
from storage.streams import Streams

HOLE_SECONDS = 0.05
RECONCILE_SECONDS = 30.0
HEADS_PER_QUERY = 1000
SPAN = 500
WAITING_LIMIT = 1000
"""Frames that a room keeps beyond a hole; more are dropped, and read from the store by the repair."""
HELD_LIMIT = 1000
"""Frames kept for a session whose replay is under way; beyond it the replay is done again."""
REPAIRERS = 4

logger = logging.getLogger(__name__)


class Sockets(Protocol):
    """What delivery needs of the engine. Writes never block, are bounded, and keep their order per session."""

    def write(self, sid: str, packet: Packet) -> None: ...

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int: ...

    def admit(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member of the room, from the next `fan_out` on."""
        ...

    def expel(self, sid: str, namespace: str, room: str) -> None:
        """Make the session a member no more."""
        ...

    def members(self, namespace: str, room: str) -> Collection[str]:
        """The sessions that `fan_out` writes to; equal to a set of the same."""
        ...


def namespace_of(room: str) -> str:
    """The namespace whose sessions are the members of `room`."""
    return "/admin" if room == ADMINS else "/"


@dataclass(slots=True)
class DeliveryStats:
    """Counters since the start of the node, for metrics."""

    delivered: int = 0
    repeated: int = 0
    holes: int = 0
    repaired: int = 0
    repair_failures: int = 0
    put_right: int = 0
    """Sessions that the engine had in a room, or out of one, against what is so."""


@dataclass(slots=True)
class _Guest:
    """A session of a stream that is not a member yet: its replay is under way, or has run ahead of the cursor."""

    upto: int | None = None
    """The last sequence its replay gave it; None while the replay is under way."""
    held: list[tuple[int, Packet]] = field(default_factory=list)
    overflowed: bool = False


@dataclass(slots=True, eq=False)
class _Stream:
    """What this node knows of one room that it has sessions in."""

    room: str
    cursor: int | None = None
    """None until the first replay has told where the room stands."""
    members: set[str] = field(default_factory=set)
    guests: dict[str, _Guest] = field(default_factory=dict)
    waiting: dict[int, bytes] = field(default_factory=dict)
    hole_timer: asyncio.TimerHandle | None = None
    repairing: bool = False


class Delivery:
    """The cursors of one node. All methods belong to its event loop; those that are not coroutines never wait."""

    def __init__(
        self,
        sockets: Sockets,
        streams: Streams,
        bus: Bus,
        clock: Clock,
        *,
        reconcile_seconds: float = RECONCILE_SECONDS,
    ) -> None:
        self.stats = DeliveryStats()
        self.on_gone_back: Callable[[], None] = _nobody_to_tell
        """Called when the store is found behind what was delivered of it."""
        self._sockets = sockets
        self._store = streams
        self._bus = bus
        self._clock = clock
        self._reconcile_seconds = reconcile_seconds
        self._streams: dict[str, _Stream] = {}
        self._owed: asyncio.Queue[_Stream] = (
            asyncio.Queue()
        )  # bounded by the streams: each is queued at most once
        self._reconcile_now = asyncio.Event()
        self._misplaced = Seldom(logger, "sessions were not in their rooms, and are again")
        self._made_up = Seldom(logger, "frames are dropped that the store knows nothing of")
        self._tasks = Tasks()

    def start(self) -> None:
        for number in range(REPAIRERS):
            self._tasks.start(self._repair_forever(), name=f"delivery repair {number}")
        self._tasks.start(self._reconcile_forever(), name="delivery reconcile")

    async def stop(self) -> None:
        await self._tasks.stop()
        for stream in self._streams.values():
            _cancel_hole_timer(stream)

    # Sessions come and go

    async def join(self, sid: str, rooms: Sequence[str]) -> None:
        """Hold back the rooms' live frames for this session until `open`, and have the bus carry the rooms here.

        Join before reading the store: a repetition can be dropped, a hole cannot be seen.
        """
        fresh = [room for room in rooms if room not in self._streams]
        for room in rooms:
            stream = self._streams.setdefault(room, _Stream(room))
            stream.guests[sid] = _Guest()
        if fresh:
            await self._bus.subscribe(fresh)

    def open(self, sid: str, heads: Mapping[str, int]) -> bool:
        """The session has been given each room up to `heads`: write it what came since, and let it in.

        False when more came than could be held for some room: replay again from `heads`, and open again.
        """
        guests = {room: self._streams[room].guests[sid] for room in heads}
        if any(guest.overflowed for guest in guests.values()):
            for guest in guests.values():
                # Another room's frames stay held: a second replay gives them again and `upto` drops them.
                if guest.overflowed:
                    guest.held.clear()
                    guest.overflowed = False
            return False
        for room, head in heads.items():
            self._let_in(sid, self._streams[room], guests[room], head)
        return True

    def leave(self, sid: str, rooms: Iterable[str]) -> list[str]:
        """Forget the session; answers the rooms that this node has no session of any more.

        The caller passes these to `release`: not at once, so that a page reload costs no new subscription.
        """
        empty = []
        for room in rooms:
            stream = self._streams.get(room)
            if stream is None:
                continue
            if stream.guests.pop(sid, None) is None:
                stream.members.discard(sid)
            if not stream.members and not stream.guests:
                empty.append(room)
        return empty

    async def release(self, rooms: Iterable[str]) -> None:
        """Let go of those of `rooms` that still have no session."""
        empty = []
        for room in rooms:
            stream = self._streams.get(room)
            if stream is not None and not stream.members and not stream.guests:
                _cancel_hole_timer(stream)
                del self._streams[room]
                empty.append(room)
        if empty:
            await self._bus.unsubscribe(empty)
            # One that came back while the bus let go would be deaf until the next reconciliation.
            back = [room for room in empty if room in self._streams]
            if back:
                await self._bus.subscribe(back)
                self.reconcile()

    def _let_in(self, sid: str, stream: _Stream, guest: _Guest, head: int) -> None:
        for seq, packet in guest.held:
            if seq == TRANSIENT or seq > head:
                self._sockets.write(sid, packet)
        guest.held.clear()
        guest.upto = head
        is_first = stream.cursor is None
        if stream.cursor is None:
            stream.cursor = head
        if stream.cursor >= head:
            self._admit(sid, stream)
        else:
            # The store is ahead of what the bus has brought: the members may have missed something.
            self._expect_hole_to_close(stream)
        if is_first:
            self._deliver_waiting(stream)

    def _admit(self, sid: str, stream: _Stream) -> None:
        del stream.guests[sid]
        stream.members.add(sid)
        self._sockets.admit(sid, namespace_of(stream.room), stream.room)

    def rewind(self) -> None:
        """The store was put back, and its sequences begin anew: what is known of any room holds no longer.

        The sessions that were let in before have to go: their cursors are of the other line.
        """
        for stream in self._streams.values():
            stream.cursor = None
            stream.waiting.clear()
            _cancel_hole_timer(stream)
            for guest in stream.guests.values():
                # Of what is held nobody knows the line: a second replay tells.
                guest.held.clear()
                guest.overflowed = True

    # Frames come in

    def hears(self, room: str) -> bool:
        """Whether a frame of the room would be written to anybody here."""
        return room in self._streams

    def receive(self, room: str, seq: int, event: bytes) -> None:
        """Take a frame from an emitter on this node or from the bus, and deliver it when it is its turn."""
        stream = self._streams.get(room)
        if stream is None:
            return
        if seq == TRANSIENT:
            self._write(stream, TRANSIENT, event)
        elif stream.cursor is not None and seq <= stream.cursor:
            self.stats.repeated += 1
        elif stream.cursor is not None and seq == stream.cursor + 1:
            self._write(stream, seq, event)
            if stream.waiting:
                self._deliver_waiting(stream)
        else:
            if len(stream.waiting) < WAITING_LIMIT:
                stream.waiting[seq] = event
            if stream.cursor is not None:
                self._expect_hole_to_close(stream)

    def _write(self, stream: _Stream, seq: int, event: bytes) -> None:
        """Write to all members, and to each guest what its replay has not given it."""
        if seq != TRANSIENT:
            stream.cursor = seq
        namespace = namespace_of(stream.room)
        packet = Packet.event(namespace, event)
        if stream.members:
            reached = self._sockets.fan_out(namespace, stream.room, packet)
            if reached != len(stream.members):
                reached += self._put_right(stream, packet)
            self.stats.delivered += reached
        if stream.guests:
            for sid, guest in list(stream.guests.items()):
                self._write_to_guest(stream, sid, guest, seq, packet)

    def _put_right(self, stream: _Stream, missed: Packet | None = None) -> int:
        """Have the engine's members be those that are; answers how many of them had `missed` to be written.

        The frame before this one reached all of them, or this would have been seen then: who is missing now has missed
        this one alone.
        """
        room, namespace = stream.room, namespace_of(stream.room)
        there = frozenset(self._sockets.members(namespace, room))
        astray, strangers = stream.members - there, there - stream.members
        for sid in astray:
            if missed is not None:
                self._sockets.write(sid, missed)
            self._sockets.admit(sid, namespace, room)
        for sid in strangers:
            self._sockets.expel(sid, namespace, room)
        # Who is no member even now has no session any more: else every frame would ask anew.
        gone = astray.difference(self._sockets.members(namespace, room))
        stream.members -= gone
        self.stats.put_right += len(astray) + len(strangers)
        self._misplaced.say(astray=len(astray), strangers=len(strangers))
        return 0 if missed is None else len(astray) - len(gone)

    def _write_to_guest(self, stream: _Stream, sid: str, guest: _Guest, seq: int, packet: Packet) -> None:
        if guest.upto is None:
            if len(guest.held) < HELD_LIMIT:
                guest.held.append((seq, packet))
            else:
                guest.overflowed = True
            return
        if seq == TRANSIENT or seq > guest.upto:
            self._sockets.write(sid, packet)
            self.stats.delivered += 1
        if stream.cursor is not None and stream.cursor >= guest.upto:
            self._admit(sid, stream)

    def _deliver_waiting(self, stream: _Stream) -> None:
        """Deliver what waits in sequence behind the cursor; drop what the cursor has passed."""
        assert stream.cursor is not None
        while (event := stream.waiting.pop(stream.cursor + 1, None)) is not None:
            self._write(stream, stream.cursor + 1, event)
        for seq in [seq for seq in stream.waiting if seq <= stream.cursor]:
            del stream.waiting[seq]
        if stream.waiting:
            self._expect_hole_to_close(stream)
        elif not any(guest.upto is not None for guest in stream.guests.values()):
            _cancel_hole_timer(stream)

    # Holes close

    def _expect_hole_to_close(self, stream: _Stream) -> None:
        if stream.hole_timer is None and not stream.repairing:
            loop = asyncio.get_running_loop()
            stream.hole_timer = loop.call_later(HOLE_SECONDS, self._hole_stays, stream)

    def _hole_stays(self, stream: _Stream) -> None:
        stream.hole_timer = None
        ahead = any(
            guest.upto is not None and guest.upto > (stream.cursor or 0) for guest in stream.guests.values()
        )
        if stream.waiting or ahead:
            self.stats.holes += 1
            self._owe_repair(stream)

    def _owe_repair(self, stream: _Stream) -> None:
        if not stream.repairing:
            stream.repairing = True
            self._owed.put_nowait(stream)

    async def _repair_forever(self) -> None:
        while True:
            stream = await self._owed.get()
            try:
                await self._repair(stream)
            except StorageError:
                # The next reconciliation finds the same hole; it comes soon after the store is back.
                self.stats.repair_failures += 1
                logger.info("repair postponed: the store is away")
                self._reconcile_now.set()
            except Exception:
                self.stats.repair_failures += 1
                logger.exception("repair failed")
            finally:
                stream.repairing = False

    async def _repair(self, stream: _Stream) -> None:
        """Deliver from the store all that the cursor has not passed."""
        claimed = list(stream.waiting)
        head = (await self._store.heads([stream.room]))[stream.room]
        while self._streams.get(stream.room) is stream and stream.cursor is not None and stream.cursor < head:
            start = stream.cursor
            missed = await self._store.span(stream.room, after=start, limit=SPAN, now=self._clock())
            for notification in missed:
                # Live frames may have closed the hole while the store was read.
                if notification.seq is not None and notification.seq > stream.cursor:
                    self.stats.repaired += 1
                    self._write(stream, notification.seq, events.notification_event(notification))
            if len(missed) < SPAN:
                # What is missing up to the head was recalled, has expired or was pruned.
                self._skip_to(stream, head)
                break
        # A notification is stored before it is published: what waited when the store was asked, and is beyond what it has,
        # nobody has emitted. Kept, it would have the store asked for ever. Were it true, reconciliation would find it.
        made_up = [seq for seq in claimed if seq > head and stream.waiting.pop(seq, None) is not None]
        if made_up:
            self._made_up.say(frames=len(made_up))
        if stream.cursor is not None:
            self._deliver_waiting(stream)

    def _skip_to(self, stream: _Stream, head: int) -> None:
        if stream.cursor is not None and stream.cursor < head:
            stream.cursor = head
        for sid, guest in list(stream.guests.items()):
            if guest.upto is not None and guest.upto <= head:
                self._admit(sid, stream)

    # Reconciliation

    def reconcile(self) -> None:
        """Compare all cursors with the store soon: the bus may have lost something."""
        self._reconcile_now.set()

    async def _reconcile_forever(self) -> None:
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
        rooms = [room for room, stream in self._streams.items() if stream.cursor is not None]
        for start in range(0, len(rooms), HEADS_PER_QUERY):
            asked = rooms[start : start + HEADS_PER_QUERY]
            for room in asked:
                here = self._streams.get(room)
                if here is not None and here.members != self._sockets.members(namespace_of(room), room):
                    self._put_right(here)
            before = {room: stream.cursor for room in asked if (stream := self._streams.get(room))}
            for room, head in (await self._store.heads(asked)).items():
                stream = self._streams.get(room)
                was = before.get(room)
                if stream is None or stream.cursor is None or was is None:
                    continue
                if head > stream.cursor:
                    self._owe_repair(stream)
                elif head < was:
                    # Sequences never go back, unless the store was put back to an older state.
                    logger.warning("the store has gone back", extra={"head": head, "cursor": was})
                    stream.cursor = head
                    self.on_gone_back()


def _nobody_to_tell() -> None:
    """Whoever keeps the lineage of the store takes this place."""


def _cancel_hole_timer(stream: _Stream) -> None:
    if stream.hole_timer is not None:
        stream.hole_timer.cancel()
        stream.hole_timer = None
