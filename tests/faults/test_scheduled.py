"""Thousands that are due at the same moment, over three nodes, one of which is killed while it emits them.

Two thousand; `BELLHOP_TEST_SCHEDULED=100000` makes it that many.
"""

import asyncio
import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from gateway.ground import encoding
from storage.encoding import micros, moment
from tests.faults.digests import Office, office

COUNT = int(os.environ.get("BELLHOP_TEST_SCHEDULED", "2000"))
USERS = COUNT // 20
BATCH = 500
DUE = {"title": {"$regex": "^due-"}}
ASKED_PER_SECOND = 1500
"""At least, as they are put off: they must be, before they are due."""


@pytest.mark.timeout(1800)
async def test_what_is_due_at_once_comes_once_each_and_never_early_though_a_node_dies(
    tmp_path: Path, capsys, monkeypatch
):
    # The machine may have others to serve.
    monkeypatch.setattr("tests.support.gateway.START_SECONDS", 600)
    async with office(tmp_path, nodes=3, workers=0, every=60) as here:
        due = datetime.now(UTC) + timedelta(seconds=10 + COUNT / ASKED_PER_SECOND)
        await put_off(here, due)
        assert datetime.now(UTC) < due, "they were put off too slowly"
        async with AsyncMongoClient(here.store_url) as client:
            store = client.get_default_database()
            notifications = store["notifications"]
            assert await notifications.count_documents(DUE) == 0
            others = await notifications.estimated_document_count()
            await until(notifications, others + COUNT // 10)
            await here.nodes[0].kill()
            await here.nodes[0].start()
            await until(notifications, others + COUNT)
            # What the dead node had emitted and not yet struck off is tried again when its lease is over, and is known then.
            await struck_off(here)
            told = [
                each
                async for each in notifications.find(DUE, {"room": 1, "seq": 1, "title": 1, "created_at": 1})
            ]

    assert Counter(each["title"] for each in told) == Counter(f"due-{number}" for number in range(COUNT))
    assert all(each["room"] == room_of(int(each["title"].partition("-")[2])) for each in told)
    sequences = sorted((each["room"], each["seq"]) for each in told)
    assert sequences == sorted(
        (room, seq)
        for room, count in Counter(map(room_of, range(COUNT))).items()
        for seq in range(1, count + 1)
    )
    first, last = (pick(each["created_at"] for each in told) for pick in (min, max))
    assert first >= micros(due), f"{due - moment(first)} early"
    with capsys.disabled():
        print(
            f"\n{COUNT} due at once: the first {moment(first) - due} after that, the last {moment(last) - due}"
        )  # noqa: T201 - what it came to


def room_of(number: int) -> str:
    return f"user:u{number % USERS}"


async def put_off(here: Office, due: datetime) -> None:
    """Ask all nodes in turn to emit all of them at that time."""
    send_at = encoding.time(due)
    callers = asyncio.Semaphore(6)

    async def ask(start: int) -> None:
        numbers = range(start, min(COUNT, start + BATCH))
        items = [
            {"to": room_of(number), "type": "TEST", "title": f"due-{number}", "send_at": send_at,
             "idempotency_key": f"due-{number}"}
            for number in numbers
        ]  # fmt: skip
        async with callers:
            answered = await here.told(
                "POST", "/internal/emit/batch", {"notifications": items}, on=start // BATCH
            )
        assert {result["status"] for result in answered["results"]} == {202}

    await asyncio.gather(*(ask(start) for start in range(0, COUNT, BATCH)))


async def until(notifications: AsyncCollection, count: int) -> None:
    """Return when it has so many documents; what a dead node had leased comes when its lease is over."""
    deadline = time.monotonic() + 300 + COUNT / 100
    while (found := await notifications.estimated_document_count()) < count:
        assert time.monotonic() < deadline, f"{found} of {count}"
        await asyncio.sleep(0.05)


async def struck_off(here: Office) -> None:
    """Return when nothing waits any more."""
    deadline = time.monotonic() + 300
    while waiting := (await here.told("GET", "/internal/scheduled?limit=1", on=1))["scheduled"]:
        assert time.monotonic() < deadline, waiting
        await asyncio.sleep(0.2)
