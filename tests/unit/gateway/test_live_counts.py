"""What is told of the unread when things are recalled: once for many recalls, and at last what holds."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from auth.principal import Principal
from gateway.cluster.commands import Recount
from gateway.sockets import counting
from gateway.sockets.counting import LiveCounts
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.errors import StoreUnavailable
from storage.inboxes import Count

END = datetime(2030, 1, 1, tzinfo=UTC)


class Scene:
    """Sessions of users who are in a topic, and a store that is asked for their counts, and waits to be let go on."""

    def __init__(self, users: int) -> None:
        engine: Any = self
        reading: Any = self
        self.sessions = Sessions(engine, node="n")
        self.counts = LiveCounts(self.sessions, reading)
        self.unread_now = 9
        self.asked: list[str] = []
        self.told: dict[str, list[int]] = {}
        self.may_answer = asyncio.Event()
        self.away = False
        for n in range(users):
            self.come(f"u{n}")

    def come(self, user: str) -> None:
        self.sessions.add(
            Session(
                sid=user,
                namespace="/",
                principal=Principal(user=user, expires_at=END),
                locale=None,
                rooms=(f"user:{user}", "topic:deals", "all"),
                ends_at=END,
                stage=Stage.ENTERED,
            )  # fmt: skip
        )

    async def unread(self, user: str, rooms: Any) -> Count:
        """As `Reading` is asked."""
        del rooms
        self.asked.append(user)
        count = Count(unread=self.unread_now, heads={})
        await self.may_answer.wait()
        if self.away:
            raise StoreUnavailable("away")
        return count

    def write(self, sid: str, packet: Any) -> None:
        """As the engine is written to."""
        event = orjson.loads(packet.text[packet.text.index(b"[") :])
        self.told.setdefault(sid, []).append(event[1]["unread"])

    async def until(self, told: int) -> None:
        async with asyncio.timeout(10):
            while sum(map(len, self.told.values())) < told:
                await asyncio.sleep(0.001)


async def test_many_recalls_in_a_room_of_many_ask_for_each_user_twice_at_most():
    """Once by the round that is under way, and once for all that came during it, whatever room they were in."""
    scene = Scene(users=50)
    scene.counts.start()
    scene.counts.recount(Recount("topic:deals"))
    await asyncio.sleep(0.01)

    for scene.unread_now in range(8, -1, -1):
        scene.counts.recount(Recount("topic:deals"))
        scene.counts.recount(Recount("all"))
        scene.counts.recount(Recount("user:u3"))
    scene.may_answer.set()
    await scene.until(told=100)
    await asyncio.sleep(0.01)

    assert len(scene.asked) == 100
    assert {told[-1] for told in scene.told.values()} == {0}
    await scene.counts.stop()


async def test_a_recall_from_users_own_rooms_asks_for_these_alone():
    scene = Scene(users=5)
    scene.may_answer.set()
    scene.counts.start()

    for user in ("u1", "u3", "u1", "gone"):
        scene.counts.recount(Recount(f"user:{user}"))
    await scene.until(told=2)

    assert sorted(scene.asked) == ["u1", "u3"]
    assert set(scene.told) == {"u1", "u3"}
    await scene.counts.stop()


async def test_a_round_that_the_store_failed_keeps_none_of_the_next_from_being_told():
    scene = Scene(users=2)
    scene.may_answer.set()
    scene.away = True
    scene.counts.start()
    scene.counts.recount(Recount("all"))
    async with asyncio.timeout(10):
        while len(scene.asked) < 2:
            await asyncio.sleep(0.001)
    scene.away = False

    scene.counts.recount(Recount("all"))
    await scene.until(told=2)

    assert scene.told == {"u0": [9], "u1": [9]}
    await scene.counts.stop()


async def test_rooms_beyond_the_bound_are_dropped_and_those_that_wait_are_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(counting, "ROOMS_DUE", 1)
    scene = Scene(users=2)
    scene.may_answer.set()

    for user in ("u0", "u0", "u1"):
        scene.counts.recount(Recount(f"user:{user}"))
    scene.counts.start()
    await scene.until(told=1)

    assert scene.asked == ["u0"]
    assert [record.message for record in caplog.records] == ["a room is not counted: too many wait"]
    await scene.counts.stop()
