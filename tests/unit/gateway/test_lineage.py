"""A store that is behind what was seen of it was put back: proof comes from the node's memory, or from a witness."""

import asyncio
import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.cluster import lineage
from gateway.cluster.bus.local import LocalBus
from gateway.cluster.lineage import EpochBegan, Lineage, Witnessed
from gateway.cluster.witness import FileWitness, HighWaterMark, NoWitness, RedisWitness, WitnessAway
from gateway.process.settings import load
from storage.errors import StoreUnavailable
from storage.sqlite import SQLiteStore
from tests.contract.store_cases import NOW, emission, fill, notification
from tests.support import servers
from tests.support.gateway import environment, witness_of

MARK = HighWaterMark(epoch="e", room="user:ann", seq=7, at=NOW)


@pytest.fixture
async def store(tmp_path):
    store = SQLiteStore(tmp_path / "x.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def witness(tmp_path: Path) -> FileWitness:
    return FileWitness.beside(tmp_path / "x.db")


def kept(store, witness=None) -> Lineage:
    return Lineage(store.epochs, store.streams, witness or NoWitness(), LocalBus(), lambda: datetime.now(UTC))


async def forget(store, room: str, head: int) -> None:
    """As whoever puts the file back to an older state does it: by a connection of its own."""
    connection = sqlite3.connect(store._threads._path)
    with connection:
        connection.execute("DELETE FROM notifications WHERE room = ? AND seq > ?", (room, head))
    connection.close()


async def test_what_this_node_has_appended_is_proof(store, caplog):
    turned = []
    line = kept(store)
    line.on_turn = turned.append
    await line.check()
    epoch = line.epoch
    await Witnessed(store.streams, line).append([emission(notification("a")) for _ in range(3)])
    await line.check()
    assert turned == []

    await forget(store, "a", 1)
    await line.check()
    await line.check()

    assert turned == [line.epoch]
    assert line.epoch == await store.epochs.current() != epoch
    assert caplog.messages == [
        "the store was put back to an older state: a new epoch begins",
        "a new epoch has begun",
    ]


async def test_a_sequence_that_was_had_before_is_seen_at_once(store):
    """Nobody waits for the next look: whoever has had that sequence drops the notification."""
    turned = asyncio.Event()
    line = kept(store)
    line.on_turn = lambda _: turned.set()
    await line.start()
    appends = Witnessed(store.streams, line)
    await appends.append([emission(notification("a")) for _ in range(3)])
    await forget(store, "a", 1)

    await appends.append([emission(notification("a"))])

    async with asyncio.timeout(lineage.CHECK_SECONDS * 10):
        await turned.wait()
    await line.stop()


async def test_pruning_and_erasing_are_no_proof(store):
    line = kept(store)
    await line.check()
    await Witnessed(store.streams, line).append([emission(notification("user:ann"))])
    epoch = line.epoch

    await store.people.erase_user("ann", "user:ann", now=datetime.now(UTC))
    await store.streams.prune(before=datetime.now(UTC), limit=10)
    await line.check()

    assert line.epoch == epoch


async def test_a_witness_remembers_from_one_run_to_the_next(store, witness):
    first = kept(store, witness)
    assert await first.start() is None
    await Witnessed(store.streams, first).append([emission(notification("a")) for _ in range(3)])
    await first.stop()
    mark = await witness.read()
    assert mark is not None
    assert (mark.epoch, mark.room, mark.seq) == (first.epoch, "a", 3)

    same = kept(store, witness)
    assert await same.start() == mark
    await same.stop()
    assert same.epoch == first.epoch

    await forget(store, "a", 2)
    other = kept(store, witness)
    await other.start()
    await other.stop()
    assert other.epoch != first.epoch
    again = kept(store, witness)
    await again.start()
    await again.stop()
    assert again.epoch == other.epoch


async def test_a_witness_of_another_epoch_is_proof_though_the_numbers_fit(store, witness):
    epoch = await store.epochs.current()
    await fill(store, "a", 9)
    await witness.write(HighWaterMark(epoch="later", room="a", seq=2, at=NOW))

    line = kept(store, witness)
    await line.start()
    await line.stop()

    assert line.epoch not in (epoch, "later")


async def test_a_witness_that_was_not_heard_is_heard_later_and_not_written_to_before(
    store, witness, monkeypatch, caplog
):
    """Else the one proof there is would be written over. It is said once, however long it takes."""
    monkeypatch.setattr(lineage, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(lineage, "WRITE_SECONDS", 0.01)
    await witness.write(HighWaterMark(epoch=await store.epochs.current(), room="a", seq=2, at=NOW))
    asked = 0

    class Away(NoWitness):
        async def read(self):
            nonlocal asked
            asked += 1
            if asked < 5:
                raise WitnessAway("refused")
            return await witness.read()

        async def write(self, mark):
            assert asked >= 5
            await witness.write(mark)

    turned = asyncio.Event()
    line = kept(store, Away())
    line.on_turn = lambda _: turned.set()
    await line.start()
    async with asyncio.timeout(20):
        await turned.wait()
    await line.stop()

    assert caplog.messages.count("the witness of the store is not heard") == 1


async def test_a_witness_is_told_of_what_is_appended_and_else_seldom(store, monkeypatch):
    monkeypatch.setattr(lineage, "WRITE_SECONDS", 0.01)
    told: asyncio.Queue[HighWaterMark] = asyncio.Queue()

    class Listening(NoWitness):
        refusals = 2

        async def write(self, mark):
            if self.refusals:
                self.refusals -= 1
                raise WitnessAway("refused")
            told.put_nowait(mark)

    line = kept(store, Listening())
    await line.start()
    async with asyncio.timeout(20):
        assert (await told.get()).seq == 0
        await asyncio.sleep(0.1)
        assert told.empty()
        line.appended([notification("a", seq=7)])
        assert (await told.get()).seq == 7
    await asyncio.sleep(0.1)
    assert told.empty()
    await line.stop()


async def test_the_epoch_that_another_begins_is_taken_on(store):
    line = kept(store)
    turned = []
    line.on_turn = turned.append
    await line.check()

    began = await store.epochs.turn()
    await line.check()
    line.began(EpochBegan("told"))
    line.began(EpochBegan("told"))

    assert turned == [began, "told"]


async def test_nothing_ends_the_watch(caplog):
    caplog.set_level(logging.ERROR)

    async def fails(error):
        raise error

    await lineage._quietly(lambda: fails(StoreUnavailable("away")))
    assert not caplog.records
    await lineage._quietly(lambda: fails(ZeroDivisionError()))
    assert caplog.messages == ["lineage not looked after"]


async def test_many_rooms_are_remembered_up_to_a_bound(store):
    line = kept(store)
    await line.check()
    appends = Witnessed(store.streams, line)
    for number in range(lineage.ROOMS_REMEMBERED + 20):
        await appends.append([emission(notification(f"room-{number}"))])

    assert len(line._recent) == lineage.ROOMS_REMEMBERED
    assert next(reversed(line._recent)) == f"room-{lineage.ROOMS_REMEMBERED + 19}"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"epoch": 1}', b"x" * 10_000])
async def test_a_witness_that_is_torn_is_no_evidence(witness, content, caplog):
    witness._path.write_bytes(content)

    assert await witness.read() is None
    assert caplog.messages == ["the witness of the store says nothing sound"]
    await witness.write(MARK)
    assert await witness.read() == MARK


async def test_a_witness_whose_place_is_gone_is_away(tmp_path):
    gone = FileWitness.beside(tmp_path / "nowhere" / "x.db")
    assert await gone.read() is None
    with pytest.raises(WitnessAway):
        await gone.write(MARK)
    (tmp_path / "y.db-witness").mkdir()
    with pytest.raises(WitnessAway):
        await FileWitness.beside(tmp_path / "y.db").read()


async def test_a_witness_in_redis_outlives_its_nodes_and_comes_back_with_the_server():
    with servers.redis() as server:
        one = RedisWitness(server.url, prefix="shop")
        other, stranger = RedisWitness(server.url, prefix="shop"), RedisWitness(server.url, prefix="else")
        assert await one.read() is None
        await one.write(MARK)
        assert await other.read() == MARK
        assert await stranger.read() is None

        server.pause()
        for asked in (one.read(), one.write(MARK)):
            with pytest.raises(WitnessAway):
                await asked
        server.resume()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await one.read() == MARK
                    break
                except WitnessAway:
                    continue
        for each in (one, other, stranger):
            await each.close()


def test_the_witness_goes_with_the_store_and_the_bus(tmp_path):
    def of(**settings: str):
        return witness_of(load(environment(tmp_path, **settings), serving=True))

    mongo = "mongodb://127.0.0.1/x"
    assert isinstance(of(), FileWitness)
    assert isinstance(of(BUS_URL="redis://127.0.0.1"), FileWitness)
    assert isinstance(of(STORE_URL=mongo, BUS_URL="redis://127.0.0.1"), RedisWitness)
    assert isinstance(of(STORE_URL=mongo), NoWitness)
