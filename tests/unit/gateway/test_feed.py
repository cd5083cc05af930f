"""The feed shows a bounded sample of what is emitted, and costs nothing while nobody looks."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

from gateway.cluster.bus.local import LocalBus
from gateway.cluster.bus.redis import LARGEST_COMMAND
from gateway.cluster.commands import Command, Unknown
from gateway.cluster.switchboard import Switchboard
from gateway.notify.emitting.emitter import EmitListener
from gateway.observe import feed as feeds
from gateway.observe.feed import ROOMS_SHOWN, SHOWN_PER_SECOND, TOLD_AT_ONCE, Feed, FeedAsk, FeedTell
from storage.notifications import Notification

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE_SECONDS = 20


def notification(title: str, body: str = "") -> Notification:
    return Notification(
        id=title, room="all", type="T", title=title, body=body, created_at=NOW, data={"secret": 1}
    )


class Emitter:
    """An emitter as far as it can be listened to."""

    def __init__(self) -> None:
        self.listeners: list[EmitListener] = []

    def emit(self, *titles: str) -> None:
        for listen in self.listeners:
            listen([notification(title) for title in titles], "shop")


class Admins:
    """Sessions that write down what they are shown."""

    def __init__(self, *sids: str) -> None:
        self.here = set(sids)
        self.shown: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def has(self, sid: str) -> bool:
        return sid in self.here

    def tell(self, sid: str, event: bytes) -> bool:
        if sid in self.here:
            self.shown.put_nowait((sid, json.loads(event)[1]))
        return sid in self.here

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.shown.get()


class Node:
    def __init__(self, *sids: str) -> None:
        self.emitter, self.admins, self.bus = Emitter(), Admins(*sids), LocalBus()
        self.feed = Feed(emitter=self.emitter, watchers=self.admins, bus=self.bus, node="n1")

    async def __aenter__(self) -> Self:
        switchboard = Switchboard()
        switchboard.connect(FeedAsk, self.feed.asked)
        switchboard.connect(FeedTell, self.feed.told)
        await self.bus.start(receive=lambda *_: None, carry_out=switchboard.carry_out, returned=lambda: None)
        self.feed.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.feed.stop()
        await self.bus.stop()


async def test_nothing_is_listened_to_until_somebody_looks():
    async with Node("a") as node:
        assert not node.emitter.listeners

        await node.feed.watch("a")

        assert len(node.emitter.listeners) == 1


async def test_who_looks_is_shown_what_is_emitted_and_by_whom():
    async with Node("a", "b") as node:
        await node.feed.watch("a")

        node.emitter.emit("Shipped")

        sid, shown = await node.admins.next()
        assert (sid, shown["node"], shown["left_out"]) == ("a", "n1", 0)
        (item,) = shown["notifications"]
        assert (item["title"], item["by"], item["mail"]) == ("Shipped", "shop", False)
        assert "data" not in item


async def test_a_flood_is_sampled_and_what_is_left_out_is_counted():
    async with Node("a") as node:
        await node.feed.watch("a")

        for number in range(1000):
            node.emitter.emit(str(number))

        told = [(await node.admins.next())[1] for _ in range(SHOWN_PER_SECOND // TOLD_AT_ONCE)]
        shown = [item["title"] for event in told for item in event["notifications"]]
        assert shown == [str(number) for number in range(SHOWN_PER_SECOND)]
        assert sum(event["left_out"] for event in told) == 1000 - SHOWN_PER_SECOND


async def test_the_longest_texts_still_fit_into_a_command():
    """The bus reads no command of more than `LARGEST_COMMAND` bytes, as JSON in ASCII."""
    commands: list[Command | Unknown] = []
    async with Node("a") as node:
        await node.feed.watch("a")
        node.bus._carry_out = commands.append
        longest = Notification(
            id="i" * 36, room="user:" + "🚚" * 128, type="T" * 64, title="🚚" * 200, body="🚚" * 4000,
            created_at=NOW, data={},
        )  # fmt: skip
        assert len(node.emitter.listeners) == 1

        node.emitter.listeners[0]([longest] * TOLD_AT_ONCE, "admin:" + "🚚" * 128)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not commands:
                await asyncio.sleep(0)

        assert len(json.dumps(msgspec.to_builtins(commands[0]))) < LARGEST_COMMAND


async def test_of_an_emit_to_many_rooms_a_few_are_shown():
    async with Node("a") as node:
        await node.feed.watch("a")

        node.emitter.emit(*(str(number) for number in range(100)))

        _, shown = await node.admins.next()
        assert len(shown["notifications"]) == ROOMS_SHOWN
        assert shown["left_out"] == 100 - ROOMS_SHOWN


async def test_the_tap_closes_when_nobody_has_asked_for_a_while(monkeypatch):
    monkeypatch.setattr(feeds, "WANTED_SECONDS", 0.3)
    monkeypatch.setattr(feeds, "TICK_SECONDS", 0.01)
    closed = asyncio.Event()

    class Watched(list[EmitListener]):
        def remove(self, listener: EmitListener) -> None:
            super().remove(listener)
            closed.set()

    async with Node("a") as node:
        node.emitter.listeners = Watched()
        await node.feed.watch("a")
        closed.clear()

        node.feed.unwatch("a")

        async with asyncio.timeout(DEADLINE_SECONDS):
            await closed.wait()
        assert not node.emitter.listeners


async def test_one_who_has_gone_does_not_keep_the_tap_open(monkeypatch):
    monkeypatch.setattr(feeds, "WANTED_SECONDS", 0.3)
    monkeypatch.setattr(feeds, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(feeds, "TICK_SECONDS", 0.01)
    async with Node("a") as node:
        await node.feed.watch("a")

        node.admins.here.clear()

        async with asyncio.timeout(DEADLINE_SECONDS):
            while node.emitter.listeners:
                await asyncio.sleep(0)


async def test_what_another_node_tells_is_shown_here():
    async with Node("a") as node:
        await node.feed.watch("a")

        await node.bus.order_all(FeedTell("n2", [{"title": "There"}], 3))

        _, shown = await node.admins.next()
        assert shown == {"node": "n2", "notifications": [{"title": "There"}], "left_out": 3}
