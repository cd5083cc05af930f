"""What the bus has not brought is read from the store, once, and when it is there."""

import asyncio

from gateway.notify.delivery.cursors import WAITING_LIMIT
from tests.unit.gateway.delivery.scene import ROOM, frame, scene


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


async def test_a_hole_that_opens_during_a_repair_has_its_turn_after_it():
    """Else a frame behind it would wait for the next one, or for half a minute."""
    async with scene() as here:
        await here.enter("a")
        here.stream.head = 2
        here.stream.spans.clear()
        here.delivery.receive(ROOM, 2, frame(2))
        await asyncio.wait_for(here.stream.reading.wait(), 20)

        here.stream.head = 4
        here.delivery.receive(ROOM, 4, frame(4))
        here.stream.spans.set()
        await here.until(lambda: len(here.sockets.given["a"]) == 4)

        assert here.sockets.given["a"] == [1, 2, 3, 4]


async def test_what_was_read_before_the_store_was_put_back_moves_no_cursor():
    """A cursor at the former head would drop all that is emitted until the new line has come as far."""
    async with scene() as here:
        await here.enter("a")
        here.stream.head = 9
        here.stream.spans.clear()
        here.delivery.receive(ROOM, 9, frame(9))
        await asyncio.wait_for(here.stream.reading.wait(), 20)

        here.stream.head = 3
        here.delivery.rewind()
        here.delivery.rooms.leave("a", [ROOM])
        here.sockets.members_of[ROOM].clear()
        await here.enter("b")
        here.stream.spans.set()
        await here.until(lambda: not here.delivery.streams[ROOM].repairing)
        here.emit()

        assert here.sockets.given["b"] == [4]


async def test_a_repair_that_a_rewind_overtakes_is_no_failure(caplog):
    async with scene() as here:
        await here.enter("a")
        here.stream.head = 9
        here.stream.spans.clear()
        here.delivery.receive(ROOM, 9, frame(9))
        await asyncio.wait_for(here.stream.reading.wait(), 20)

        here.delivery.rewind()
        here.stream.spans.set()
        await here.until(lambda: not here.delivery.streams[ROOM].repairing)

        assert here.delivery.stats.repair_failures == 0
        assert not caplog.records
