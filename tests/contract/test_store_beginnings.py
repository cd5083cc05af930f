"""What was said to everybody before a user was there is in the history, as read; what comes after is counted exactly."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from storage.beginnings import Membership
from storage.connect import connect, file_of
from storage.histories import HistoryQuery
from storage.inboxes import Opening, Selection
from storage.mongo import MongoStore
from storage.people import Contact
from storage.sqlite.schema import Migration
from tests.contract.store_cases import fill, later, mail, notification, put

ROOMS = ["user:ann", "topic:deals", "all"]


def membership(user: str = "ann") -> Membership:
    return Membership(own=f"user:{user}", everybodys=("all", "admins"))


async def come(store, rooms=ROOMS, *, user: str = "ann", at: datetime | None = None, **more) -> Opening:
    """The user connects."""
    return await store.inboxes.opening(
        user, rooms, since=more.get("since", {}), limit=100, now=at or later(100), membership=membership(user)
    )


async def read_flags(store, room: str, *, user: str = "ann") -> list[bool]:
    """Oldest first."""
    page = await store.inboxes.history(HistoryQuery(user=user, rooms=[room], limit=100), now=later(1000))
    return [item.receipt.is_read for item in reversed(page.items)]


async def test_shared_rooms_begin_at_the_first_connect(store, other):
    await fill(store, "all", 3)
    await fill(store, "topic:deals", 2)

    opening = await come(store)
    again = await come(other, at=later(200))

    assert (opening.unread, opening.heads) == (0, {"user:ann": 0, "topic:deals": 2, "all": 3})
    assert again.unread == 0
    assert await read_flags(store, "all") == [True, True, True]
    await fill(store, "all", 1)
    await fill(other, "topic:deals", 1)
    assert (await come(other)).unread == 2
    assert (await store.inboxes.unread("ann", ROOMS, now=later(300))).unread == 2
    assert await read_flags(other, "all") == [True, True, True, False]


async def test_a_notification_to_the_own_room_is_the_beginning(store):
    """Mail alone included: a backend knew of the user then."""
    await fill(store, "all", 2, created_at=later(0))
    await put(store, notification("user:ann", created_at=later(10), in_app=False, mail=mail()))
    await fill(store, "all", 3, created_at=later(20))
    await fill(store, "topic:deals", 4, created_at=later(20))

    opening = await come(store)

    # A topic begins when one first has it, which is now.
    assert opening.unread == 3
    assert await read_flags(store, "all") == [True, True, False, False, False]
    assert await read_flags(store, "topic:deals") == [True] * 4


async def test_an_address_is_the_beginning(store):
    await fill(store, "all", 2, created_at=later(0))
    await store.people.remember([Contact(user="ann", email="ann@example.org", last_seen=later(10))])
    await store.people.remember([Contact(user="ann", name="Ann", last_seen=later(50))])
    await fill(store, "all", 1, created_at=later(20))

    assert (await come(store)).unread == 1


async def test_a_topic_begins_when_it_is_first_had(store):
    await come(store, ["user:ann", "all"])
    await fill(store, "topic:deals", 3)

    assert (await come(store)).unread == 0
    await fill(store, "topic:deals", 1)
    # To lose and to regain it changes nothing.
    await come(store, ["user:ann", "all"])
    await fill(store, "topic:deals", 1)
    assert (await come(store)).unread == 2


async def test_without_a_connection_it_is_begun_as_well(store):
    await fill(store, "all", 3)
    for _ in range(2):
        await store.inboxes.begin("ann", ROOMS, membership=membership(), now=later(10))
    await fill(store, "all", 1)

    assert (await store.inboxes.unread("ann", ROOMS, now=later(20))).unread == 1
    assert (await store.inboxes.read_all("ann", ROOMS, now=later(30))).changed == 1
    assert (await come(store)).unread == 0


@pytest.mark.parametrize("asked", [{}, {"unread_only": True}, {"types": ["NOTE"]}])
async def test_a_page_of_who_has_not_come_before_is_a_beginning(store, asked):
    await fill(store, "all", 3)
    query = HistoryQuery(user="ann", rooms=ROOMS, membership=membership(), **asked)

    page = await store.inboxes.history(query, now=later(10))
    told = await fill(store, "all", 1)
    again = await store.inboxes.history(query, now=later(20))

    assert [item.receipt.is_read for item in page.items] == ([] if "unread_only" in asked else [True] * 3)
    assert again.items[0].notification == told[0]
    assert not again.items[0].receipt.is_read
    assert (await store.inboxes.unread("ann", ROOMS, now=later(30))).unread == 1


async def test_who_was_erased_and_returns_begins_anew(store):
    await come(store)
    await fill(store, "user:ann", 2, created_at=later(110))
    await fill(store, "all", 3, created_at=later(120))
    await store.people.remember([Contact(user="ann", email="ann@example.org", last_seen=later(130))])
    assert (await come(store)).unread == 5

    await store.people.erase_user("ann", "user:ann", now=later(140))
    await fill(store, "all", 1, created_at=later(150))

    assert (await come(store, at=later(160))).unread == 0
    assert await read_flags(store, "all") == [True] * 4
    await fill(store, "all", 1, created_at=later(170))
    assert (await come(store)).unread == 1


async def test_what_was_before_ones_time_was_read_by_nobody(store):
    """A sender sees who has read it: not whoever has signed up since."""
    [before] = await fill(store, "all", 1)
    await come(store)
    [after] = await fill(store, "all", 1)
    await store.inboxes.read_all("ann", ["all"], now=later(200))

    assert await store.inboxes.receipts(before.id) == {}
    assert list(await store.inboxes.receipts(after.id)) == ["ann"]
    # The user sees it as read.
    assert (await store.inboxes.receipt("ann", before.id)).is_read
    await store.inboxes.dismiss(Selection("ann", ["all"], [before.id], now=later(210)))
    assert await read_flags(store, "all") == [True]


async def test_nodes_that_are_connected_to_at_once_agree(store, other):
    for number in range(8):
        user = f"user-{number}"
        await fill(store, "all", 3)
        rooms = [f"user:{user}", "topic:deals", "all"]

        openings = await asyncio.gather(
            *(come(node, rooms, user=user) for node in (store, other, store, other)), fill(store, "all", 2)
        )

        settled = await store.inboxes.unread(user, rooms, now=later(500))
        for opening in openings[:4]:
            came_since = settled.heads["all"] - opening.heads["all"]
            assert opening.unread <= settled.unread == opening.unread + came_since


async def test_many_who_come_at_once_each_have_their_own_beginning(store):
    await fill(store, "all", 2, created_at=later(0))
    await put(store, notification("user:1", created_at=later(1)))
    await fill(store, "all", 3, created_at=later(2))

    openings = await asyncio.gather(
        *(come(store, [f"user:{user}", "all"], user=str(user)) for user in range(20))
    )

    assert [opening.unread for opening in openings] == [0, 4] + [0] * 18


async def test_what_of_the_own_room_is_pruned_leaves_everything_kept_unread(store):
    """Who was heard of before the oldest that is left was there for all of it."""
    await fill(store, "user:ann", 1, created_at=later(0))
    await fill(store, "all", 2, created_at=later(50))
    await store.streams.prune(before=later(10), limit=100)

    assert (await come(store)).unread == 2


async def _made_by_an_earlier_release(url: str) -> None:
    """Ann and Bob were there, Cat was written to; then this release comes."""
    store = connect(url)
    await store.open()
    for room in ("all", "topic:deals", "admins"):
        await fill(store, room, 3, created_at=later(0))
    await put(store, notification("user:cat", created_at=later(0)))
    await store.people.remember([Contact(user=user, last_seen=later(0)) for user in ("ann", "bob")])
    [first, *_] = await store.streams.span("all", after=0, limit=3)
    await store.inboxes.read(Selection("bob", ["all"], [first.id], now=later(1)))
    if isinstance(store, MongoStore):
        collections = store._operations.collections
        await collections["facts"].drop()
        await collections["contacts"].update_many({}, {"$unset": {"first_seen": ""}})
        await store.close()
        return
    migrations = [each for shelf in store._shelves for each in shelf.MIGRATIONS]
    await store.close()
    _go_back(file_of(url), [each for each in migrations if each.schema is not None and each.schema <= 2])


def _go_back(file: Path, migrations: Sequence[Migration]) -> None:
    """Have the file be what these changes alone have made of it, with as much of what is in it as that had a place for."""
    now = file.with_suffix(".now")
    file.rename(now)
    with closing(sqlite3.connect(file, isolation_level=None)) as then:
        for migration in migrations:
            migration.run(then)
        then.execute("ATTACH ? AS now", (str(now),))
        for (table,) in then.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            kept = [row[1] for row in then.execute(f"PRAGMA main.table_info({table})")]
            there = {row[1] for row in then.execute(f"PRAGMA now.table_info({table})")}
            columns = ", ".join(name for name in kept if name in there)
            if columns:
                then.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")  # noqa: S608 - ours
        then.execute("DETACH now")
        then.execute("PRAGMA user_version = 2")


@pytest.mark.parametrize("comes_as_admin_first", [True, False])
async def test_of_a_store_of_an_earlier_release_nothing_that_is_unread_becomes_read(
    store_url, comes_as_admin_first
):
    await _made_by_an_earlier_release(store_url)
    store = connect(store_url)
    await store.open()
    if comes_as_admin_first:
        assert (await come(store, ["admins"])).unread == 3

    assert (await come(store)).unread == 6
    assert (await come(store, ["admins"])).unread == 3
    assert (await come(store, ["user:bob", "topic:deals", "all"], user="bob")).unread == 5
    assert (await come(store, ["user:cat", "all"], user="cat")).unread == 4
    # From now on it is with them as with all others; who is new begins here.
    await fill(store, "topic:news", 2)
    assert (await come(store, [*ROOMS, "topic:news"])).unread == 6
    assert (await come(store, ["user:dan", "all"], user="dan")).unread == 0
    await store.close()


async def test_who_has_read_in_the_own_room_begins_with_another_room_as_anybody(store):
    """The own room has no beginning: that it has an inbox makes nobody a user of before there were any."""
    await fill(store, "admins", 5, created_at=later(0))
    assert (await come(store, at=later(10))).unread == 0
    [own] = await fill(store, "user:ann", 1, created_at=later(20))
    read = Selection("ann", ["user:ann", "all"], [own.id], now=later(30))
    assert (await store.inboxes.read(read)).changed == 1

    assert (await come(store, ["user:ann", "admins", "all"], at=later(40))).unread == 0
