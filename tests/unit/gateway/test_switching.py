"""Switches are in force where they were set at once, and elsewhere when the bus tells or the node looks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.live import LiveCatalog
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.commands import Command
from gateway.notify import switching
from gateway.notify.switching import SwitchesChanged, Switching
from storage.errors import StoreUnavailable
from storage.sqlite import SQLiteStore

NOW = datetime(2026, 12, 1, tzinfo=UTC)
DEADLINE_SECONDS = 20
OFF = {"enabled": False}


class Told(LocalBus):
    """A bus on which it is seen what was told to the others."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Command] = []

    async def order_others(self, command: Command) -> None:
        self.others.append(command)


class Node:
    """The switches of one node, on a store that others are on too."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.live = LiveCatalog()
        self.bus = Told()
        self.switching = Switching(self.store.switches, self.live, self.bus, lambda: NOW)

    async def start(self) -> None:
        await self.store.open()
        await self.switching.start()

    async def stop(self) -> None:
        await self.switching.stop()
        await self.store.close()

    def hear(self) -> None:
        self.switching.commands()[SwitchesChanged](SwitchesChanged())

    async def until(self, condition: Callable[[LiveCatalog], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition(self.live):
                await asyncio.sleep(0.01)


@pytest.fixture
async def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Node]]:
    """Two, which do not look by themselves unless they have a reason to look often."""
    monkeypatch.setattr(switching, "SELDOM_SECONDS", 3600)
    async with AsyncExitStack() as stack:
        both = [Node(tmp_path / "bellhop.db") for _ in range(2)]
        for node in both:
            await node.start()
            stack.push_async_callback(node.stop)
        yield both


async def test_a_change_is_in_force_where_it_was_made_when_it_is_answered(
    nodes: list[Node], caplog: pytest.LogCaptureFixture
):
    one, _ = nodes
    caplog.set_level(logging.INFO)

    switched = await one.switching.change("SALE", OFF, by="user:ann")

    assert one.live.switches["SALE"].enabled is False
    assert one.switching.switched == {"SALE": switched}
    assert one.bus.others == [SwitchesChanged()]
    [audited] = [record for record in caplog.records if record.message == "a type was switched"]
    assert (audited.type, audited.by, audited.asked) == ("SALE", "user:ann", OFF)


async def test_a_node_that_hears_of_a_change_looks_at_once(nodes: list[Node]):
    one, two = nodes
    await one.switching.change("SALE", OFF, by="service:shop")

    two.hear()

    await two.until(lambda live: "SALE" in live.switches)


async def test_a_node_that_never_hears_finds_out_by_itself(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch
):
    one, two = nodes
    await one.switching.change("SALE", OFF, by="service:shop")
    two.hear()
    await two.until(lambda live: "SALE" in live.switches)

    await one.switching.change("SALE", {"channels": {"email": {"percent": 5}}}, by="service:shop")
    await one.switching.change("NEWS", OFF, by="service:shop")

    await two.until(lambda live: "NEWS" in live.switches)
    assert two.live.switches == one.live.switches
    assert two.live.switches["SALE"].channel("email").percent == 5


async def test_a_node_that_has_made_the_first_switch_looks_often_from_then_on(nodes: list[Node]):
    one, two = nodes
    await one.switching.change("SALE", OFF, by="service:shop")

    await two.switching.change("NEWS", OFF, by="service:shop")

    await one.until(lambda live: "NEWS" in live.switches)


async def test_a_catalog_has_a_node_look_often(nodes: list[Node]):
    one, two = nodes
    two.live.replace(Catalog(default_locale="en", categories={}, types={}, templates={}, version="v"))
    await one.switching.change("SALE", OFF, by="service:shop")

    await two.until(lambda live: "SALE" in live.switches)


async def test_what_was_set_is_in_force_from_the_start(nodes: list[Node], tmp_path: Path):
    await nodes[0].switching.change("SALE", OFF, by="service:shop")
    await nodes[0].switching.change("NEWS", OFF, by="service:shop")
    await nodes[0].switching.change("NEWS", {"enabled": None}, by="service:shop")
    later = Node(tmp_path / "bellhop.db")

    await later.start()

    assert later.live.switches.keys() == {"SALE"}
    # What was taken back is no switch, and known to have been one.
    assert later.switching.switched.keys() == {"SALE", "NEWS"}
    await later.stop()


async def test_while_the_store_is_away_the_last_known_hold_and_then_the_new_ones(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    one, two = nodes
    await one.switching.change("SALE", OFF, by="service:shop")
    two.hear()
    await two.until(lambda live: "SALE" in live.switches)
    with monkeypatch.context() as patched:

        async def away() -> int:
            raise StoreUnavailable("away")

        patched.setattr(two.store.switches, "version", away)
        await one.switching.change("SALE", {"enabled": None}, by="service:shop")
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not any("the switches cannot be read" in message for message in caplog.messages):
                await asyncio.sleep(0.01)
        assert two.live.switches["SALE"].enabled is False

    await two.until(lambda live: not live.switches)


async def test_a_store_that_was_put_back_has_its_switches_in_force(nodes: list[Node]):
    one, two = nodes
    for asked in (OFF, {"enabled": True}, OFF):
        await one.switching.change("SALE", asked, by="service:shop")
    await two.switching.refresh()

    await one.store._threads.write(lambda c: c.execute("UPDATE switches SET version = 1, settings = '{}'"))
    await one.store._threads.write(lambda c: c.execute("DELETE FROM switch_changes WHERE version > 1"))

    await two.until(lambda live: not live.switches)


async def test_a_node_that_uses_none_of_it_looks_seldom(
    tmp_path: Path, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
):
    """And finds out all the same, without a word."""
    monkeypatch.setattr(switching, "SELDOM_SECONDS", 0.05)
    three = Node(tmp_path / "bellhop.db")
    await three.start()

    await nodes[0].switching.change("SALE", OFF, by="service:shop")

    await three.until(lambda live: "SALE" in live.switches)
    await three.stop()
