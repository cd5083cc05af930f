"""Rooms come and go with their sessions, and whoever comes back or is sent away finds them so."""

import asyncio
from collections.abc import Sequence
from typing import cast

from gateway.cluster.bus.base import Bus
from gateway.notify.delivery.heard_rooms import HeardRooms
from tests.unit.gateway.delivery.scene import ROOM, scene


class SlowBus:
    """Confirms what it is asked for when the test lets it."""

    def __init__(self) -> None:
        self.confirms = asyncio.Event()

    async def subscribe(self, rooms: Sequence[str]) -> None:
        del rooms
        await self.confirms.wait()


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


async def test_a_second_session_of_a_room_waits_as_well_until_the_bus_carries_the_room():
    """Else it reads the store and is let in while the node is deaf: what is emitted then comes half a minute later."""
    bus = SlowBus()
    rooms = HeardRooms(cast("Bus", bus), release_seconds=5, came_back=lambda: None)
    first = asyncio.create_task(rooms.join("a", [ROOM]))
    await asyncio.sleep(0)

    second = asyncio.create_task(rooms.join("b", [ROOM]))
    first.cancel()
    await asyncio.wait({first})
    third = asyncio.create_task(rooms.join("c", [ROOM]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert not second.done()
    assert not third.done()
    bus.confirms.set()
    await asyncio.gather(second, third)
    bus.confirms.clear()
    await asyncio.wait_for(rooms.join("d", [ROOM]), 1)
