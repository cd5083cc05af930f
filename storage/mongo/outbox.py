"""The shelf of what is owed: what workers do, with the fields of `obligations.py`."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from msgspec import structs
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession as Session
from pymongo.asynchronous.cursor import AsyncCursor

from storage import collapsing
from storage.courses import Course, Step, StepKind, heard, step_of
from storage.encoding import (
    ERASED,
    EXPIRED,
    FOREVER,
    ORPHANED,
    RECALLED,
    is_writable,
    micros,
    moment,
    moment_or_none,
    news_of,
    position_of,
    writable,
)
from storage.endings import Buried, Ending, Gathered, Postponed, Released, Sent, Settled, Skipped
from storage.mail import AFTER_SENT, HASTENED, LaneName, MailState
from storage.mongo import collapsing as chains
from storage.mongo import digests, obligations
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.mongo.obligations import ANY_CASE, OBLIGATIONS, OF_ROOM, THROTTLES, TO_ADDRESS
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.transactions import atomically
from storage.outbox import (
    ORPHAN_AGE,
    ORPHAN_LOOK,
    Kind,
    Lease,
    MailPage,
    MailSearch,
    Obligation,
    Outbox,
    Subject,
)
from storage.people import Erasure
from storage.streams import Notification

_ENDED = {"mail.wake": "", "mail.token": ""}
_ORPHAN_AGE, _ORPHAN_LOOK = (round(each.total_seconds() * 1_000_000) for each in (ORPHAN_AGE, ORPHAN_LOOK))
_NOT_YET = "not yet"
_BOTH = (NOTIFICATIONS, OBLIGATIONS)
_WHY_GONE: tuple[tuple[str, Document], ...] = (
    (collapsing.REASON, {"superseded_by": {"$exists": True}}),
    (RECALLED, {"recalled_at": {"$exists": True}}),
    (EXPIRED, {"recalled_at": {"$exists": False}}),
)
"""Why mail of what is not shown any more is skipped, the first that is so."""


class MongoOutbox(MongoShelf, Outbox):
    INDEXES = obligations.INDEXES
    MIGRATIONS = obligations.MIGRATIONS

    @operation
    async def owe(self, c: Collections, owed: Sequence[Obligation]) -> int:
        return await obligations.owe(c, owed)

    @operation
    async def lease(
        self,
        c: Collections,
        *,
        lane: LaneName,
        limit: int,
        lease_seconds: float,
        now: datetime,
    ) -> list[Lease]:
        at = micros(now)
        until = micros(now + timedelta(seconds=lease_seconds))
        leases: list[Lease] = []
        while (wanted := limit - len(leases)) > 0:
            due = await _due(c, lane, at, wanted)
            own = [d for name, d in due if name == NOTIFICATIONS]
            taken = await _lease_own(c, own, until=until, now=at) if own else []
            if len(own) < len(due):
                apart = [d for name, d in due if name == OBLIGATIONS]
                taken += await _lease_apart(c, apart, until=until, now=at)
            order = {document["_id"]: place for place, (_, document) in enumerate(due)}
            leases += sorted(taken, key=lambda lease: order[lease.id])
            # That was all; or it would be found again at once, for its lease has ended already.
            if len(due) < wanted or until <= at:
                break
        return leases

    @operation
    async def prolong(self, c: Collections, lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        return await _held(c, lease, {"$set": {"mail.wake": until}})

    @operation
    async def end(self, c: Collections, lease: Lease, ending: Ending, *, now: datetime) -> bool:
        if isinstance(ending, Gathered):
            return await digests.gather(c, lease, ending, now=micros(now))
        return await _held(c, lease, _ended(lease, ending, now))

    @operation
    async def end_together(
        self, c: Collections, endings: Sequence[tuple[Lease, Settled]], *, now: datetime
    ) -> list[bool]:
        done: set[str] = set()
        for name in _BOTH:
            some = [(lease, _ended(lease, ending, now)) for lease, ending in endings if _home(lease) == name]
            done |= await _end_all(c, name, some)
        return [lease.id in done for lease, _ in endings]

    @operation
    async def claim(
        self, c: Collections, lease: Lease, key: str, *, limit: int, since: datetime, now: datetime
    ) -> bool:
        async def work(session: Session) -> bool:
            # It is written to, so that of several who count at once each sees what those before it have claimed.
            await c[THROTTLES].update_one(
                {"_id": blake2b(key.encode(), digest_size=16).hexdigest()},
                {"$set": {"at": datetime.now(UTC)}},
                upsert=True,
                session=session,
            )
            others = {**_counted(key, since), "_id": {"$ne": lease.id}}
            if await c[NOTIFICATIONS].count_documents(others, limit=limit, session=session) >= limit:
                return False
            claimed = await c[NOTIFICATIONS].update_one(
                {"_id": lease.id, "mail.token": lease.token},
                {"$set": {"mail.counted_as": key, "mail.counted_at": micros(now)}},
                session=session,
            )
            return claimed.matched_count == 1

        return await atomically(c, work)

    @operation
    async def counted(self, c: Collections, key: str, *, since: datetime) -> int:
        return await c[NOTIFICATIONS].count_documents(_counted(key, since))

    @operation
    async def find(self, c: Collections, obligation_id: str) -> Notification | None:
        if not is_writable(obligation_id):
            return None
        own = await c[NOTIFICATIONS].find_one({"_id": obligation_id, "mail": {"$exists": True}})
        if own is not None:
            return notification_of(own)
        apart = await c[OBLIGATIONS].find_one({"_id": obligation_id})
        return None if apart is None else (await _told(c, [apart])).get(obligation_id)

    @operation
    async def courses(self, c: Collections, ids: Sequence[str]) -> dict[str, Course]:
        return await obligations.courses(c, writable(ids))

    @operation
    async def subject(self, c: Collections, obligation_id: str) -> Subject | None:
        if not is_writable(obligation_id):
            return None
        apart = await c[OBLIGATIONS].find_one({"_id": obligation_id}, {"of": 1})
        if apart is not None:
            return Subject(kind=Kind(apart["of"]["kind"]), id=apart["of"]["id"])
        own = await c[NOTIFICATIONS].find_one({"_id": obligation_id, "mail": {"$exists": True}}, {"_id": 1})
        return None if own is None else Subject(kind=Kind.NOTIFICATION, id=obligation_id)

    @operation
    async def taken_as(self, c: Collections, relay_key: str) -> str | None:
        if not is_writable(relay_key):
            return None
        taken = {"mail.relay_key": relay_key}
        ids = [
            document["_id"]
            for name in _BOTH
            for document in await c[name].find(taken, {"_id": 1}).limit(2).to_list()
        ]
        return ids[0] if len(ids) == 1 else None

    @operation
    async def came_back(
        self,
        c: Collections,
        obligation_id: str,
        state: MailState,
        *,
        reason: str | None,
        now: datetime,
    ) -> bool:
        outweighed = [each.value for each in AFTER_SENT[: AFTER_SENT.index(state)]]
        chosen = {"_id": obligation_id, "mail.state": {"$in": outweighed}}
        fields = {"mail.state": state.value, "mail.reason": reason, "mail.updated_at": micros(now)}
        update = {"$set": fields} | obligations.stepped(heard(state, reason, now))
        for name in _BOTH:
            if (await c[name].update_one(chosen, update)).matched_count:
                return True
        return False

    @operation
    async def revive(self, c: Collections, ids: Sequence[str], *, now: datetime) -> list[str]:
        at = micros(now)
        return await _change(
            c,
            ids,
            MailState.DEAD,
            {
                "$set": {
                    "mail.state": "pending",
                    "mail.attempts": 0,
                    "mail.due_at": at,
                    "mail.wake": at,
                    "mail.updated_at": at,
                },
                "$unset": {"mail.reason": "", "mail.code": ""},
                **obligations.stepped(Step(at=now, kind=StepKind.REVIVED)),
            },
        )

    @operation
    async def hasten(self, c: Collections, ids: Sequence[str], *, now: datetime) -> list[str]:
        at = micros(now)
        due = {"mail.due_at": at, "mail.wake": at, "mail.updated_at": at, "mail.decided_by": HASTENED}
        return await _change(c, ids, MailState.PENDING, {"$set": due})

    @operation
    async def drop(
        self, c: Collections, ids: Sequence[str], *, rule: str, reason: str, now: datetime
    ) -> list[str]:
        fields = _said(MailState.SKIPPED, reason=reason, decided_by=rule) | {"mail.updated_at": micros(now)}
        return await _change(c, ids, MailState.PENDING, {"$set": fields, "$unset": _ENDED})

    @operation
    async def held(self, c: Collections, *, after: str | None, limit: int) -> MailPage:
        due_at, obligation_id = (-FOREVER, "") if after is None else position_of(after)
        condition: dict[str, Any] = {
            "mail.state": MailState.PENDING.value,
            "mail.decided_by": {"$type": "string", "$ne": HASTENED},
            "mail.due_at": {"$gte": due_at},
            "$or": [{"mail.due_at": {"$gt": due_at}}, {"mail.due_at": due_at, "_id": {"$gt": obligation_id}}],
        }
        found = [
            (name, document)
            for name in _BOTH
            for document in await c[name]
            .find(condition)
            .sort([("mail.due_at", 1), ("_id", 1)])
            .limit(limit + 1)
            .to_list()
        ]
        found.sort(key=lambda each: (each[1]["mail"]["due_at"], each[1]["_id"]))
        items = await _items(c, found[:limit])
        following = None
        if len(found) > limit:
            last = found[limit - 1][1]
            following = f"{last['mail']['due_at']}~{last['_id']}"
        return MailPage(items=items, next=following)

    @operation
    async def of_room(self, c: Collections, room: str, *, limit: int) -> tuple[Notification, ...]:
        own = await c[NOTIFICATIONS].find({"room": room}, {"_id": 1}).to_list()
        owed = {"$or": [{"room": room}, {"of.id": {"$in": [document["_id"] for document in own]}}]}
        cursor = c[OBLIGATIONS].find(owed).sort([("created_at", -1), ("_id", -1)]).limit(limit)
        return await _items(c, [(OBLIGATIONS, document) for document in await cursor.to_list()])

    @operation
    async def next_due(self, c: Collections, *, lane: LaneName) -> datetime | None:
        owed = {"mail.lane": lane.value, "mail.wake": {"$exists": True}}
        found = [
            document["mail"]["wake"]
            for name in _BOTH
            if (document := await c[name].find_one(owed, {"mail.wake": 1}, sort=[("mail.wake", 1)]))
        ]
        return moment_or_none(min(found, default=None))

    @operation
    async def mail_page(
        self, c: Collections, search: MailSearch, *, before: str | None, limit: int
    ) -> MailPage:
        place = (FOREVER, "") if before is None else position_of(before)
        found = [
            (name, document)
            for name in _BOTH
            for document in await _cursor(c, name, search, place).limit(limit + 1).to_list()
        ]
        found.sort(key=lambda each: (each[1]["created_at"], each[1]["_id"]), reverse=True)
        page = found[:limit]
        following = None
        if page and len(found) > limit:
            following = f"{page[-1][1]['created_at']}~{page[-1][1]['_id']}"
        return MailPage(items=await _items(c, page), next=following)

    @operation
    async def mail_counts(self, c: Collections) -> dict[MailState, int]:
        counts = dict.fromkeys(MailState, 0)
        for name in _BOTH:
            cursor = await c[name].aggregate(
                [
                    {"$match": {"mail.state": {"$exists": True}}},
                    {"$group": {"_id": "$mail.state", "count": {"$sum": 1}}},
                ]
            )
            for document in await cursor.to_list():
                counts[MailState(document["_id"])] += document["count"]
        return counts

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await obligations.forget_recipients(c, erasure.room, now=erasure.at)
        return 0


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


def _counted(key: str, since: datetime) -> Document:
    """The mails that count under a key since that time."""
    return {
        "mail.counted_as": key,
        "mail.counted_at": {"$gt": micros(since)},
        "mail.state": {"$in": [state.value for state in (MailState.LEASED, *AFTER_SENT)]},
    }


def _said(
    state: MailState, *, reason: str | None = None, code: int | None = None, decided_by: str | None = None
) -> Document:
    return {
        "mail.state": state.value,
        "mail.reason": reason,
        "mail.code": code,
        "mail.decided_by": decided_by,
    }


async def _change(c: Collections, ids: Sequence[str], state: MailState, update: Document) -> list[str]:
    """Change those of these mails that are in `state`; answers which they were, in order."""
    changed = []
    for obligation_id in dict.fromkeys(writable(ids)):
        # One by one, for a truthful answer beside another that changes the same.
        for name in _BOTH:
            chosen = {"_id": obligation_id, "mail.state": state.value}
            if (await c[name].update_one(chosen, update)).matched_count:
                changed.append(obligation_id)
                break
    return changed


async def _items(c: Collections, page: Sequence[tuple[str, Document]]) -> tuple[Notification, ...]:
    """What the documents of both collections tell; without those of which that is gone."""
    apart = [document for name, document in page if name == OBLIGATIONS]
    told = await _told(c, apart) if apart else {}
    items = [
        notification_of(document) if name == NOTIFICATIONS else told.get(document["_id"])
        for name, document in page
    ]
    return tuple(filter(None, items))


async def _due(c: Collections, lane: LaneName, now: int, limit: int) -> list[tuple[str, Document]]:
    """What a worker must look at, of both collections, oldest due first."""
    owed = {"mail.lane": lane.value, "mail.wake": {"$lte": now}}
    due = [
        (name, document)
        for name in _BOTH
        for document in await c[name]
        .find(
            owed, {"until": 1, "of": 1, "news": 1, "created_at": 1, "mail.wake": 1, "room": 1, "collapse": 1}
        )
        # By the index alone: for one more key the server would look at all that is due, every time.
        .sort("mail.wake", 1)
        .limit(limit)
        .to_list()
    ]
    due.sort(key=lambda each: (each[1]["mail"]["wake"], each[1]["_id"]))
    return due[:limit]


async def _lease_own(c: Collections, due: Sequence[Document], *, until: int, now: int) -> list[Lease]:
    """The own mails of notifications."""
    if chained := {document["room"] for document in due if "collapse" in document}:
        # What is settled here is skipped, and is not taken below.
        await chains.settle(c, list(chained))
    gone = [document["_id"] for document in due if document["until"] <= now]
    for reason, also in _WHY_GONE if gone else ():
        await _skip_gone(c, NOTIFICATIONS, gone, also, reason, now)
    ids = [document["_id"] for document in due if document["until"] > now]
    token = await _take(c, NOTIFICATIONS, ids, {"until": {"$gt": now}}, until=until, now=now)
    cursor = c[NOTIFICATIONS].find({"_id": {"$in": ids}, "mail.token": token})
    taken = {document["_id"]: notification_of(document) for document in await cursor.to_list()} if ids else {}
    return [
        Lease(
            id=i,
            of=Subject(kind=Kind.NOTIFICATION, id=i),
            notification=taken[i],
            mail=mail,
            token=token,
            until=moment(until),
        )
        for i in ids
        if i in taken and (mail := taken[i].mail) is not None
    ]


async def _lease_apart(c: Collections, due: Sequence[Document], *, until: int, now: int) -> list[Lease]:
    """What stands by itself: judged by the notification that it is of, if it is of one."""
    of = [d["of"]["id"] for d in due if d["of"]["kind"] == Kind.NOTIFICATION]
    cursor = c[NOTIFICATIONS].find({"_id": {"$in": of}}, {"until": 1, "recalled_at": 1, "superseded_by": 1})
    found = {document["_id"]: document for document in await cursor.to_list()} if of else {}
    ids = []
    for document in due:
        reason = _gone(document, found.get(document["of"]["id"]), now)
        if reason is None:
            ids.append(document["_id"])
        elif reason is not _NOT_YET:
            await _skip_gone(c, OBLIGATIONS, [document["_id"]], {}, reason, now)
        else:
            await c[OBLIGATIONS].update_one(
                {"_id": document["_id"], "mail.wake": {"$lte": now}},
                {"$set": {"mail.wake": now + _ORPHAN_LOOK}},
            )
    token = await _take(c, OBLIGATIONS, ids, {}, until=until, now=now)
    documents = await c[OBLIGATIONS].find({"_id": {"$in": ids}, "mail.token": token}).to_list() if ids else []
    told = await _told(c, documents)
    leases = []
    for document in documents:
        subject = Subject(kind=Kind(document["of"]["kind"]), id=document["of"]["id"])
        if (news := told.get(document["_id"])) is None:
            continue  # Erased in this moment: the lease runs out, and it is skipped.
        if subject.kind is Kind.NOTIFICATION:
            # Under its own id: by that its receipts are found.
            news = structs.replace(news, id=subject.id)
        leases.append(
            Lease(
                id=document["_id"],
                of=subject,
                notification=news,
                mail=obligations.mail_of(document["mail"]),
                token=token,
                until=moment(until),
            )
        )
    return leases


def _gone(obligation: Document, notification: Document | None, now: int) -> str | None:
    """Why what the obligation tells is not there; None when it is, `_NOT_YET` when it may still come."""
    if obligation["of"]["kind"] != Kind.NOTIFICATION:
        return None if "news" in obligation else ERASED
    if notification is None:
        return ORPHANED if obligation["created_at"] + _ORPHAN_AGE <= now else _NOT_YET
    if notification["until"] > now:
        return None
    if "superseded_by" in notification:
        return collapsing.REASON
    return RECALLED if "recalled_at" in notification else EXPIRED


async def _told(c: Collections, documents: Sequence[Document]) -> dict[str, Notification]:
    """What each of these obligations tells, with its mail and under its id; without those of which that is gone."""
    of = [d["of"]["id"] for d in documents if d["of"]["kind"] == Kind.NOTIFICATION]
    found = {n["_id"]: n for n in await c[NOTIFICATIONS].find({"_id": {"$in": of}}).to_list()} if of else {}
    told: dict[str, Notification] = {}
    for document in documents:
        id_, mail = document["_id"], obligations.mail_of(document["mail"])
        if document["of"]["id"] in found:
            told[id_] = structs.replace(notification_of(found[document["of"]["id"]]), id=id_, mail=mail)
        elif "news" in document:
            told[id_] = structs.replace(news_of(id_, document["news"]), mail=mail)
    return told


async def _skip_gone(
    c: Collections, name: str, ids: Sequence[str], also: Document, reason: str, now: int
) -> None:
    fields: Document = {"mail.state": "skipped", "mail.reason": reason, "mail.updated_at": now}
    if reason == collapsing.REASON:
        fields["mail.decided_by"] = collapsing.RULE
    await c[name].update_many(
        {"_id": {"$in": list(ids)}, "mail.wake": {"$lte": now}, **also}, {"$set": fields, "$unset": _ENDED}
    )


async def _take(
    c: Collections, name: str, ids: Sequence[str], also: Document, *, until: int, now: int
) -> str:
    """Lease those of `ids` that no other worker takes first: the server judges each once more as it changes it."""
    token = uuid.uuid4().hex
    if ids:
        await c[name].update_many(
            {"_id": {"$in": list(ids)}, "mail.wake": {"$lte": now}, **also},
            {
                "$set": {
                    "mail.state": "leased",
                    "mail.token": token,
                    "mail.wake": until,
                    "mail.updated_at": now,
                },
                "$inc": {"mail.attempts": 1},
            },
        )
    return token


def _ended(lease: Lease, ending: Settled, now: datetime) -> Document:
    """What is changed in a mail whose lease ends so."""
    at = micros(now)
    fields: Document = {"mail.updated_at": at}
    removed = {"mail.token": ""}
    attempts = 0
    match ending:
        case Sent(relay_id=relay_id, relay_key=relay_key):
            fields |= _said(MailState.SENT) | {"mail.sent_at": at, "mail.relay_id": relay_id}
            # What has none stays out of the index.
            fields |= {} if relay_key is None else {"mail.relay_key": relay_key}
            removed = _ENDED
        case Skipped(rule=rule, reason=reason):
            fields |= _said(MailState.SKIPPED, reason=reason, decided_by=rule)
            removed = _ENDED
        case Buried(reason=reason, code=code):
            fields |= _said(MailState.DEAD, reason=reason, code=code)
            removed = _ENDED
        case Postponed(until=until, reason=reason, code=code, counted=counted, rule=rule):
            due_at = micros(until)
            fields |= _said(MailState.PENDING, reason=reason, code=code, decided_by=rule)
            fields |= {"mail.due_at": due_at, "mail.wake": due_at}
            attempts = 0 if counted else -1
        case Released():
            # While it is leased nobody else moves the time it is due.
            fields |= {"mail.state": "pending", "mail.wake": micros(lease.mail.due_at)}
            attempts = -1
    update = {"$set": fields, "$unset": removed} | obligations.stepped(step_of(ending, lease, now))
    return update | ({"$inc": {"mail.attempts": attempts}} if attempts else {})


async def _end_all(c: Collections, name: str, endings: Sequence[tuple[Lease, Document]]) -> set[str]:
    """End several of one collection in one write; answers the ids of those whose lease was still their token's."""
    if len(endings) == 1:
        [(lease, update)] = endings
        return {lease.id} if await _held(c, lease, update) else set()
    if not endings:
        return set()
    # The server counts those it has found, and does not say which: that is read from the mails, where it is not all.
    mark = secrets.randbits(62)
    writes = [
        UpdateOne(_token_of(lease), {**update, "$set": {**update["$set"], "mail.ended_in": mark}})
        for lease, update in endings
    ]
    ids = [lease.id for lease, _ in endings]
    if (await c[name].bulk_write(writes, ordered=False)).matched_count == len(ids):
        return set(ids)
    found = c[name].find({"_id": {"$in": ids}, "mail.ended_in": mark}, {"_id": 1})
    return {document["_id"] for document in await found.to_list()}


async def _held(c: Collections, lease: Lease, update: Document) -> bool:
    """Change the mail if the lease is still this token's."""
    return (await c[_home(lease)].update_one(_token_of(lease), update)).matched_count == 1


def _token_of(lease: Lease) -> Document:
    """Where the lease is still this token's."""
    return {"_id": lease.id, "mail.token": lease.token}


def _home(lease: Lease) -> str:
    return NOTIFICATIONS if lease.is_own else OBLIGATIONS
