"""Delivery promises each session each notification once, in its room's order, whatever the bus does."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cluster.bus.base import TRANSIENT
from gateway.notify.delivery import events
from gateway.notify.delivery.cursors import HELD_LIMIT, WAITING_LIMIT
from tests.support.amounts import amount
from tests.unit.gateway.delivery.scene import ROOM, frame, scene


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


async def test_what_a_frame_tells_is_passed_on_where_it_is_known():
    """Of one that had to wait only its bytes are kept; a repair reads it from the store."""
    async with scene() as here:
        written: list[object] = []
        await here.enter("a")
        here.delivery.on_written = lambda room, event, told: written.append(told)

        here.delivery.receive(ROOM, 1, frame(1), ("one", "T"))
        here.delivery.receive(ROOM, 3, frame(3), ("three", "T"))
        here.delivery.receive(ROOM, 2, frame(2), ("two", "T"))
        assert written == [("one", "T"), ("two", "T"), None]

        here.stream.head = 5
        here.delivery.receive(ROOM, 5, frame(5))
        await here.until(lambda: len(written) == 5)

        assert written[3] == (f"{ROOM}-4", "T")


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
