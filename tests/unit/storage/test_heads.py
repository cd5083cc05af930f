"""The heads that the writing connection remembers, which must be what the file says whatever happens."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.notifications import Notification
from storage.sqlite import SQLiteStore
from storage.sqlite.heads import REMEMBERED_ROOMS, Heads
from storage.streams import Emission

ANN, BOB = "user:ann", "user:bob"


def emission(room: str) -> Emission:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    told = Notification(id=uuid7(), room=room, type="NEWS", title="t", created_at=now, data={})
    return Emission(notifications=(told,))


async def appended(store: SQLiteStore, *rooms: str) -> list[int | None]:
    """The sequences that one batch to these rooms is given."""
    answers = await store.streams.append([emission(room) for room in rooms])
    return [each.seq for answer in answers for each in answer.notifications]


@pytest.fixture
async def store(tmp_path: Path):
    store = SQLiteStore(tmp_path / "bellhop.db")
    await store.open()
    await appended(store, ANN, ANN, BOB)
    yield store
    await store.close()


@pytest.fixture
def connection(store, tmp_path: Path):
    connection = sqlite3.connect(tmp_path / "bellhop.db", isolation_level=None)
    yield connection
    connection.close()


def test_what_was_committed_is_known_without_a_look(connection):
    heads = Heads()
    counted = heads.counting(connection, {ANN, BOB})
    assert counted == {ANN: 2, BOB: 1}
    counted[ANN] = 7
    heads.committed()

    looks: list[str] = []
    connection.set_trace_callback(looks.append)
    assert heads.counting(connection, {ANN, BOB}) == {ANN: 7, BOB: 1}
    assert looks == ["PRAGMA data_version"]


def test_what_was_undone_is_looked_up_again(connection):
    heads = Heads()
    heads.counting(connection, {ANN})[ANN] = 7

    assert heads.counting(connection, {ANN}) == {ANN: 2}


async def test_after_another_connection_has_committed_all_is_looked_up(store, connection):
    heads = Heads()
    heads.counting(connection, {ANN, BOB})
    heads.committed()

    assert await appended(store, BOB) == [2]

    assert heads.counting(connection, {ANN, BOB}) == {ANN: 2, BOB: 2}


def test_no_more_rooms_are_remembered_than_there_is_room_for(connection):
    heads = Heads()
    heads.counting(connection, [f"user:{n}" for n in range(REMEMBERED_ROOMS + 1)])
    heads.committed()

    assert heads.counting(connection, {ANN}) == {ANN: 2}
    heads.committed()
    assert list(heads._known) == [ANN]


async def test_two_processes_on_one_file_count_on_from_one_another(store, tmp_path):
    other = SQLiteStore(tmp_path / "bellhop.db")
    await other.open()

    numbers = [await appended(each, ANN) for each in (store, store, other, store, other, other)]

    assert numbers == [[3], [4], [5], [6], [7], [8]]
    await other.close()


async def test_a_batch_that_was_undone_leaves_no_hole(store):
    await store._threads.write(lambda c: c.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(StoreUnavailable):
        await appended(store, *[ANN] * 500)
    await store._threads.write(lambda c: c.execute("PRAGMA max_page_count = 1000000"))

    assert await appended(store, ANN, BOB) == [3, 2]
