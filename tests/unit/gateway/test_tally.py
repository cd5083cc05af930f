"""What became of the notifications of each type is counted beside the path, and kept by the hour."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.catalog.switches import Switch
from gateway.notify.types import tally
from gateway.notify.types.tally import NOTHING, OTHERS, Tally
from mailer.outcomes import Result
from storage import tallies
from storage.errors import StoreUnavailable
from storage.mail import MailState
from storage.sqlite import SQLiteStore
from tests.contract.store_cases import mail, notification

NOON = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)


class Emits:
    def __init__(self) -> None:
        self.listeners = []


class Process:
    """The tally of one process, whose clock stands where it is put."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.live = LiveCatalog()
        self.live.switches = {"SALE": Switch(enabled=True)}
        self.now = NOON
        self.emits = Emits()
        self.tally = Tally(self.store.tallies, self.live, lambda: self.now)
        self.tally.hear(self.emits)

    def emit(self, *notifications) -> None:
        for listen in self.emits.listeners:
            listen(notifications, "shop")


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    one = Process(tmp_path / "bellhop.db")
    await one.store.open()
    one.tally.start()
    yield one
    await one.tally.stop()
    await one.store.close()


async def test_what_is_shown_and_mailed_is_counted_by_type_channel_and_outcome(process: Process):
    not_sent = replace(mail(), state=MailState.SKIPPED)
    process.emit(notification(type="SALE"), notification(type="SALE", in_app=False, mail=not_sent))
    process.emit(notification(type="NEWS", mail=mail()))
    process.emit(notification(type="MAILED", in_app=False, mail=mail()))
    for result in Result:
        process.tally.mailed("SALE", result)
    process.tally.count("SALE", "in_app", "skipped", 7)

    await process.tally._flush()

    assert await process.tally.day() == {
        "SALE": {
            "in_app": {"sent": 1, "skipped": 7, "dead": 0},
            "email": {"sent": 1, "skipped": 2, "dead": 1},
        },
        "NEWS": {
            "in_app": {"sent": 1, "skipped": 0, "dead": 0},
            "email": {"sent": 0, "skipped": 0, "dead": 0},
        },
    }
    assert (await process.tally.day_of("NEWS"))["in_app"]["sent"] == 1
    assert await process.tally.day_of("NONE") == NOTHING


async def test_a_day_is_this_hour_and_the_23_before(process: Process):
    for hours in (0, 1, 23, 24, 30):
        process.now = NOON + timedelta(hours=hours)
        process.tally.count("SALE", "in_app", "sent")
        await process.tally._flush()

    async def sent() -> int:
        return (await process.tally.day_of("SALE"))["in_app"]["sent"]

    process.now = NOON + timedelta(hours=23)
    assert await sent() == 5
    process.now = NOON + timedelta(hours=24)
    assert await sent() == 4
    process.now = NOON + timedelta(hours=47)
    assert await sent() == 2


async def test_what_is_older_than_two_days_is_forgotten(process: Process):
    process.tally.count("SALE", "in_app", "sent")
    await process.tally._flush()
    process.now = NOON + timedelta(hours=48)

    await process.tally.keep_house()
    assert len(await process.store.tallies.since(0)) == 1
    process.now += timedelta(hours=1)
    await process.tally.keep_house()

    assert await process.store.tallies.since(0) == {}


async def test_who_uses_no_catalog_and_no_switch_pays_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tally, "FLUSH_SECONDS", 0.01)
    process.live.switches = {}
    await _until(lambda: process.emits.listeners == [])

    process.tally.count("SALE", "in_app", "sent")
    process.tally.mailed("SALE", Result.SENT)

    assert process.tally._counts == {}
    assert await process.tally.day() == {}
    process.live.switches = {"SALE": Switch(enabled=True)}
    await _until(lambda: process.emits.listeners == [process.tally.emitted])


async def _until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_types_without_end_are_counted_together(process: Process, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tally, "TYPES_MAX", 3)
    for number in range(10):
        process.tally.count(f"T{number}", "in_app", "sent")
    # One that admins look at is counted by its name, whatever came before.
    process.tally.count("SALE", "in_app", "sent")
    await process.tally._flush()

    assert {each.type: count for each, count in (await process.store.tallies.since(0)).items()} == {
        "T0": 1, "T1": 1, "T2": 1, OTHERS: 7, "SALE": 1,
    }  # fmt: skip
    process.now += timedelta(days=1)
    process.tally.count("T9", "in_app", "sent")
    await process.tally._flush()
    assert tallies.TallyKey("T9", "in_app", "sent") in await process.store.tallies.since(0)


async def test_what_could_not_be_stored_is_stored_later(process: Process, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patched:

        async def away(hour, counts):
            process.tally.count("SALE", "in_app", "sent")
            raise StoreUnavailable("away")

        patched.setattr(process.store.tallies, "add", away)
        process.tally.count("SALE", "in_app", "sent", 2)
        await process.tally._flush()

    await process.tally._flush()

    assert (await process.tally.day_of("SALE"))["in_app"]["sent"] == 3


async def test_a_stop_stores_what_is_counted(tmp_path: Path):
    one = Process(tmp_path / "bellhop.db")
    await one.store.open()
    one.tally.start()
    one.tally.count("SALE", "email", "dead")

    await one.tally.stop()

    assert (await one.tally.day_of("SALE"))["email"]["dead"] == 1
    await one.store.close()


async def test_a_process_that_emits_nothing_counts_what_it_mails(tmp_path: Path):
    one = Process(tmp_path / "bellhop.db")
    office = Tally(one.store.tallies, one.live, lambda: one.now)
    await office.stop()
    await one.store.open()
    office.start()
    office.mailed("SALE", Result.SENT)

    await office.stop()

    assert one.emits.listeners == []
    assert (await one.tally.day_of("SALE"))["email"]["sent"] == 1
    await one.store.close()


async def test_what_a_newer_release_counts_beside_is_not_shown(process: Process):
    hour = int(NOON.timestamp()) // 3600
    await process.store.tallies.add(
        hour, {tallies.TallyKey("SALE", "push", "sent"): 1, tallies.TallyKey("SALE", "email", "opened"): 1}
    )

    assert await process.tally.day() == {}
