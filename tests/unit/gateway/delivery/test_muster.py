"""The engine's members are held to be those that delivery knows of, and nobody misses a frame by that."""

from gateway.cluster.bus.base import TRANSIENT
from gateway.notify.delivery import events
from tests.unit.gateway.delivery.scene import ROOM, scene


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
