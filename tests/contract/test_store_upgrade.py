"""A store as an earlier release left it, opened by this one: nothing is lost, however many start, and whatever dies."""

import asyncio
import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo import IndexModel, MongoClient

from storage.connect import connect, file_of
from storage.endings import Sent
from storage.errors import StoreConfigurationError
from storage.histories import HistoryQuery
from storage.mail import AFTER_SENT, LaneName, MailState
from storage.obligations import Kind, Lease, Subject
from storage.outbox import MailSearch
from storage.streams import Emission, IdempotencyKey
from tests.contract.notes import HALF, HALT, connect_with_notes
from tests.contract.releases.questions import LATER, answers
from tests.contract.store_cases import ROOT, emission, notification

RELEASES = Path(__file__).parent / "releases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A store that an earlier release has made, put back, and what that release said of it."""

    url: str
    told: dict[str, Any]


def _packed(name: str) -> bytes:
    return gzip.decompress((RELEASES / "0.1.0" / name).read_bytes())


def _put_back_file(folder: Path) -> str:
    (folder / "store.db").write_bytes(_packed("sqlite.db.gz"))
    return f"sqlite:///{folder / 'store.db'}"


def _put_back_database(url: str) -> None:
    dump = json_util.loads(_packed("mongodb.json.gz"), json_options=json_util.CANONICAL_JSON_OPTIONS)
    with MongoClient(url) as client:
        database = client.get_default_database()
        for name, held in dump.items():
            if held["documents"]:
                database[name].insert_many(held["documents"])
            if held["indexes"]:
                database[name].create_indexes(
                    [
                        IndexModel(
                            list(index["key"].items()),
                            **{k: v for k, v in index.items() if k not in ("v", "key", "ns")},
                        )
                        for index in held["indexes"]
                    ]
                )


@pytest.fixture
def mongo_url(new_mongo_url: str) -> str:
    """Of a database that nobody has brought to any schema yet."""
    return new_mongo_url


@pytest.fixture(params=["sqlite", "mongodb"])
def released(request, tmp_path) -> Released:
    told = json.loads(_packed(f"{request.param}-answers.json.gz"))
    if request.param == "sqlite":
        return Released(url=_put_back_file(tmp_path), told=told)
    url = request.getfixturevalue("mongo_url")
    _put_back_database(url)
    return Released(url=url, told=told)


ADDED = {
    "lane": "transactional", "decided_by": None, "relay_id": None, "entry": None, "locale": None, "timezone": None,
    "said_at": None, "told_at": {}, "digest": None, "collapse": None, "superseded_by": None, "delivered": 0, "bounced": 0, "complained": 0, "gathered": 0, "merged": 0,
    "archived_at": None, "snoozed_until": None, "returned_at": None, "acted": None, "acted_at": None, "turn": 0, "returned": [], "hold": None,
}  # fmt: skip
"""What is said since, and is said of what an earlier release has stored."""


def _as_then(answer: Any) -> Any:
    """The answer without what was added since, where that says nothing new."""
    if isinstance(answer, list):
        return [_as_then(item) for item in answer]
    if isinstance(answer, dict):
        return {k: _as_then(v) for k, v in answer.items() if k not in ADDED or v != ADDED[k]}
    return answer


async def _asked(store, told: dict[str, Any]) -> dict[str, Any]:
    async def ask(shelf: str | None, method: str, *args: Any, **options: Any) -> Any:
        if method == "next_due":
            options["lane"] = LaneName.TRANSACTIONAL
        if method == "mail_page":
            args = (MailSearch(state=options.pop("state")),)
        return await getattr(store if shelf is None else getattr(store, shelf), method)(*args, **options)

    return {q: _as_then(a) for q, a in (await answers(ask, HistoryQuery, told["ids"])).items()}


async def _lost(store, released: Released) -> dict[str, Any]:
    """What is answered otherwise now; nothing, when all is there."""
    now = await _asked(store, released.told)
    assert now.keys() == released.told["answers"].keys()
    return {q: (was, now[q]) for q, was in released.told["answers"].items() if now[q] != was}


async def test_what_an_earlier_release_has_stored_is_answered_as_it_was(released):
    """Streams, inboxes, receipts, people, and mail in every state: by all that a store can be asked."""
    store = connect(released.url)
    await store.open()

    assert await _lost(store, released) == {}
    assert await store.epochs.current() == released.told["epoch"]
    states = {n["mail"]["state"] for n in released.told["answers"]["mails"]["items"]}
    came_later = {*AFTER_SENT[1:], MailState.GATHERED, MailState.MERGED}
    assert states == {*MailState} - came_later
    await store.close()


async def test_what_an_earlier_release_has_begun_is_gone_on_with(released):
    """Keys are known, sequences go on, and who held a lease over the upgrade may settle under its token."""
    store = connect(released.url)
    await store.open()
    known = IdempotencyKey(scope="shop", text="order-7", fingerprint=b"\x00same")

    [again] = await store.streams.append([Emission(notifications=(notification("all"),), key=known)])
    [anew] = await store.streams.append([emission(notification("all"))])

    assert again.duplicate
    assert [n.title for n in again.notifications] == [
        "to user:ann",
        "to user:bob",
        "to topic:deals",
        "to all",
    ]
    assert anew.notifications[0].seq == released.told["answers"]["heads"]["all"] + 1
    for name, settled in (("leased", True), ("leased, run out", True)):
        held = await store.streams.notification(released.told["mails"][name])
        lease = Lease(
            id=held.id,
            of=Subject(kind=Kind.NOTIFICATION, id=held.id),
            notification=held,
            mail=held.mail,
            token=released.told["tokens"][name],
            until=LATER,
        )
        assert await store.outbox.end(lease, Sent(), now=LATER) is settled
    due = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=100, lease_seconds=60, now=LATER)
    assert {lease.notification.id for lease in due} == {
        released.told["mails"][name] for name in ("dead, then revived", "postponed", "mail alone", "pending")
    }
    await store.close()


@pytest.mark.parametrize("released", ["mongodb"], indirect=True)
async def test_mail_that_a_node_of_an_earlier_release_stores_beside_this_one_is_leased(released):
    """As a rolling upgrade has it: the database was brought to this release, and an older node goes on emitting."""
    store = connect(released.url)
    await store.open()
    old_document = next(
        document
        for document in json_util.loads(
            _packed("mongodb.json.gz"), json_options=json_util.CANONICAL_JSON_OPTIONS
        )["notifications"]["documents"]
        if document["_id"] == released.told["mails"]["pending"]
    )
    with MongoClient(released.url) as client:
        client.get_default_database()["notifications"].insert_one(
            old_document | {"_id": "by an older node", "seq": 1000}
        )

    due = await store.outbox.next_due(lane=LaneName.TRANSACTIONAL)
    leases = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=100, lease_seconds=60, now=LATER)
    [lease] = [each for each in leases if each.id == "by an older node"]

    assert due is not None
    assert lease.mail.order.lane is LaneName.TRANSACTIONAL
    assert await store.outbox.end(lease, Sent(), now=LATER)
    assert not await store.outbox.lease(lane=LaneName.BULK, limit=100, lease_seconds=60, now=LATER)
    await store.close()


class Opener:
    """A process of its own that opens a store with notes."""

    def __init__(self, url: str, *, halts: bool = False) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.notes", url],
            cwd=ROOT,
            env={**os.environ, **({HALT: "yes"} if halts else {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    async def halted(self) -> None:
        assert self.process.stdout is not None
        assert await asyncio.to_thread(self.process.stdout.readline) == b"half\n"

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def opener(released) -> Iterator[Callable[..., Opener]]:
    started: list[Opener] = []

    def start(**options: Any) -> Opener:
        started.append(Opener(released.url, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


async def _noted_all(store, released: Released) -> bool:
    titles = {i: released.told["answers"][f"notification {i}"] for i in released.told["ids"]}
    return await store.notes.notes() == {i: n["title"] for i, n in titles.items() if n is not None}


async def test_processes_that_start_at_once_change_the_schema_once(released, opener):
    ends = await asyncio.gather(*(opener().ended() for _ in range(3)))

    assert ends == [0, 0, 0]
    store = connect_with_notes(released.url)
    await store.open()
    assert await _lost(store, released) == {}
    assert await _noted_all(store, released)
    ran = await _ran(released.url)
    assert len(ran) == len(set(ran))
    await store.close()


async def test_a_change_of_the_schema_that_is_killed_in_its_middle_is_made_by_the_next(released, opener):
    halting = opener(halts=True)
    await halting.halted()
    halting.process.kill()
    await halting.ended()

    store = connect_with_notes(released.url)
    await store.open()

    assert len(released.told["ids"]) > HALF
    assert await _lost(store, released) == {}
    assert await _noted_all(store, released)
    await store.close()


async def _ran(url: str) -> list[str]:
    """The names of the migrations that the store says it has had."""
    if (path := file_of(url)) is None:
        with MongoClient(url) as client:
            document = client.get_default_database()["facts"].find_one({"_id": "migrations"})
            return document["ran"]
    with sqlite3.connect(path) as file:
        [(names,)] = file.execute("SELECT value FROM facts WHERE name = 'migrations'").fetchall()
    file.close()
    return json.loads(names)


def _shape(url: str) -> dict[str, Any]:
    """The tables and indexes, or the collections' indexes, by name."""
    if (path := file_of(url)) is None:
        with MongoClient(url) as client:
            database = client.get_default_database()
            indexes = {name: database[name].index_information() for name in database.list_collection_names()}
            # What has no index of its own is there from the first write on.
            return {name: of for name, of in indexes.items() if of.keys() != {"_id_"}}
    with sqlite3.connect(path) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        shape: dict[str, Any] = {
            name: sorted(file.execute(f"SELECT name, type, [notnull], pk FROM pragma_table_info('{name}')"))
            for name in tables
        }
        shape |= dict(file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
    file.close()
    return shape


async def test_a_store_that_was_upgraded_has_the_shape_of_a_new_one(released, tmp_path):
    is_file = file_of(released.url) is not None
    new_url = (
        f"sqlite:///{tmp_path / 'new.db'}" if is_file else released.url.replace("/bellhop-", "/bellhop-new-")
    )
    for url in (released.url, new_url):
        store = connect(url)
        await store.open()
        await store.close()

    assert _shape(released.url) == _shape(new_url)


async def test_a_store_that_a_newer_release_has_changed_is_refused_and_left_alone(released):
    newer = connect_with_notes(released.url)
    await newer.open()
    await newer.close()
    ran = await _ran(released.url)

    store = connect(released.url)
    with pytest.raises(StoreConfigurationError, match=r"changed by a newer release \(.*notes-2\)"):
        await store.open()
    await store.close()

    assert await _ran(released.url) == ran
    newer = connect_with_notes(released.url)
    await newer.open()
    assert await _noted_all(newer, released)
    await newer.close()


async def test_a_new_shelf_is_one_class_for_each_store(store_url):
    store = connect_with_notes(store_url)
    await store.open()
    await store.open()

    await store.notes.note("1", "of the first")
    await store.notes.note("1", "of the first, again")

    assert await store.notes.notes() == {"1": "of the first, again"}
    await store.close()


async def test_a_new_shelf_forgets_a_user_when_all_the_others_do(store_url):
    store = connect_with_notes(store_url)
    await store.open()
    for user in ("ann", "bob"):
        await store.notes.note(user, "likes tea")

    await store.people.erase_user("ann", "user:ann", now=LATER)

    assert await store.notes.notes() == {"bob": "likes tea"}
    await store.close()
