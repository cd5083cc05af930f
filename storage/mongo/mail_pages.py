"""Pages of what is or was owed, of both collections as one."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs
from pymongo.asynchronous.cursor import AsyncCursor

from storage.encoding import FOREVER, micros, news_of, position_of, writable
from storage.mail import HASTENED, MailState
from storage.mongo import mail_rows
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.mongo.mail_rows import ANY_CASE, BOTH, OBLIGATIONS, OF_ROOM, TO_ADDRESS
from storage.mongo.pages import ids_of
from storage.notifications import Notification
from storage.obligations import Kind
from storage.outbox import MailPage, MailSearch


async def held(c: Collections, *, after: str | None, limit: int) -> MailPage:
    """What a rule holds, the earliest due first.

    Both collections are read for a whole page, and merged.
    """
    due_at, obligation_id = (-FOREVER, "") if after is None else position_of(after, parameter="after")
    condition: dict[str, Any] = {
        "mail.state": MailState.PENDING.value,
        "mail.decided_by": {"$type": "string", "$ne": HASTENED},
        "mail.due_at": {"$gte": due_at},
        "$or": [{"mail.due_at": {"$gt": due_at}}, {"mail.due_at": due_at, "_id": {"$gt": obligation_id}}],
    }
    found = [
        (name, document)
        for name in BOTH
        for document in await c[name]
        .find(condition)
        .sort([("mail.due_at", 1), ("_id", 1)])
        .limit(limit + 1)
        .to_list()
    ]
    found.sort(key=lambda each: (each[1]["mail"]["due_at"], each[1]["_id"]))
    items = await items_of(c, found[:limit])
    following = None
    if len(found) > limit:
        last = found[limit - 1][1]
        following = f"{last['mail']['due_at']}~{last['_id']}"
    return MailPage(items=items, next=following)


async def page(c: Collections, search: MailSearch, *, before: str | None, limit: int) -> MailPage:
    """What is searched for, newest first.

    Each collection is read for a whole page by the index that fits, and merged. What tells nothing any more takes a
    place and is left out.
    """
    place = (FOREVER, "") if before is None else position_of(before)
    found = [
        (name, document)
        for name in BOTH
        for document in await _cursor(c, name, search, place).limit(limit + 1).to_list()
    ]
    found.sort(key=lambda each: _age(each[1]), reverse=True)
    shown = found[:limit]
    following = None
    if shown and len(found) > limit:
        following = f"{shown[-1][1]['created_at']}~{shown[-1][1]['_id']}"
    return MailPage(items=await items_of(c, shown), next=following)


async def of_room(c: Collections, room: str, *, limit: int) -> tuple[Notification, ...]:
    """What stands by itself and was owed to the room, or for something in it; the newest first.

    Of what is owed for each page of the room's notifications the newest are kept: no question names more than a page
    of ids, and twice `limit` documents are held at most.
    """
    found = await _newest(c, {"room": room}, limit)
    async for ids in ids_of(c, room):
        more = await _newest(c, {"of.id": {"$in": ids}}, limit)
        # By id: what is owed to the room for something in it is found both ways.
        either = {document["_id"]: document for document in (*found, *more)}
        found = sorted(either.values(), key=_age, reverse=True)[:limit]
    return await items_of(c, [(OBLIGATIONS, document) for document in found])


async def _newest(c: Collections, chosen: Document, limit: int) -> list[Document]:
    """The newest of these that stand by themselves."""
    cursor = c[OBLIGATIONS].find(chosen).sort([("created_at", -1), ("_id", -1)])
    return await cursor.limit(limit).to_list()


def _age(document: Document) -> tuple[int, str]:
    """What is newest is last by it."""
    return document["created_at"], document["_id"]


async def items_of(c: Collections, page: Sequence[tuple[str, Document]]) -> tuple[Notification, ...]:
    """What the documents of both collections tell; without those of which that is gone."""
    apart = [document for name, document in page if name == OBLIGATIONS]
    texts = await told(c, apart) if apart else {}
    items = [
        notification_of(document) if name == NOTIFICATIONS else texts.get(document["_id"])
        for name, document in page
    ]
    return tuple(filter(None, items))


async def told(c: Collections, documents: Sequence[Document]) -> dict[str, Notification]:
    """What each of these obligations tells, with its mail and under its id; without those of which that is gone."""
    of = [d["of"]["id"] for d in documents if d["of"]["kind"] == Kind.NOTIFICATION]
    found = {n["_id"]: n for n in await c[NOTIFICATIONS].find({"_id": {"$in": of}}).to_list()} if of else {}
    answer: dict[str, Notification] = {}
    for document in documents:
        id_, mail = document["_id"], mail_rows.mail_of(document["mail"])
        if document["of"]["id"] in found:
            answer[id_] = structs.replace(notification_of(found[document["of"]["id"]]), id=id_, mail=mail)
        elif "news" in document:
            answer[id_] = structs.replace(news_of(id_, document["news"]), mail=mail)
    return answer


def _cursor(c: Collections, name: str, search: MailSearch, place: tuple[int, str]) -> AsyncCursor[Document]:
    """What is searched for beyond the place in one collection, newest first, by the index that knows the fewest."""
    condition = _condition(search, place)
    if search.of is not None:
        # By its own index each: one that there is not would make the server read everything.
        either = [{"_id": search.of}] if name == NOTIFICATIONS else [{"_id": search.of}, {"of.id": search.of}]
        condition["$and"] = [{"$or": either}]
    cursor = c.lagging(name).find(condition).sort([("created_at", -1), ("_id", -1)])
    if search.addresses:
        return cursor.collation(ANY_CASE).hint(TO_ADDRESS)
    if search.room is not None and name == NOTIFICATIONS:
        return cursor.hint(OF_ROOM)
    return cursor


def _condition(search: MailSearch, place: tuple[int, str]) -> Document:
    """What both collections are asked, as an index can answer it: the state, the times, the place behind the last,
    address and room.
    """
    time, obligation_id = place
    states = list(MailState) if search.state is None else [search.state]
    when: Document = {"$lte": time}
    if search.since is not None:
        when["$gte"] = micros(search.since)
    if search.until is not None:
        when["$lt"] = micros(search.until)
    condition: Document = {
        # Each state by name: the server merges the index's ranges, and sorts nothing.
        "mail.state": {"$in": [state.value for state in states]},
        "created_at": when,
        "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": obligation_id}}],
    }
    if search.addresses:
        condition["mail.to"] = {"$in": writable(search.addresses)}
    if search.room is not None:
        condition["room"] = search.room
    return condition
