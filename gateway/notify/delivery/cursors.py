"""Delivery: each connection gets each notification once, in its room's order.

A node keeps one cursor per room that it has members of: the last sequence it has written to them. A frame goes out
when it is `cursor + 1`; a lower one is a repetition and is dropped; a higher one shows a hole, which has a moment to
close by itself and is then repaired from the store. Nothing here trusts the bus: it may lose, repeat and disorder; the
store's sequences tell what is owed. Nor is the engine trusted to keep the members: how many a frame was written to tells
at once when one is missing (`muster`).

Knows rooms, cursors and the ids of sessions. Leaves sockets to the engine, the store to `repair`, the bus to
`heard_rooms`, and meaning to its callers. Whoever is a member of a room in the engine is so because it was let in here,
and until it is taken out here.
"""

from collections.abc import Callable, Mapping, Sequence

from gateway.cluster.bus.base import TRANSIENT, Bus
from gateway.engine import Packet
from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.notify.delivery.heard_rooms import RELEASE_SECONDS, HeardRooms
from gateway.notify.delivery.muster import Muster
from gateway.notify.delivery.repair import Repairs
from gateway.notify.delivery.streams import DeliveryStats, Guest, Sockets, Stream, ToldByFrame, namespace_of
from gateway.notify.delivery.translations import MARK, Variants
from gateway.notify.delivery.written import WrittenLog
from storage.notifications import Notification
from storage.streams import Streams

RECONCILE_SECONDS = 30.0
"""Between two comparisons of all cursors with the store, at most: so late a lost last frame of a room comes."""
WAITING_LIMIT = 1000
"""Frames that a room keeps beyond a hole; more are dropped, and read from the store by the repair."""
HELD_LIMIT = 1000
"""Frames kept for a session whose replay is under way; beyond it the replay is done again."""


class Delivery(Part):
    """The cursors of one node. All methods belong to its event loop; those that are not coroutines never wait.

    Of a session in a room three things may be so: it is a guest whose replay is under way, a guest that is
    ahead of the cursor, or a member. It rises from one to the next, and never goes back.

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
        self.muster = Muster(sockets, self.stats)
        """What holds the engine to the members that are."""
        self.repairs = Repairs(self, streams, clock, muster=self.muster, reconcile_seconds=reconcile_seconds)
        self.rooms = HeardRooms(bus, release_seconds=release_seconds, came_back=self.repairs.reconcile)
        """What sessions join and leave."""
        self.streams = self.rooms.streams
        self.locale_of: Callable[[str], str | None] = _any_locale
        """Which language a session reads; None where nobody knows. Asked once for each session and frame of
        several languages.
        """
        self.on_written: Callable[[str, bytes, ToldByFrame | None], None] | None = None
        """Told of each frame with a sequence that is written to a room's sessions, repairs included, and of what it
        tells where that is known. It must neither wait nor raise.
        """
        self.on_replayed: Callable[[Sequence[Notification]], None] | None = None
        """Told of what a session was given that it had missed, as above."""
        self.written = WrittenLog()
        """What was written lately, for the trace of a notification."""
        self._sockets = sockets

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_repeated_frames", "Frames dropped as repetitions", lambda: self.stats.repeated
        )
        self.repairs.measure(meters)
        self.muster.measure(meters)

    def start(self) -> None:
        self.repairs.start()
        self.rooms.start()

    async def stop(self) -> None:
        """Let go of all rooms' timers. The loops end first: a repair that goes on would set timers anew."""
        await self.rooms.stop()
        await self.repairs.stop()
        for stream in self.streams.values():
            stream.forget_hole()

    # Sessions come and go

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

    def dismiss(self, sid: str, rooms: Sequence[str]) -> None:
        """Have a session that goes on hear no more of `rooms`.

        As when topics are taken from its user. Frames that the engine has queued for it already may still
        come.
        """
        self.rooms.leave(sid, rooms)
        for room in rooms:
            self._sockets.expel(sid, namespace_of(room), room)

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
            self.repairs.expect(stream)
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
            stream.line += 1
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

    def receive(self, room: str, seq: int, event: bytes, told: ToldByFrame | None = None) -> None:
        """Take a frame from an emitter on this node or from the bus, and deliver it when it is its turn.

        Never waits, and is called for each frame of the bus. A room that has nobody here costs a look-up in a
        dict. What has no sequence is written as it comes, and repairs nothing.
        """
        stream = self.streams.get(room)
        if stream is None:
            return
        if seq == TRANSIENT:
            self.write(stream, TRANSIENT, event, told)
        elif stream.cursor is not None and seq <= stream.cursor:
            self.stats.repeated += 1
        elif stream.cursor is not None and seq == stream.cursor + 1:
            self.write(stream, seq, event, told)
            if stream.waiting:
                self.deliver_waiting(stream)
        else:
            # Also while there is no cursor: the first replay tells it, and what waits then may follow it.
            if len(stream.waiting) < WAITING_LIMIT:
                stream.waiting[seq] = event
            if stream.cursor is not None:
                self.repairs.expect(stream)

    def write(self, stream: Stream, seq: int, event: bytes, told: ToldByFrame | None = None) -> None:
        """Write to all members, and to each guest what its replay has not given it.

        `seq` is the cursor's next, or `TRANSIENT`; it is for `receive` and the repair to see to that. The
        cursor moves first, so that a guest who has waited for it is let in by this very frame.
        """
        if seq != TRANSIENT:
            stream.cursor = seq
            if self.on_written is not None and (stream.members or stream.guests):
                self.on_written(stream.room, event, told)
        namespace, members = stream.namespace, stream.members
        packet_of: Callable[[str], Packet]
        reached = 0
        # Told from the bytes, for the bus carries nothing else; no JSON begins so.
        if event[0] == MARK:
            # Each language is encoded once for the node, however many sessions read it.
            packet_of = Variants(namespace, event, self.locale_of).of
            if members:
                reached = self._sockets.fan_out_each(namespace, stream.room, packet_of)
        else:
            packet = Packet.event(namespace, event)
            packet_of = packet.for_any
            if members:
                reached = self._sockets.fan_out(namespace, stream.room, packet)
        if members:
            if reached != len(members):
                reached += self.muster.put_right(stream, packet_of)
            self.stats.delivered += reached
            # Guests are counted by themselves.
            if seq != TRANSIENT:
                self.written.note(stream.room, seq, reached, members)
        if stream.guests:
            # A copy: writing may let the guest in, and so take it out of the dict.
            for sid, guest in list(stream.guests.items()):
                self._write_to_guest(stream, sid, guest, seq, packet_of(sid))

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
            self.repairs.expect(stream)
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


def _any_locale(sid: str) -> None:
    """Whoever knows the sessions takes this place."""
    del sid
