"""What only MongoDB can come to: parts of emissions, and plans of queries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from storage.histories import HistoryQuery
from storage.inboxes import Selection
from storage.mail import LaneName
from storage.mongo import MongoStore, append
from storage.mongo.append import _Batch
from storage.mongo.candidates import START, Candidates
from storage.mongo.heads import QUIET_LOOKS, Position, positions
from storage.mongo.history import NEWEST_PER_ROOM
from storage.mongo.mail_leases import SPARE
from storage.mongo.streams import TYPED_FROM
from storage.notifications import Collapse
from tests.contract.store_cases import NOW, emission, key, later, mail, notification, put, sequences


@pytest.fixture
async def store(mongo_url):
    store = MongoStore(mongo_url)
    await store.open()
    yield store
    await store.close()


@pytest.mark.parametrize("kept", [1, 2])
async def test_an_emission_of_which_a_crash_stored_only_a_part_is_completed(store, kept):
    rooms = ["a", "b", "c"]
    [first] = await store.streams.append([emission(*map(notification, rooms), key=key())])
    lost = [n.id for n in first.notifications[kept:]]
    await store._operations.collections["notifications"].delete_many({"_id": {"$in": lost}})
    node = MongoStore(store._operations._url)
    await node.open()

    [completed] = await node.streams.append([emission(*map(notification, rooms), key=key())])
    [again] = await store.streams.append([emission(*map(notification, rooms), key=key())])

    assert completed.duplicate
    assert completed.notifications[:kept] == first.notifications[:kept]
    assert again == completed
    assert [await sequences(node, room) for room in rooms] == [[1], [1], [1]]
    await node.close()


async def test_rooms_that_two_processes_append_to_are_looked_up_and_seldom_refused(store, monkeypatch):
    refused = []
    after_refusal = _Batch._after_refusal

    async def counted(batch, items, *rest):
        refused.append(len(items))
        return await after_refusal(batch, items, *rest)

    monkeypatch.setattr(_Batch, "_after_refusal", counted)
    node = MongoStore(store._operations._url)
    await node.open()
    rooms = [f"room-{number}" for number in range(20)]

    for _ in range(5):
        for each in (store, node):
            await put(each, *map(notification, rooms))

    # Each process takes its first numbers for granted once.
    assert refused == [20, 20]
    for _ in range(1 + QUIET_LOOKS):
        await put(store, *map(notification, rooms))
    assert not store.streams._appender._heads.doubtful(rooms)
    assert await sequences(store, "room-7") == list(range(1, 16))
    await node.close()


async def test_what_others_are_heard_to_have_appended_is_neither_looked_up_nor_refused(store, monkeypatch):
    asked: list[str] = []
    refused: list[int] = []
    after_refusal = _Batch._after_refusal

    async def looked(collections, rooms):
        asked.extend(rooms)
        return await positions(collections, rooms)

    async def counted(batch, items, *rest):
        refused.append(len(items))
        return await after_refusal(batch, items, *rest)

    monkeypatch.setattr(append, "positions", looked)
    monkeypatch.setattr(_Batch, "_after_refusal", counted)
    node = MongoStore(store._operations._url)
    await node.open()
    rooms = [f"room-{number}" for number in range(20)]

    for _ in range(5):
        for each, other in ((store, node), (node, store)):
            stored = await put(each, *map(notification, rooms))
            other.streams.learn({n.room: n.seq for n in stored})

    # Each process asks once for rooms that it does not know.
    assert (sorted(asked), refused) == (sorted(rooms * 2), [])
    assert await sequences(store, "room-7") == list(range(1, 11))
    await node.close()


async def test_what_was_heard_late_or_not_at_all_costs_a_look_and_nothing_else(store):
    node = MongoStore(store._operations._url)
    await node.open()
    await put(store, notification("a"))
    await put(node, notification("a"), notification("a"))
    store.streams.learn({"a": 2, "never-appended-to": 9})
    await put(store, notification("a"), notification("never-appended-to"))
    store.streams.learn({"a": 1})
    await put(store, notification("a"))

    assert await sequences(store, "a") == [1, 2, 3, 4, 5]
    assert await sequences(store, "never-appended-to") == [1]
    await node.close()


def stages(plan) -> set[str]:
    found = {plan["stage"]} if isinstance(plan, dict) and isinstance(plan.get("stage"), str) else set()
    for value in plan.values() if isinstance(plan, dict) else plan if isinstance(plan, list) else ():
        found |= stages(value)
    return found


@asynccontextmanager
async def looks(store) -> AsyncIterator[list[dict[str, Any]]]:
    """What was asked meanwhile, as the server has noted it."""
    seen: list[dict[str, Any]] = []
    database = store._operations.collections.client.get_default_database()
    await database.command("profile", 2)
    yield seen
    await database.command("profile", 0)
    noted = database["system.profile"]
    asked = {"ns": {"$ne": noted.full_name}, "command.profile": {"$exists": False}}
    seen += await noted.find(asked).to_list()
    await noted.drop()


async def test_the_heads_of_rooms_cost_one_index_entry_each(store):
    await put(store, *(notification(f"room-{i % 10}") for i in range(300)))
    rooms = [f"room-{i}" for i in range(10)]
    database = store._operations.collections.client.get_default_database()

    plan = await database.command(
        "explain",
        {
            "aggregate": "notifications",
            "pipeline": [
                {"$match": {"room": {"$in": rooms}, "seq": {"$gt": 0}}},
                {"$sort": {"room": 1, "seq": -1}},
                {"$group": {"_id": "$room", "seq": {"$first": "$seq"}}},
            ],
            "cursor": {},
        },
        verbosity="queryPlanner",
    )

    assert "DISTINCT_SCAN" in stages(plan)
    assert await positions(store._operations.collections, rooms) == dict.fromkeys(rooms, Position(30))


async def test_a_page_passes_over_a_long_chain_without_reading_it(store):
    for _ in range(3):
        await put(store, *(notification("a", collapse=Collapse("progress")) for _ in range(100)))

    async with looks(store) as seen:
        page = await store.inboxes.history(HistoryQuery(user="1", rooms=["a"]), now=NOW)

    assert [item.notification.seq for item in page.items] == [300]
    assert sum(look["docsExamined"] for look in seen) == 1


async def test_a_page_and_what_its_reader_did_are_one_question(store):
    told = await put(store, *(notification(room) for room in ("a", "b") for _ in range(50)))
    await store.inboxes.read(Selection("1", ["a", "b"], [n.id for n in told[::3]], now=NOW))
    await store.inboxes.archive(Selection("1", ["a", "b"], [told[98].id], now=NOW))

    async with looks(store) as first:
        page = await store.inboxes.history(HistoryQuery(user="1", rooms=["a", "b"]), now=NOW)
    async with looks(store) as second:
        query = HistoryQuery(user="1", rooms=["a", "b"], before=page.next)
        rest = await store.inboxes.history(query, now=NOW)

    shown = [n for n in reversed(told) if n is not told[98]]
    assert [item.notification for item in (*page.items, *rest.items)] == shown[:40]
    read = {n.id for n in told[::3]}
    for item in (*page.items, *rest.items):
        assert item.receipt.is_read == (item.notification.id in read)
    assert [len(first), len(second)] == [1, 1]


async def test_of_what_was_read_with_all_of_a_room_little_is_looked_at(store):
    """A page of what is unread: a few since all was read, and one that was made unread again."""
    told = await put(store, *(notification("a") for _ in range(3000)))
    await store.inboxes.read_all("1", ["a"], now=NOW)
    await store.inboxes.mark_unread(Selection("1", ["a"], [told[7].id], now=NOW))
    since = await put(store, *(notification("a") for _ in range(5)))

    async with looks(store) as seen:
        page = await store.inboxes.history(HistoryQuery(user="1", rooms=["a"], unread_only=True), now=NOW)

    assert [item.notification for item in page.items] == [*reversed(since), told[7]]
    assert sum(look["docsExamined"] for look in seen) < 100


@pytest.mark.parametrize("room_count", [1, 5])
async def test_a_type_that_few_are_of_is_found_without_a_look_at_all_of_a_large_room(store, room_count):
    rooms = ["a", *(f"small-{number}" for number in range(room_count - 1))]
    types = ["RARE" if number % 1500 == 100 else "NOTE" for number in range(6000)]
    told = await put(
        store,
        *(notification("a", type=type_, created_at=later(place)) for place, type_ in enumerate(types)),
    )
    rare = [n for n in reversed(told) if n.type == "RARE"]
    query = HistoryQuery(user="1", rooms=rooms, types=["RARE"], limit=3)
    # What the server finds out about rooms where every index is as good.
    await put(store, *(notification("of one type", created_at=later(place)) for place in range(5)))
    for _ in range(3):
        await store.inboxes.history(replace(query, rooms=["of one type"], types=["NOTE"]), now=NOW)

    async with looks(store) as seen:
        page = await store.inboxes.history(query, now=NOW)
        rest = await store.inboxes.history(replace(query, before=page.next), now=NOW)

    assert [item.notification for item in page.items] == rare[:3]
    assert [item.notification for item in rest.items] == rare[3:]
    newest = 0 if room_count == 1 else room_count * NEWEST_PER_ROOM
    assert sum(look["docsExamined"] for look in seen) < 2 * (TYPED_FROM + newest + 10)
    assert sum(look["keysExamined"] for look in seen) < 2 * (TYPED_FROM + newest + 20)


async def test_of_many_types_in_many_rooms_each_is_read_as_far_as_the_page_goes(store):
    """More ranges than the server merges: it would sort all of them."""
    types = [f"TYPE_{number}" for number in range(60)]
    rooms = [f"room-{number}" for number in range(8)]
    stored = TYPED_FROM + 500
    told = [
        notification(room, type=types[place % 50], created_at=later(place))
        for place in range(stored)
        for room in rooms
    ]
    await put(store, *told)
    candidates = Candidates(
        store._operations.collections, rooms, asked={"until": {"$gt": 0}}, types={"type": {"$in": types}}
    )

    async with looks(store) as seen:
        answer = await candidates.typed(START, 50)

    newest = sorted(told, key=lambda n: (n.created_at, n.id), reverse=True)
    assert [document["_id"] for document in answer.found] == [n.id for n in newest[:50]]
    early = len(rooms) * TYPED_FROM
    assert sum(look["docsExamined"] for look in seen) < early + 1000


async def test_a_lease_looks_at_few_mails_however_many_are_due(store):
    await put(store, *(notification("a", mail=mail()) for _ in range(100)))
    database = store._operations.collections.client.get_default_database()
    await database.command("profile", 2)

    leases = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=3, lease_seconds=60, now=NOW)

    await database.command("profile", 0)
    assert len(leases) == 3
    asked = {"op": "query", "ns": f"{database.name}.notifications"}
    looks = await database["system.profile"].find(asked).to_list()
    # What is due, with some to spare, and then what was taken.
    assert [look["docsExamined"] for look in looks] == [SPARE * 3, 3]


@pytest.mark.parametrize(
    ("condition", "order"),
    [
        ({"room": "a", "seq": {"$gt": 3}, "until": {"$gt": 5}}, [("seq", 1)]),
        ({"key": {"$in": ["x", "y"]}}, None),
        ({"room": {"$in": ["a", "b"]}, "created_at": {"$lte": 5}}, [("created_at", -1), ("_id", -1)]),
        ({"created_at": {"$lt": 5}}, [("created_at", 1), ("_id", 1)]),
        ({"room": {"$in": ["a", "b"]}, "until": {"$gte": 0, "$lte": 5}, "seq": {"$gt": 0}}, None),
        ({"until": {"$gt": 0, "$lte": 5}}, [("until", 1)]),
        ({"mail.lane": "bulk", "mail.wake": {"$lte": 5}}, [("mail.wake", 1)]),
        (
            {"mail.state": {"$in": ["sent", "dead"]}, "created_at": {"$lte": 5}},
            [("created_at", -1), ("_id", -1)],
        ),
    ],
    ids=["span", "keys", "history", "prune", "gone", "expiring", "owed", "mail page"],
)
async def test_every_query_is_answered_from_an_index(store, condition, order):
    await put(store, notification("a", mail=mail()), notification("b"))
    cursor = store._operations.collections["notifications"].find(condition)

    plan = await (cursor.sort(order) if order else cursor).explain()

    used = stages(plan["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in used
    assert "COLLSCAN" not in used
