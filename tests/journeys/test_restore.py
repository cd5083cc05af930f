"""A store that is put back to an older state hands out sequences that clients have had: nobody loses what comes then."""

import asyncio
import contextlib
import shutil
import signal
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from gateway.process.cli import main
from tests.support.gateway import GatewayProcess, token
from tests.support.node import JSClient, NodeProcess


@dataclass
class Kept:
    """A store under a gateway of its own, that can be backed up and put back."""

    process: GatewayProcess
    back_up: Callable[[], Awaitable[None]]
    put_back: Callable[[], Awaitable[None]]
    """While the gateway runs, or while it is stopped."""
    environment: dict[str, str]


def _sqlite_copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as one,
        contextlib.closing(sqlite3.connect(target)) as other,
    ):
        one.backup(other)


@pytest.fixture(params=["sqlite", "mongodb"])
async def kept(request, tmp_path: Path) -> AsyncIterator[Kept]:
    settings: dict[str, str] = {}
    saved: dict[str, list[dict[str, object]]] = {}
    if request.param == "mongodb":
        settings["STORE_URL"] = url = request.getfixturevalue("mongo_url")
        settings["BUS_URL"] = request.getfixturevalue("redis_url")
        settings["BUS_PREFIX"] = f"restore-{uuid.uuid4().hex[:12]}"

        async def back_up() -> None:
            async with AsyncMongoClient(url) as client:
                database = client.get_default_database()
                for name in await database.list_collection_names():
                    saved[name] = await database[name].find({}).to_list()

        async def put_back() -> None:
            async with AsyncMongoClient(url) as client:
                database = client.get_default_database()
                for name in await database.list_collection_names():
                    await database[name].delete_many({})
                    if saved.get(name):
                        await database[name].insert_many(saved[name])
    else:
        file, copy = tmp_path / "bellhop.db", tmp_path / "copy.db"

        async def back_up() -> None:
            await asyncio.to_thread(_sqlite_copy, file, copy)

        async def put_back() -> None:
            if process.is_running:
                await asyncio.to_thread(_sqlite_copy, copy, file)
            else:
                for path in (tmp_path / "bellhop.db-wal", tmp_path / "bellhop.db-shm"):
                    path.unlink(missing_ok=True)
                shutil.copy(copy, file)

    process = GatewayProcess(tmp_path, **settings)
    await process.start()
    yield Kept(process, back_up, put_back, process.environment)
    await process.close()


async def follow(kept: Kept, node: NodeProcess) -> JSClient:
    client = await node.open(
        kept.process.gateway.public,
        auth={"token": token("ann")},
        transports=("websocket",),
        follow_since=True,
    )
    await client.event("ready")
    return client


async def titles(client: JSClient) -> list[str]:
    return [n["title"] for n in (await client.call("history"))["notifications"]]


async def fill(kept: Kept, client: JSClient) -> None:
    """Ten before the backup, ten after it, all of which the client has had."""
    for number in range(20):
        if number == 10:
            await kept.back_up()
        await kept.process.gateway.emit("user:ann", f"{number}")
    await client.events("notification", 20)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_store_that_was_put_back_while_the_gateway_was_stopped_begins_anew(
    kept: Kept, node: NodeProcess, end
):
    client = await follow(kept, node)
    epoch = client.received("ready")[0]["epoch"]
    await fill(kept, client)
    if end is signal.SIGKILL:
        await kept.process.witnessed("user:ann", 20)
        await kept.process.kill()
    else:
        assert await kept.process.terminate() == 0

    await kept.put_back()
    await kept.process.start()
    ready = await client.event("ready")

    assert ready["epoch"] not in ("", epoch)
    assert "user:ann" in ready["resync"]
    assert ready["heads"]["user:ann"] == 10
    assert (await titles(client))[0] == "9"
    for number in range(15):
        await kept.process.gateway.emit("user:ann", f"anew {number}")
    assert [n["title"] for n in await client.events("notification", 15)] == [f"anew {n}" for n in range(15)]
    assert "the store was put back to an older state: a new epoch begins" in kept.process.log.read_text()


async def test_a_store_that_is_put_back_under_a_gateway_that_runs_begins_anew(kept: Kept, node: NodeProcess):
    client = await follow(kept, node)
    epoch = client.received("ready")[0]["epoch"]
    await fill(kept, client)

    await kept.put_back()
    ready = await client.event("ready")

    assert ready["epoch"] != epoch
    assert ready["heads"]["user:ann"] == 10
    assert "user:ann" in ready["resync"]
    await kept.process.gateway.emit("user:ann", "anew")
    anew = await client.event("notification")
    assert (anew["title"], anew["seq"]) == ("anew", 11)


async def test_a_client_that_stayed_away_until_the_numbers_are_past_its_own_hears_of_it(
    kept: Kept, node: NodeProcess
):
    """By the numbers alone it would have missed nothing but the last five."""
    client = await follow(kept, node)
    await fill(kept, client)
    await client.disconnect()
    assert await kept.process.terminate() == 0
    await kept.put_back()
    await kept.process.start()
    for number in range(15):
        await kept.process.gateway.emit("user:ann", f"anew {number}")

    await client.connect()
    ready = await client.event("ready")

    assert (ready["heads"]["user:ann"], ready["resync"], ready["replayed"]) == (25, ["user:ann", "all"], 0)


async def test_a_client_that_tells_no_epoch_is_served_as_before(kept: Kept, node: NodeProcess):
    for number in range(3):
        await kept.process.gateway.emit("user:ann", f"{number}")
    client = await node.open(
        kept.process.gateway.public, auth={"token": token("ann"), "since": {"user:ann": 1}}
    )

    ready = await client.event("ready")

    assert (ready["replayed"], ready["resync"]) == (2, [])


async def test_an_operator_may_say_it(kept: Kept, node: NodeProcess, monkeypatch, capsys):
    """A snapshot of a whole folder takes the witness along: nothing there tells that it is old."""
    client = await follow(kept, node)
    epoch = client.received("ready")[0]["epoch"]
    for name, value in kept.environment.items():
        monkeypatch.setenv(name, value)

    assert await asyncio.to_thread(main, ["store", "restored"]) == 0
    ready = await client.event("ready")

    assert ready["epoch"] != epoch
    assert capsys.readouterr().out == f"epoch {ready['epoch']}\n"


async def test_an_ordinary_restart_begins_nothing(kept: Kept, node: NodeProcess):
    client = await follow(kept, node)
    await fill(kept, client)
    epoch = client.received("ready")[0]["epoch"]
    for _ in range(2):
        await kept.process.kill()
        await kept.process.start()
        ready = await client.event("ready")
        assert (ready["epoch"], ready["resync"], ready["replayed"]) == (epoch, [], 0)
    assert "put back" not in kept.process.log.read_text()
