"""Delivery promises each session each notification once, in its room's order, whatever the bus does."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cluster.bus.base import TRANSIENT
from gateway.cluster.bus.local import LocalBus
from gateway.engine import Packet
from gateway.notify import events
from gateway.notify.delivery import HELD_LIMIT, WAITING_LIMIT, Delivery
from storage.errors import StoreUnavailable
from storage.notifications import Notification
from tests.support.amounts import amount

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = "topic:deals"


def clock() -> datetime:
    return NOW


def notification(seq: int, room: str = ROOM) -> Notification:
    return Notification(id=f"{room}-{seq}", room=room, seq=seq, type="T", title="t", created_at=NOW, data={})


def frame(seq: int, room: str = ROOM) -> bytes:
    return events.notification_event(notification(seq, room))


class Stream:
    """A store with one room, whose next sequences are appended by the test."""

    def __init__(self) -> None:
        self.head = 0
        self.gone: set[int] = set()
        self.away = False
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.asking = 0
        self.questions = 0

    def append(self) -> int:
        self.head += 1
        return self.head

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        self.asked.set()
        self.asking += 1
        self.questions += 1
        head = self.head
        await self.gate.wait()
        self.asking -= 1
        if self.away:
            raise StoreUnavailable("away")
        return dict.fromkeys(rooms, head)

    async def span(self, room: str, *, after: int, limit: int, now: datetime) -> list[Notification]:
        if self.away:
            raise StoreUnavailable("away")
        kept = [seq for seq in range(after + 1, self.head + 1) if seq not in self.gone]
        return [notification(seq, room) for seq in kept[:limit]]


class Sockets:
    """An engine that writes down what each session was given."""

    def __init__(self) -> None:
        self.given: dict[str, list[int | None]] = defaultdict(list)
        self.members_of: dict[str, set[str]] = defaultdict(set)
        self.closed: set[str] = set()
        self.changed = asyncio.Condition()

    def write(self, sid: str, packet: Packet) -> None:
        if sid in self.closed:
            return
        self.given[sid].append(json.loads(packet.text[2:])[1].get("seq"))

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int:
        for sid in self.members_of[room]:
            self.write(sid, packet)
        return len(self.members_of[room])

    def fan_out_each(self, namespace: str, room: str, packet_of: Callable[[str], Packet]) -> int:
        for sid in self.members_of[room]:
            self.write(sid, packet_of(sid))
        return len(self.members_of[room])

    def admit(self, sid: str, namespace: str, room: str) -> None:
        if sid not in self.closed:
            self.members_of[room].add(sid)

    def expel(self, sid: str, namespace: str, room: str) -> None:
        self.members_of[room].discard(sid)

    def members(self, namespace: str, room: str) -> set[str]:
        return self.members_of[room]


class Scene:
    def __init__(self, delivery: Delivery, sockets: Sockets, stream: Stream) -> None:
        self.delivery = delivery
        self.sockets = sockets
        self.stream = stream

    async def enter(self, sid: str) -> int:
        """Join and open as a connection does; answers the head it was given."""
        await self.delivery.rooms.join(sid, [ROOM])
        head = self.stream.head
        assert self.delivery.open(sid, {ROOM: head})
        return head

    def emit(self) -> int:
        """Append and hand to delivery, as an emit on this node does."""
        seq = self.stream.append()
        self.delivery.receive(ROOM, seq, frame(seq))
        return seq

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def scene(**options: float) -> AsyncIterator[Scene]:
    sockets, stream = Sockets(), Stream()
    delivery = Delivery(sockets, stream, LocalBus(), clock, **options)
    delivery.start()
    try:
        yield Scene(delivery, sockets, stream)
    finally:
        await delivery.stop()


async def test_frames_in_sequence_go_out_at_once():
    """No wait and no store on the ordinary path."""
    async with scene() as here:
        await here.enter("a")

        for _ in range(3):
            here.emit()

        assert here.sockets.given["a"] == [1, 2, 3]
        assert not here.stream.asked.is_set()


async def test_a_repeated_frame_is_dropped():
    """Once per connection, also when the bus repeats."""
    async with scene() as here:
        await here.enter("a")
        here.emit()

        here.delivery.receive(ROOM, 1, frame(1))

        assert here.sockets.given["a"] == [1]
        assert here.delivery.stats.repeated == 1


async def test_a_late_frame_is_waited_for_and_keeps_its_place():
    """A short disorder on the bus costs no query."""
    async with scene() as here:
        await here.enter("a")
        here.stream.head = 2

        here.delivery.receive(ROOM, 2, frame(2))
        here.delivery.receive(ROOM, 1, frame(1))

        assert here.sockets.given["a"] == [1, 2]
        assert not here.stream.asked.is_set()


async def test_a_hole_that_stays_is_filled_from_the_store():
    """A frame lost on the bus is delayed, not lost."""
    async with scene() as here:
        await here.enter("a")
        here.stream.head = 3

        here.delivery.receive(ROOM, 3, frame(3))
        await here.until(lambda: len(here.sockets.given["a"]) == 3)

        assert here.sockets.given["a"] == [1, 2, 3]


async def test_what_is_gone_from_the_store_does_not_block_what_follows():
    """A recalled notification leaves its sequence behind, and nobody waits for it."""
    async with scene() as here:
        await here.enter("a")
        here.stream.head = 4
        here.stream.gone = {2, 3}

        here.delivery.receive(ROOM, 4, frame(4))
        await here.until(lambda: len(here.sockets.given["a"]) == 2)

        assert here.sockets.given["a"] == [1, 4]
        here.emit()
        assert here.sockets.given["a"] == [1, 4, 5]


async def test_a_lost_last_frame_is_found_by_reconciliation():
    """Nothing follows it that would show the hole, so the store's heads are compared."""
    async with scene() as here:
        await here.enter("a")
        here.stream.append()

        here.delivery.repairs.reconcile()
        await here.until(lambda: here.sockets.given["a"] == [1])


async def test_returns_that_come_together_make_one_reconciliation_and_one_more():
    """A flapping bus must not make a herd of questions: one at a time, and a last one after the last return."""
    async with scene() as here:
        await here.enter("a")
        here.stream.gate.clear()
        here.stream.asked.clear()
        here.delivery.repairs.reconcile()
        await asyncio.wait_for(here.stream.asked.wait(), 40)

        here.stream.append()
        for _ in range(20):
            here.delivery.repairs.reconcile()
            await asyncio.sleep(0)
        assert here.stream.asking == 1
        here.stream.gate.set()

        # The first answer was fixed before the append: only a second question can have found it.
        await here.until(lambda: here.sockets.given["a"] == [1])
        # The one under way, the one more, and the repair's own.
        assert here.stream.questions == 3


async def test_reconciliation_comes_by_itself():
    async with scene(reconcile_seconds=0.05) as here:
        await here.enter("a")
        here.stream.append()

        await here.until(lambda: here.sockets.given["a"] == [1])


async def test_a_repair_that_found_the_store_away_is_done_when_it_is_back():
    async with scene() as here:
        await here.enter("a")
        here.stream.head, here.stream.away = 2, True
        here.delivery.receive(ROOM, 2, frame(2))
        await here.until(lambda: here.delivery.stats.repair_failures > 0)

        here.stream.away = False
        await here.until(lambda: here.sockets.given["a"] == [1, 2])


async def test_live_frames_wait_until_the_replay_is_out():
    """A session that joined gets what came meanwhile after its replay, without what the replay gave it."""
    async with scene() as here:
        await here.enter("other")
        await here.delivery.rooms.join("a", [ROOM])
        here.emit()
        head = here.stream.head
        here.emit()
        assert here.sockets.given["a"] == []

        assert here.delivery.open("a", {ROOM: head})

        assert here.sockets.given["a"] == [2]
        here.emit()
        assert here.sockets.given["a"] == [2, 3]
        assert here.sockets.given["other"] == [1, 2, 3]


async def test_a_replay_ahead_of_the_cursor_is_not_delivered_again():
    """The store knows more than the bus has brought: the newcomer has it, the others still get it, all once."""
    async with scene() as here:
        await here.enter("old")
        here.stream.head = 2
        await here.delivery.rooms.join("new", [ROOM])
        assert here.delivery.open("new", {ROOM: 2})

        here.delivery.receive(ROOM, 1, frame(1))
        here.delivery.receive(ROOM, 2, frame(2))
        here.emit()

        assert here.sockets.given == {"old": [1, 2, 3], "new": [3]}


async def test_a_replay_ahead_of_the_cursor_shows_the_hole_to_the_others():
    """What a newcomer's replay has found is repaired for those who were there before."""
    async with scene() as here:
        await here.enter("old")
        here.stream.head = 2
        await here.enter("new")

        await here.until(lambda: here.sockets.given["old"] == [1, 2])
        here.emit()

        assert here.sockets.given == {"old": [1, 2, 3], "new": [3]}


async def test_transient_events_keep_their_place_among_the_held():
    async with scene() as here:
        await here.enter("other")
        await here.delivery.rooms.join("a", [ROOM])
        here.emit()
        here.delivery.receive(ROOM, TRANSIENT, events.encode("notification", {"seq": None}))

        assert here.delivery.open("a", {ROOM: 0})

        assert here.sockets.given["a"] == [1, None]


async def test_too_much_to_hold_asks_for_another_replay():
    """What is held for one slow replay is bounded; the store has the rest."""
    async with scene() as here:
        await here.enter("other")
        await here.delivery.rooms.join("a", [ROOM])
        for _ in range(HELD_LIMIT + 5):
            here.emit()

        assert not here.delivery.open("a", {ROOM: 0})
        head = here.stream.head
        here.emit()
        assert here.delivery.open("a", {ROOM: head})

        assert here.sockets.given["a"] == [head + 1]


async def test_too_much_beyond_a_hole_is_left_to_the_store():
    async with scene() as here:
        await here.enter("a")
        here.stream.head = WAITING_LIMIT + 10
        for seq in range(2, WAITING_LIMIT + 11):
            here.delivery.receive(ROOM, seq, frame(seq))

        await here.until(lambda: len(here.sockets.given["a"]) == WAITING_LIMIT + 10)

        assert here.sockets.given["a"] == list(range(1, WAITING_LIMIT + 11))


async def test_a_room_without_sessions_is_forgotten_and_starts_anew():
    async with scene() as here:
        await here.enter("a")
        here.emit()
        here.delivery.rooms.leave("a", [ROOM])
        here.sockets.members_of[ROOM].clear()
        await here.delivery.rooms.release([ROOM])
        here.emit()

        await here.enter("b")
        here.emit()

        assert here.sockets.given["b"] == [3]


async def test_a_room_that_nobody_comes_back_to_is_released_by_itself():
    async with scene(release_seconds=0.01) as here:
        await here.enter("a")
        await here.enter("b")
        here.delivery.rooms.leave("a", [ROOM])
        here.sockets.members_of[ROOM].discard("a")
        here.emit()
        here.delivery.rooms.leave("b", [ROOM])
        here.sockets.members_of[ROOM].discard("b")

        await here.until(lambda: not here.delivery.hears(ROOM))

        assert here.sockets.given["b"] == [1]


async def test_who_is_dismissed_is_no_member_for_the_engine_either_and_may_come_back():
    async with scene() as here:
        await here.enter("a")
        await here.enter("b")
        here.emit()

        here.delivery.dismiss("a", [ROOM, "topic:never entered"])
        here.emit()
        members = set(here.sockets.members("/", ROOM))
        await here.enter("a")
        here.emit()

        assert members == {"b"}
        assert here.sockets.given == {"a": [1, 3], "b": [1, 2, 3]}
        assert here.delivery.stats.put_right == 0


async def test_who_is_dismissed_while_its_replay_is_under_way_is_never_let_in():
    async with scene() as here:
        await here.enter("b")
        await here.delivery.rooms.join("a", [ROOM])
        here.emit()

        here.delivery.dismiss("a", [ROOM])
        here.emit()

        assert here.sockets.given == {"b": [1, 2]}
        assert not here.delivery.streams[ROOM].guests


async def test_a_room_that_was_entered_again_is_not_released():
    async with scene() as here:
        await here.enter("a")
        here.delivery.rooms.leave("a", [ROOM])
        here.sockets.members_of[ROOM].clear()
        await here.enter("b")

        await here.delivery.rooms.release([ROOM])
        here.emit()

        assert here.sockets.given["b"] == [1]


async def test_a_session_that_leaves_during_its_replay_leaves_nothing_behind():
    async with scene() as here:
        await here.delivery.rooms.join("a", [ROOM])

        here.delivery.rooms.leave("a", [ROOM, "unknown"])
        await here.delivery.rooms.release([ROOM, "unknown"])

        assert not here.delivery.hears(ROOM)


async def test_a_store_put_back_to_an_older_state_does_not_silence_the_room():
    async with scene() as here:
        await here.enter("a")
        for _ in range(5):
            here.emit()
        here.stream.head = 2

        here.delivery.repairs.reconcile()
        await here.until(here.stream.asked.is_set)
        await asyncio.sleep(0)
        here.emit()

        assert here.sockets.given["a"] == [1, 2, 3, 4, 5, 3]


async def test_a_session_that_was_taken_out_of_its_room_misses_nothing():
    """Whatever took it out: the next frame is not written to as many as there are, and it gets that one too."""
    async with scene() as here:
        for sid in "abc":
            await here.enter(sid)
        here.emit()

        here.sockets.members_of[ROOM].clear()
        here.emit()
        here.emit()
        here.sockets.members_of[ROOM].discard("b")
        here.delivery.receive(ROOM, TRANSIENT, events.encode("notification", {"seq": None}))

        assert here.sockets.given == dict.fromkeys("abc", [1, 2, 3, None])
        assert here.sockets.members_of[ROOM] == {"a", "b", "c"}
        assert here.delivery.stats.put_right == 4
        assert here.delivery.stats.delivered == 12


async def test_reconciliation_puts_sessions_back_into_their_rooms_and_others_out():
    async with scene() as here:
        await here.enter("a")
        await here.enter("b")
        here.sockets.members_of[ROOM] = {"b", "stranger"}

        here.delivery.repairs.reconcile()
        await here.until(lambda: here.sockets.members_of[ROOM] == {"a", "b"})
        here.emit()

        assert here.sockets.given == {"a": [1], "b": [1]}


async def test_a_session_that_has_ended_without_a_word_is_not_looked_for_again():
    async with scene() as here:
        await here.enter("a")
        await here.enter("b")
        here.sockets.members_of[ROOM].discard("a")
        here.sockets.closed.add("a")

        for _ in range(3):
            here.emit()

        assert here.sockets.given == {"b": [1, 2, 3]}
        assert here.delivery.stats.put_right == 1
        here.delivery.rooms.leave("a", [ROOM])
        await here.delivery.rooms.release([ROOM])
        assert here.delivery.hears(ROOM)
        here.delivery.rooms.leave("b", [ROOM])
        await here.delivery.rooms.release([ROOM])
        assert not here.delivery.hears(ROOM)


async def test_a_frame_of_what_nobody_has_stored_is_dropped_and_the_store_asked_once():
    """A sequence made up must neither wait for ever nor have the store asked for ever."""
    async with scene() as here:
        await here.enter("a")

        for seq in range(1000, 1000 + WAITING_LIMIT):
            here.delivery.receive(ROOM, seq, frame(seq))
        await here.until(lambda: not here.delivery.streams[ROOM].waiting)
        asked = here.stream.questions
        here.emit()
        # A hole that is one is repaired as ever.
        here.stream.append()
        here.delivery.receive(ROOM, 3, frame(3))
        here.stream.head = 3
        await here.until(lambda: here.sockets.given["a"] == [1, 2, 3])

        assert asked == 1
        assert here.stream.questions == 2


steps = st.lists(
    st.sampled_from(["emit", "lose", "repeat", "late", "join", "open", "pause", "reconcile"]),
    min_size=1,
    max_size=60,
)


@settings(max_examples=amount(15, long=60), deadline=None)
@given(steps)
def test_whatever_the_bus_does_each_session_gets_each_once_in_order(steps: list[str]):
    """Losses, repetitions, disorder and joins in any order: from its head on, every session has every sequence."""

    async def play() -> None:
        async with scene(reconcile_seconds=0.02) as here:
            starts: dict[str, int] = {}
            joining: list[str] = []
            late: list[int] = []
            await here.delivery.rooms.join("s0", [ROOM])
            joining.append("s0")
            for step in steps:
                match step:
                    case "emit":
                        here.emit()
                    case "lose":
                        here.stream.append()
                    case "repeat" if here.stream.head:
                        here.delivery.receive(ROOM, here.stream.head, frame(here.stream.head))
                    case "late":
                        if late:
                            seq = late.pop()
                            here.delivery.receive(ROOM, seq, frame(seq))
                        else:
                            late.append(here.stream.append())
                    case "join":
                        sid = f"s{len(starts) + len(joining)}"
                        await here.delivery.rooms.join(sid, [ROOM])
                        joining.append(sid)
                    case "open" if joining:
                        sid = joining.pop()
                        starts[sid] = here.stream.head
                        assert here.delivery.open(sid, {ROOM: here.stream.head})
                    case "pause":
                        await asyncio.sleep(0.002)
                    case "reconcile":
                        here.delivery.repairs.reconcile()
            for sid in joining:
                starts[sid] = here.stream.head
                assert here.delivery.open(sid, {ROOM: here.stream.head})
            wanted = {sid: list(range(start + 1, here.stream.head + 1)) for sid, start in starts.items()}
            await here.until(lambda: all(len(here.sockets.given[sid]) >= len(wanted[sid]) for sid in wanted))
            assert {sid: here.sockets.given[sid] for sid in wanted} == wanted

    asyncio.run(play())
