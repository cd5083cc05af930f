"""What is noted of a frame never keeps it from going out."""

from tests.unit.gateway.delivery.scene import ROOM, scene


async def test_a_room_of_one_stranger_whose_members_have_gone():
    async with scene() as here:
        await here.enter("a")
        await here.enter("b")
        here.sockets.closed |= {"a", "b"}
        here.sockets.members_of[ROOM] = {"x"}

        here.emit()

        assert here.delivery.streams[ROOM].members == set()
