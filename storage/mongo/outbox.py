"""Mail that is owed: part of its notification's document.

`mail.wake` says when a worker must look at it: when it is due, or when its lease ends; mail without it is not owed.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.encoding import (
    EXPIRED,
    FOREVER,
    RECALLED,
    cursor_of,
    micros,
    moment,
    moment_or_none,
    position_of,
    writable,
)
from storage.models import Lease, MailPage, MailState
from storage.mongo.collections import Collections
from storage.mongo.documents import Document, notification_of

_ENDED = {"mail.wake": "", "mail.token": ""}


async def lease(c: Collections, *, limit: int, until: int, now: int) -> list[Lease]:
    leases: list[Lease] = []
    while len(leases) < limit:
        cursor = c.notifications.find({"mail.wake": {"$lte": now}}, {"until": 1})
        due = await cursor.sort([("mail.wake", 1), ("_id", 1)]).limit(limit - len(leases)).to_list()
        if not due:
            break
        await _skip_gone(c, [document["_id"] for document in due if document["until"] <= now], now=now)
        leases += await _take(c, [d["_id"] for d in due if d["until"] > now], until=until, now=now)
        if until <= now:
            break  # A lease that has ended already would be found again at once.
    return leases


async def _skip_gone(c: Collections, ids: Sequence[str], *, now: int) -> None:
    for reason, recalled in ((RECALLED, True), (EXPIRED, False)) if ids else ():
        await c.notifications.update_many(
            {"_id": {"$in": list(ids)}, "mail.wake": {"$lte": now}, "recalled_at": {"$exists": recalled}},
            {
                "$set": {"mail.state": "skipped", "mail.reason": reason, "mail.updated_at": now},
                "$unset": _ENDED,
            },
        )


async def _take(c: Collections, ids: Sequence[str], *, until: int, now: int) -> list[Lease]:
    """Lease those of `ids` that no other worker takes first: the server judges each once more as it changes it."""
    if not ids:
        return []
    token = uuid.uuid4().hex
    await c.notifications.update_many(
        {"_id": {"$in": list(ids)}, "mail.wake": {"$lte": now}, "until": {"$gt": now}},
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
    cursor = c.notifications.find({"_id": {"$in": list(ids)}, "mail.token": token})
    taken = {document["_id"]: notification_of(document) for document in await cursor.to_list()}
    return [
        Lease(notification=taken[i], mail=mail, token=token, until=moment(until))
        for i in ids
        if i in taken and (mail := taken[i].mail) is not None
    ]


async def prolong(c: Collections, lease: Lease, *, until: int) -> bool:
    return await _held(c, lease, {"$set": {"mail.wake": until}})


async def conclude(
    c: Collections,
    lease: Lease,
    *,
    state: MailState,
    now: int,
    reason: str | None = None,
    code: int | None = None,
) -> bool:
    """The end of a mail: sent, skipped or dead."""
    fields = {
        "mail.state": state.value,
        "mail.reason": reason,
        "mail.code": code,
        "mail.updated_at": now,
        "mail.sent_at": now if state is MailState.SENT else None,
    }
    return await _held(c, lease, {"$set": fields, "$unset": _ENDED})


async def postpone(
    c: Collections,
    lease: Lease,
    *,
    until: int,
    reason: str,
    code: int | None,
    count_attempt: bool,
    now: int,
) -> bool:
    fields = {
        "mail.state": "pending",
        "mail.due_at": until,
        "mail.wake": until,
        "mail.reason": reason,
        "mail.code": code,
        "mail.updated_at": now,
    }
    uncounted = {} if count_attempt else {"$inc": {"mail.attempts": -1}}
    return await _held(c, lease, {"$set": fields, "$unset": {"mail.token": ""}, **uncounted})


async def release(c: Collections, lease: Lease, *, now: int) -> bool:
    # While it is leased nobody else moves the time it is due.
    fields = {"mail.state": "pending", "mail.wake": micros(lease.mail.due_at), "mail.updated_at": now}
    return await _held(
        c, lease, {"$set": fields, "$unset": {"mail.token": ""}, "$inc": {"mail.attempts": -1}}
    )


async def _held(c: Collections, lease: Lease, update: Document) -> bool:
    """Change the mail if the lease is still this token's."""
    held = {"_id": lease.notification.id, "mail.token": lease.token}
    return (await c.notifications.update_one(held, update)).matched_count == 1


async def revive(c: Collections, ids: Sequence[str], *, now: int) -> list[str]:
    revived = []
    for mail_id in dict.fromkeys(writable(ids)):
        # One by one, for a truthful answer beside another that revives the same.
        result = await c.notifications.update_one(
            {"_id": mail_id, "mail.state": "dead"},
            {
                "$set": {
                    "mail.state": "pending",
                    "mail.attempts": 0,
                    "mail.due_at": now,
                    "mail.wake": now,
                    "mail.updated_at": now,
                },
                "$unset": {"mail.reason": "", "mail.code": ""},
            },
        )
        if result.matched_count:
            revived.append(mail_id)
    return revived


async def next_due(c: Collections) -> datetime | None:
    document = await c.notifications.find_one(
        {"mail.wake": {"$exists": True}}, {"mail.wake": 1}, sort=[("mail.wake", 1)]
    )
    return None if document is None else moment_or_none(document["mail"]["wake"])


async def mail_page(c: Collections, *, state: MailState | None, before: str | None, limit: int) -> MailPage:
    time, notification_id = (FOREVER, "") if before is None else position_of(before)
    condition: dict[str, Any] = {
        # Each state by name: the server merges the index's ranges, and sorts nothing.
        "mail.state": {"$in": [s.value for s in MailState] if state is None else [state.value]},
        "created_at": {"$lte": time},
        "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": notification_id}}],
    }
    cursor = c.pages.find(condition).sort([("created_at", -1), ("_id", -1)])
    items = [notification_of(document) for document in await cursor.limit(limit + 1).to_list()]
    page = tuple(items[:limit])
    return MailPage(items=page, next=cursor_of(page[-1]) if page and len(items) > limit else None)


async def mail_counts(c: Collections) -> dict[MailState, int]:
    counts = dict.fromkeys(MailState, 0)
    cursor = await c.notifications.aggregate(
        [
            {"$match": {"mail.state": {"$exists": True}}},
            {"$group": {"_id": "$mail.state", "count": {"$sum": 1}}},
        ]
    )
    for document in await cursor.to_list():
        counts[MailState(document["_id"])] = document["count"]
    return counts
