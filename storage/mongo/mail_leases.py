"""Leasing what is due, of both collections: several processes look at once, and each mail is one's for as long as its lease lasts."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import randrange

from msgspec import structs
from pymongo import ReturnDocument

from storage import collapsing
from storage.encoding import ERASED, EXPIRED, ORPHANED, RECALLED, micros, moment
from storage.mail import LaneName
from storage.mongo import collapsing as chains
from storage.mongo import mail_rows
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.mongo.mail_pages import told
from storage.mongo.mail_rows import BOTH, ENDED, OBLIGATIONS
from storage.obligations import Kind, Lease, Subject
from storage.outbox import ORPHAN_AGE, ORPHAN_LOOK

_ORPHAN_AGE, _ORPHAN_LOOK = (round(each.total_seconds() * 1_000_000) for each in (ORPHAN_AGE, ORPHAN_LOOK))
_NOT_YET = "not yet"
SPARE = 4
"""So many times as many due mails are looked at as are to be taken: other workers look at the same, and are faster with some."""
_WHY_GONE: tuple[tuple[str, Document], ...] = (
    (collapsing.REASON, {"superseded_by": {"$exists": True}}),
    (RECALLED, {"recalled_at": {"$exists": True}}),
    (EXPIRED, {"recalled_at": {"$exists": False}}),
)
"""Why mail of what is not shown any more is skipped, the first that is so."""


async def lease(
    c: Collections, *, lane: LaneName, limit: int, lease_seconds: float, now: datetime
) -> list[Lease]:
    """Take up to `limit` due mails of the lane, oldest due first; what is not to be sent any more is skipped.

    A few times as many as are wanted are looked at, in one round trip; those that another worker has taken first are
    passed over. Each page is at most three writes: what is not to be sent, what is taken of each collection.
    """
    at = micros(now)
    until = micros(now + timedelta(seconds=lease_seconds))
    leases: list[Lease] = []
    due: list[tuple[str, Document]] = []
    is_all = False
    while (wanted := limit - len(leases)) > 0:
        if not due and not is_all:
            due = await _due(c, lane, at, SPARE * wanted)
            is_all = len(due) < SPARE * wanted
        page, due = due[:wanted], due[wanted:]
        if not page:
            break
        own = [d for name, d in page if name == NOTIFICATIONS]
        taken = await _lease_own(c, own, until=until, now=at) if own else []
        if len(own) < len(page):
            apart = [d for name, d in page if name == OBLIGATIONS]
            taken += await _lease_apart(c, apart, until=until, now=at)
        order = {document["_id"]: place for place, (_, document) in enumerate(page)}
        leases += sorted(taken, key=lambda lease: order[lease.id])
        if not taken and len(due) > wanted:
            # Another worker is faster with these, and will be with the next ones: not to follow it page by page.
            place = wanted * randrange(len(due) // wanted)  # noqa: S311 - no secret
            due = due[place:] + due[:place]
        if until <= at:
            break  # A lease that has ended already would be found again at once.
    return leases


async def _due(c: Collections, lane: LaneName, now: int, limit: int) -> list[tuple[str, Document]]:
    """What a worker must look at, of both collections, oldest due first."""
    owed = mail_rows.in_lane(lane) | {"mail.wake": {"$lte": now}}
    looked_at = {"until": 1, "of": 1, "news": 1, "created_at": 1, "mail.wake": 1, "room": 1, "collapse": 1}
    # By the index alone: for one more key the server would look at all that is due, every time.
    cursors = [c[name].find(owed, looked_at).sort("mail.wake", 1).limit(limit) for name in BOTH]
    # Both at once: a mail that somebody waits for is always found alone.
    found = await asyncio.gather(*(cursor.to_list() for cursor in cursors))
    due = [(name, document) for name, page in zip(BOTH, found, strict=True) for document in page]
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
    token = uuid.uuid4().hex
    documents = await _taken(c, ids, {"until": {"$gt": now}}, token, until=until, now=now)
    taken = {document["_id"]: notification_of(document) for document in documents}
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
    token = uuid.uuid4().hex
    if not await _take(c, OBLIGATIONS, ids, {}, token, until=until, now=now):
        return []
    documents = await c[OBLIGATIONS].find({"_id": {"$in": ids}, "mail.token": token}).to_list()
    texts = await told(c, documents)
    leases = []
    for document in documents:
        subject = Subject(kind=Kind(document["of"]["kind"]), id=document["of"]["id"])
        if (news := texts.get(document["_id"])) is None:
            continue  # Erased in this moment: the lease runs out, and it is skipped.
        if subject.kind is Kind.NOTIFICATION:
            # Under its own id: by that its receipts are found.
            news = structs.replace(news, id=subject.id)
        leases.append(
            Lease(
                id=document["_id"],
                of=subject,
                notification=news,
                mail=mail_rows.mail_of(document["mail"]),
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


async def _skip_gone(
    c: Collections, name: str, ids: Sequence[str], also: Document, reason: str, now: int
) -> None:
    """Skip mail that is due, and of which `also` holds: what another worker has taken since stays its own."""
    fields: Document = {"mail.state": "skipped", "mail.reason": reason, "mail.updated_at": now}
    if reason == collapsing.REASON:
        fields["mail.decided_by"] = collapsing.RULE
    await c[name].update_many(
        {"_id": {"$in": list(ids)}, "mail.wake": {"$lte": now}, **also}, {"$set": fields, "$unset": ENDED}
    )


async def _taken(
    c: Collections, ids: Sequence[str], also: Document, token: str, *, until: int, now: int
) -> Sequence[Document]:
    """Lease those of the notifications that no other worker takes first, and answer them."""
    if len(ids) != 1:
        if not await _take(c, NOTIFICATIONS, ids, also, token, until=until, now=now):
            return []
        return await c[NOTIFICATIONS].find({"_id": {"$in": list(ids)}, "mail.token": token}).to_list()
    # One is asked for at a time where somebody waits for it: in one round trip.
    found = await c[NOTIFICATIONS].find_one_and_update(
        _takeable(ids, also, now=now),
        _lease_of(token, until=until, now=now),
        return_document=ReturnDocument.AFTER,
    )
    return [] if found is None else [found]


async def _take(
    c: Collections, name: str, ids: Sequence[str], also: Document, token: str, *, until: int, now: int
) -> bool:
    """Lease those of `ids` that no other worker takes first: the server judges each once more as it changes it.

    False where there is none of them.
    """
    if not ids:
        return False
    taken = await c[name].update_many(_takeable(ids, also, now=now), _lease_of(token, until=until, now=now))
    return taken.matched_count > 0


def _takeable(ids: Sequence[str], also: Document, *, now: int) -> Document:
    """Those of these that are due still."""
    return {"_id": {"$in": list(ids)}, "mail.wake": {"$lte": now}, **also}


def _lease_of(token: str, *, until: int, now: int) -> Document:
    """What a lease writes: the state, the token, when it ends, and one attempt more."""
    return {
        "$set": {"mail.state": "leased", "mail.token": token, "mail.wake": until, "mail.updated_at": now},
        "$inc": {"mail.attempts": 1},
    }
