"""What a session missed is read after it has joined, and anew while more comes than can be held back, or what is muted changes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.cluster.bus.local import LocalBus
from gateway.ground.rooms import membership
from gateway.notify.delivery.cursors import HELD_LIMIT, Delivery
from gateway.notify.delivery.replaying import PASSES, Replaying
from storage.histories import Muted
from storage.inboxes import Opening
from tests.unit.gateway.delivery.scene import Sockets, Stream, clock, frame

ROOM = "topic:deals"


class Inboxes:
    """A store whose one room has a head; `meanwhile` is done while it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.head = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def opening(
        self, user: str, rooms: Sequence[str], *, since: Mapping[str, int], **options: Any
    ) -> Opening:
        self.asked.append({"user": user, "rooms": tuple(rooms), "since": dict(since), **options})
        head = self.head
        self.meanwhile()
        return Opening(unread=0, heads=dict.fromkeys(rooms, head), missed=(), resync=(), epoch="e")


class Scene:
    def __init__(self) -> None:
        self.inboxes = Inboxes()
        self.sockets = Sockets()
        self.delivery = Delivery(self.sockets, Stream(), LocalBus(), clock)  # type: ignore[arg-type]
        self.replaying = Replaying(
            inboxes=self.inboxes,  # type: ignore[arg-type]
            delivery=self.delivery,
            clock=clock,
            limit=9,
        )

    def emit(self, number: int = 1) -> None:
        for _ in range(number):
            self.inboxes.head += 1
            self.delivery.receive(ROOM, self.inboxes.head, frame(self.inboxes.head))

    def too_much(self) -> None:
        """More than is held back; by a room that others are members of already it would be written in order."""
        for _ in range(HELD_LIMIT + 1):
            self.delivery.write(self.delivery.streams[ROOM], 0, frame(1))


async def test_what_comes_while_it_is_read_is_held_back_and_written_once():
    """A hole between the store's answer and the first live frame could not be seen by anybody."""
    here = Scene()
    here.inboxes.meanwhile = here.emit

    opening = await here.replaying.join("a", "ann", [ROOM], since={ROOM: 0}, epoch="e", muted=None)

    assert opening.heads == {ROOM: 0}
    assert here.inboxes.asked == [
        {
            "user": "ann", "rooms": (ROOM,), "since": {ROOM: 0}, "limit": 9, "now": datetime(2026, 1, 1, tzinfo=UTC),
            "membership": membership("ann"), "epoch": "e", "muted": None,
        }
    ]  # fmt: skip
    assert here.delivery.open("a", opening.heads)
    assert here.sockets.given["a"] == [1]


async def test_a_further_pass_counts_from_the_heads_of_the_one_before():
    here = Scene()

    await here.replaying.go_on("ann", [ROOM], heads={ROOM: 7}, epoch="e", muted=None)

    assert [(each["since"], "membership" in each) for each in here.inboxes.asked] == [({ROOM: 7}, False)]


async def test_a_session_that_gains_a_room_hears_it_from_its_head_on():
    here = Scene()
    here.inboxes.head = 4

    heads = await here.replaying.gain("a", "ann", [ROOM], is_live=lambda: True)
    here.emit()

    assert heads == {ROOM: 4}
    assert here.sockets.given["a"] == [5]


async def test_a_session_that_goes_while_it_gains_a_room_is_not_let_in():
    here = Scene()

    assert await here.replaying.gain("a", "ann", [ROOM], is_live=lambda: False) is None

    assert not here.delivery.streams[ROOM].members


async def test_a_room_that_is_too_busy_is_given_up_after_so_many_passes():
    here = Scene()
    await here.replaying.gain("b", "bob", [ROOM], is_live=lambda: True)
    here.inboxes.asked.clear()
    here.inboxes.meanwhile = here.too_much

    assert await here.replaying.gain("a", "ann", [ROOM], is_live=lambda: True) is None

    assert len(here.inboxes.asked) == PASSES
    assert here.delivery.streams[ROOM].members == {"b"}


async def test_an_answer_is_counted_by_what_is_muted_when_it_is_given():
    """Else the client would be told a count that it was told to be over."""
    here = Scene()
    muted: list[Muted | None] = [None]
    other = Muted(types=frozenset({"SALE"}), own="user:ann")

    def change() -> None:
        muted[0] = other

    here.inboxes.meanwhile = change

    await here.replaying.answer("ann", [ROOM], since={ROOM: 1}, epoch=None, muted=lambda: muted[0])

    assert [each["muted"] for each in here.inboxes.asked] == [None, other]
