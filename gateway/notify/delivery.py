"""Delivery: each connection gets each notification once, in its room's order.

A node keeps one cursor per room that it has members of: the last sequence it has written to them. A frame goes out
when it is `cursor + 1`; a lower one is a repetition and is dropped; a higher one shows a hole, which has
`HOLE_SECONDS` to close by itself and is then repaired from the store. Nothing here trusts the bus: it may lose,
repeat and disorder; the store's sequences tell what is owed. Nor is the engine trusted to keep the members: how many a
frame was written to tells at once when one is missing.

Knows rooms, cursors and the ids of sessions. Leaves sockets to the engine, the store to `gateway.notify.repair`, and
meaning to its callers. Whoever is a member of a room in the engine is so because it was let in here, and until it is taken
out here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from gateway.cluster.bus.base import TRANSIENT, Bus
from gateway.engine import Packet
from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks
from gateway.notify.repair import Repairs
from gateway.notify.streams import DeliveryStats, Guest, Sockets, Stream, namespace_of
from gateway.notify.translations import MARK, Variants
from gateway.notify.written import WrittenLog
from storage.notifications import Notification
from storage.streams import Streams

HOLE_SECONDS = 0.05
"""Of two emits that are published by two nodes at once, the later may come first: most holes close in this time."""
RECONCILE_SECONDS = 30.0
"""Between two comparisons of all cursors with the store, at most: so late a lost last frame of a room comes.
"""
RELEASE_SECONDS = 5.0
"""How long a room without sessions stays subscribed: a page reload comes back to it and costs no new subscription."""
WAITING_LIMIT = 1000
"""Frames that a room keeps beyond a hole; more are dropped, and read from the store by the repair."""
HELD_LIMIT = 1000
"""Frames kept for a session whose replay is under way; beyond it the replay is done again."""

logger = logging.getLogger(__name__)


class Delivery(Part):
    """The cursors of one node. All methods belong to its event loop; those that are not coroutines never wait.

    A room's stream is made when its first session joins, and let go `release_seconds` or up to twice that
    after its last has left. Of a session in a room three things may be so: it is a guest whose replay is
    under way, a guest that is ahead of the cursor, or a member. It rises from one to the next, and never goes
    back.

    While the store is away nothing is repaired, and whatever the bus brings in order is delivered all the
    same. While the bus is away the sessions get what this node emits, and the rest by reconciliation. When
    the process goes, all of it goes: clients come back with the sequences that they have had.
    """

    def __init__(
        self,
        sockets: Sockets,
        streams: Streams,
        bus: Bus,
        clock: Clock,
        *,
        reconcile_seconds: float = RECONCILE_SECONDS,
        release_seconds: float = RELEASE_SECONDS,
    ) -> None:
        self.stats = DeliveryStats()
        self.streams: dict[str, Stream] = {}
        """Of the rooms that have sessions here, or had some until a moment ago."""
        self.repairs = Repairs(self, streams, clock, reconcile_seconds=reconcile_seconds)
        self.locale_of: Callable[[str], str | None] = _any_locale
        """Which language a session reads; None where nobody knows. Asked once for each session and frame of
        several languages.
        """
        self.on_written: Callable[[str, bytes], None] | None = None
        """Told of each frame with a sequence that is written to a room's sessions, repairs included. It must
        neither wait nor raise.
        """
        self.on_replayed: Callable[[Sequence[Notification]], None] | None = None
        """Told of what a session was given that it had missed, as above."""
        self.written = WrittenLog()
        """What was written lately, for the trace of a notification."""
        self._sockets = sockets
        self._bus = bus
        self._release_seconds = release_seconds
        self._empty_rooms: set[str] = set()
        """Rooms whose last session left since the last look; they are let go at the next look but one, if nobody has come."""
        self._misplaced = Seldom(logger, "sessions were not in their rooms, and are again")
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        counter, stats = meters.watch_counter, self.stats
        counter("bellhop_repeated_frames", "Frames dropped as repetitions", lambda: stats.repeated)
        counter("bellhop_holes", "Holes that did not close by themselves", lambda: stats.holes)
        counter("bellhop_repaired", "Notifications delivered from the store", lambda: stats.repaired)
        counter(
            "bellhop_repair_failures",
            "Repairs that failed, to be tried again",
            lambda: stats.repair_failures,
        )
        counter(
            "bellhop_misplaced_sessions",
            "Sessions put back into their rooms, or out of others'",
            lambda: stats.put_right,
        )

    def start(self) -> None:
        self.repairs.start()
        self._tasks.start(self._release_forever, name="delivery release")

    async def stop(self) -> None:
        """Let go of all rooms' timers. The loops end first: a repair that goes on would set timers anew."""
        await self._tasks.stop()
        await self.repairs.stop()
        for stream in self.streams.values():
            stream.forget_hole()

    # Sessions come and go

    async def join(self, sid: str, rooms: Sequence[str]) -> None:
        """Hold back the rooms' live frames for this session until `open`, and have the bus carry the rooms here.

        Join before reading the store: a repetition can be dropped, a hole cannot be seen. It returns when
        frames that are published from now on will come, or after the bus's bounded wait. Whoever has joined
        is to be opened, or to `leave`.
        """
        fresh = [room for room in rooms if room not in self.streams]
        for room in rooms:
            stream = self.streams.setdefault(room, Stream(room))
            stream.guests[sid] = Guest()
        # A room that is subscribed already costs nothing; that of a first user is one wait for each connect.
        if fresh:
            await self._bus.subscribe(fresh)

    def open(self, sid: str, heads: Mapping[str, int]) -> bool:
        """The session has been given each room up to `heads`: write it what came since, and let it in.

        False when more came than could be held for some room: replay again from `heads`, and open again.

        The session must be live, and have joined all of these rooms. It takes one turn of the loop, so no
        frame comes between what was held and what is live.
        """
        # All rooms or none: the replay that is done again is of all of them.
        guests = {room: self.streams[room].guests[sid] for room in heads}
        if any(guest.overflowed for guest in guests.values()):
            for guest in guests.values():
                # Another room's frames stay held: a second replay gives them again and `upto` drops them.
                if guest.overflowed:
                    guest.held.clear()
                    guest.overflowed = False
            return False
        for room, head in heads.items():
            self._let_in(sid, self.streams[room], guests[room], head)
        return True

    def leave(self, sid: str, rooms: Iterable[str]) -> None:
        """The session has gone, and with it its memberships in the engine: forget it.

        Safe to repeat, and for rooms that it never joined. The bus is told later, in `release`.
        """
        for room in rooms:
            stream = self.streams.get(room)
            if stream is None:
                continue
            if stream.guests.pop(sid, None) is None:
                stream.members.discard(sid)
            if not stream.members and not stream.guests:
                self._empty_rooms.add(room)

    def dismiss(self, sid: str, rooms: Sequence[str]) -> None:
        """Have a session that goes on hear no more of `rooms`.

        As when topics are taken from its user. Frames that the engine has queued for it already may still
        come.
        """
        self.leave(sid, rooms)
        for room in rooms:
            self._sockets.expel(sid, namespace_of(room), room)

    async def release(self, rooms: Iterable[str]) -> None:
        """Let go of those of `rooms` that still have no session: of their cursors, and of the subscription."""
        empty = []
        for room in rooms:
            stream = self.streams.get(room)
            if stream is not None and not stream.members and not stream.guests:
                stream.forget_hole()
                # Before the wait below: a session that joins meanwhile makes a new stream, and does not
                # inherit a cursor that has stopped.
                del self.streams[room]
                empty.append(room)
        if empty:
            await self._bus.unsubscribe(empty)
            # One that came back while the bus let go would be deaf until the next reconciliation.
            back = [room for room in empty if room in self.streams]
            if back:
                await self._bus.subscribe(back)
                self.repairs.reconcile()

    async def _release_forever(self) -> None:
        """Let go of what has been empty for one whole look, so that a reload of a page finds its rooms still there."""
        aged: set[str] = set()
        while True:
            await asyncio.sleep(self._release_seconds)
            await self.release(aged)
            aged, self._empty_rooms = self._empty_rooms, set()

    def _let_in(self, sid: str, stream: Stream, guest: Guest, head: int) -> None:
        """Write a guest what came since its replay, and make it a member once the room's cursor is where the replay ended."""
        for seq, packet in guest.held:
            # What the replay has given has a sequence up to `head`; what is not stored was in no replay.
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
            self.deliver_waiting(stream)

    def _admit(self, sid: str, stream: Stream) -> None:
        """Make a guest a member, here and in the engine in one step: the two must never be counted apart."""
        del stream.guests[sid]
        if not stream.guests:
            # A dict keeps its room for what was in it: a hundred bytes of each user's stream.
            stream.guests.clear()
        stream.members.add(sid)
        self._sockets.admit(sid, stream.namespace, stream.room)

    def rewind(self) -> None:
        """The store was put back, and its sequences begin anew: what is known of any room holds no longer.

        The sessions that were let in before have to go: their cursors are of the other line.

        Guests whose replay is under way are made to replay again. The cursors are told anew by the first of
        these.
        """
        self.written.forget()
        for stream in self.streams.values():
            stream.cursor = None
            stream.waiting.clear()
            stream.forget_hole()
            for guest in stream.guests.values():
                # Of what is held nobody knows the line: a second replay tells.
                guest.held.clear()
                guest.overflowed = True

    # Frames come in

    def hears(self, room: str) -> bool:
        """Whether a frame of the room would be written to anybody here."""
        return room in self.streams

    def receive(self, room: str, seq: int, event: bytes) -> None:
        """Take a frame from an emitter on this node or from the bus, and deliver it when it is its turn.

        Never waits, and is called for each frame of the bus. A room that has nobody here costs a look-up in a
        dict. What has no sequence is written as it comes, and repairs nothing.
        """
        stream = self.streams.get(room)
        if stream is None:
            return
        if seq == TRANSIENT:
            self.write(stream, TRANSIENT, event)
        elif stream.cursor is not None and seq <= stream.cursor:
            self.stats.repeated += 1
        elif stream.cursor is not None and seq == stream.cursor + 1:
            self.write(stream, seq, event)
            if stream.waiting:
                self.deliver_waiting(stream)
        else:
            # Also while there is no cursor: the first replay tells it, and what waits then may follow it.
            if len(stream.waiting) < WAITING_LIMIT:
                stream.waiting[seq] = event
            if stream.cursor is not None:
                self._expect_hole_to_close(stream)

    def write(self, stream: Stream, seq: int, event: bytes) -> None:
        """Write to all members, and to each guest what its replay has not given it.

        `seq` is the cursor's next, or `TRANSIENT`; it is for `receive` and the repair to see to that. The
        cursor moves first, so that a guest who has waited for it is let in by this very frame.
        """
        if seq != TRANSIENT:
            stream.cursor = seq
            if self.on_written is not None and (stream.members or stream.guests):
                self.on_written(stream.room, event)
        namespace = stream.namespace
        # Told from the bytes, for the bus carries nothing else; no JSON begins so.
        if event[0] == MARK:
            self._write_variants(stream, seq, Variants(namespace, event, self.locale_of))
            return
        packet = Packet.event(namespace, event)
        if stream.members:
            reached = self._sockets.fan_out(namespace, stream.room, packet)
            if reached != len(stream.members):
                reached += self._put_right(stream, lambda _: packet)
            self._count(stream, seq, reached)
        if stream.guests:
            # A copy: writing may let the guest in, and so take it out of the dict.
            for sid, guest in list(stream.guests.items()):
                self._write_to_guest(stream, sid, guest, seq, packet)

    def _write_variants(self, stream: Stream, seq: int, variants: Variants) -> None:
        """The same of a frame of several languages.

        Each language is encoded once for the node, however many sessions read it.
        """
        if stream.members:
            reached = self._sockets.fan_out_each(stream.namespace, stream.room, variants.of)
            if reached != len(stream.members):
                reached += self._put_right(stream, variants.of)
            self._count(stream, seq, reached)
        for sid, guest in list(stream.guests.items()):
            self._write_to_guest(stream, sid, guest, seq, variants.of(sid))

    def _count(self, stream: Stream, seq: int, reached: int) -> None:
        """Note how many sessions a frame was written to; guests are counted by themselves."""
        self.stats.delivered += reached
        if seq != TRANSIENT:
            self.written.note(stream.room, seq, reached, stream.members)

    def _put_right(self, stream: Stream, missed: Callable[[str], Packet] | None = None) -> int:
        """Have the engine's members be those that are; answers how many of them had to be written what they `missed`.

        The frame before this one reached all of them, or this would have been seen then: who is missing now has missed
        this one alone.
        """
        room, namespace = stream.room, stream.namespace
        there = frozenset(self._sockets.members(namespace, room))
        astray, strangers = stream.members - there, there - stream.members
        for sid in astray:
            if missed is not None:
                self._sockets.write(sid, missed(sid))
            self._sockets.admit(sid, namespace, room)
        for sid in strangers:
            self._sockets.expel(sid, namespace, room)
        # Who is no member even now has no session any more: else every frame would ask anew.
        gone = astray.difference(self._sockets.members(namespace, room))
        stream.members -= gone
        self.stats.put_right += len(astray) + len(strangers)
        self._misplaced.say(astray=len(astray), strangers=len(strangers))
        return 0 if missed is None else len(astray) - len(gone)

    def _write_to_guest(self, stream: Stream, sid: str, guest: Guest, seq: int, packet: Packet) -> None:
        """Keep a frame for a guest whose replay goes on, and write to one whose replay has ended what that did not give it.

        The second kind waits for the cursor alone: it is let in as soon as that reaches what the guest has.
        """
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

    def deliver_waiting(self, stream: Stream) -> None:
        """Deliver what waits in sequence behind the cursor; drop what the cursor has passed.

        The cursor is known. A room without holes ends here with its timer stopped, unless a guest still waits
        for the cursor.
        """
        assert stream.cursor is not None
        while (event := stream.waiting.pop(stream.cursor + 1, None)) is not None:
            self.write(stream, stream.cursor + 1, event)
        for seq in [seq for seq in stream.waiting if seq <= stream.cursor]:
            del stream.waiting[seq]
        if stream.waiting:
            self._expect_hole_to_close(stream)
        elif not any(guest.upto is not None for guest in stream.guests.values()):
            stream.forget_hole()

    def skip_to(self, stream: Stream, head: int) -> None:
        """Nothing up to `head` is there to be written any more.

        For the repair, which knows that the store has nothing more up to there: recalled, expired, superseded
        or pruned.
        """
        if stream.cursor is not None and stream.cursor < head:
            stream.cursor = head
        for sid, guest in list(stream.guests.items()):
            # These have it all: there is no frame to come that would let them in.
            if guest.upto is not None and guest.upto <= head:
                self._admit(sid, stream)

    def check_members(self, stream: Stream) -> None:
        """Have the engine's members be those that are, whether or not a frame has shown that they are not.

        A comparison of two sets, for every room at each reconciliation.
        """
        if stream.members != self._sockets.members(stream.namespace, stream.room):
            self._put_right(stream)

    # Holes close

    def _expect_hole_to_close(self, stream: Stream) -> None:
        """Start the timer of the hole, unless it runs or the repair has it. One timer a room, however many holes."""
        if stream.hole_timer is None and not stream.repairing:
            loop = asyncio.get_running_loop()
            stream.hole_timer = loop.call_later(HOLE_SECONDS, self._hole_stays, stream)

    def _hole_stays(self, stream: Stream) -> None:
        """Owe the room a repair, if something still waits, or a guest is still ahead of the cursor."""
        stream.hole_timer = None
        ahead = any(
            guest.upto is not None and guest.upto > (stream.cursor or 0) for guest in stream.guests.values()
        )
        if stream.waiting or ahead:
            self.stats.holes += 1
            self.repairs.owe(stream)


def _any_locale(sid: str) -> None:
    """Whoever knows the sessions takes this place."""
    del sid
