"""The shelf of mail that is owed: what workers do, with the fields of `mails.py`."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
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
from storage.mail import MailState
from storage.mongo import mails
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.mongo.shelf import MongoShelf, operation
from storage.outbox import Lease, MailPage, Outbox
from storage.people import Erasure

_ENDED = {"mail.wake": "", "mail.token": ""}


class MongoOutbox(MongoShelf, Outbox):
    INDEXES = mails.INDEXES

    @operation
    async def lease(self, c: Collections, *, limit: int, lease_seconds: float, now: datetime) -> list[Lease]:
        at = micros(now)
        until = micros(now + timedelta(seconds=lease_seconds))
        leases: list[Lease] = []
        while len(leases) < limit:
            cursor = c[NOTIFICATIONS].find({"mail.wake": {"$lte": at}}, {"until": 1})
            due = await cursor.sort([("mail.wake", 1), ("_id", 1)]).limit(limit - len(leases)).to_list()
            if not due:
                break
            await _skip_gone(c, [document["_id"] for document in due if document["until"] <= at], now=at)
            leases += await _take(c, [d["_id"] for d in due if d["until"] > at], until=until, now=at)
            if until <= at:
                break  # A lease that has ended already would be found again at once.
        return leases

    @operation
    async def prolong(self, c: Collections, lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        return await _held(c, lease, {"$set": {"mail.wake": until}})

    @operation
    async def settle(self, c: Collections, lease: Lease, *, now: datetime) -> bool:
        return await _conclude(c, lease, state=MailState.SENT, now=now)

    @operation
    async def skip(self, c: Collections, lease: Lease, *, reason: str, now: datetime) -> bool:
        return await _conclude(c, lease, state=MailState.SKIPPED, reason=reason, now=now)

    @operation
    async def bury(
        self, c: Collections, lease: Lease, *, reason: str, code: int | None, now: datetime
    ) -> bool:
        return await _conclude(c, lease, state=MailState.DEAD, reason=reason, code=code, now=now)

    @operation
    async def postpone(
        self,
        c: Collections,
        lease: Lease,
        *,
        until: datetime,
        reason: str,
        code: int | None,
        count_attempt: bool,
        now: datetime,
    ) -> bool:
        due_at = micros(until)
        fields = {
            "mail.state": "pending",
            "mail.due_at": due_at,
            "mail.wake": due_at,
            "mail.reason": reason,
            "mail.code": code,
            "mail.updated_at": micros(now),
        }
        uncounted = {} if count_attempt else {"$inc": {"mail.attempts": -1}}
        return await _held(c, lease, {"$set": fields, "$unset": {"mail.token": ""}, **uncounted})

    @operation
    async def release(self, c: Collections, lease: Lease, *, now: datetime) -> bool:
        # While it is leased nobody else moves the time it is due.
        fields = {
            "mail.state": "pending",
            "mail.wake": micros(lease.mail.due_at),
            "mail.updated_at": micros(now),
        }
        return await _held(
            c, lease, {"$set": fields, "$unset": {"mail.token": ""}, "$inc": {"mail.attempts": -1}}
        )

    @operation
    async def revive(self, c: Collections, ids: Sequence[str], *, now: datetime) -> list[str]:
        at = micros(now)
        revived = []
        for mail_id in dict.fromkeys(writable(ids)):
            # One by one, for a truthful answer beside another that revives the same.
            result = await c[NOTIFICATIONS].update_one(
                {"_id": mail_id, "mail.state": "dead"},
                {
                    "$set": {
                        "mail.state": "pending",
                        "mail.attempts": 0,
                        "mail.due_at": at,
                        "mail.wake": at,
                        "mail.updated_at": at,
                    },
                    "$unset": {"mail.reason": "", "mail.code": ""},
                },
            )
            if result.matched_count:
                revived.append(mail_id)
        return revived

    @operation
    async def next_due(self, c: Collections) -> datetime | None:
        document = await c[NOTIFICATIONS].find_one(
            {"mail.wake": {"$exists": True}}, {"mail.wake": 1}, sort=[("mail.wake", 1)]
        )
        return None if document is None else moment_or_none(document["mail"]["wake"])

    @operation
    async def mail_page(
        self, c: Collections, *, state: MailState | None, before: str | None, limit: int
    ) -> MailPage:
        time, notification_id = (FOREVER, "") if before is None else position_of(before)
        condition: dict[str, Any] = {
            # Each state by name: the server merges the index's ranges, and sorts nothing.
            "mail.state": {"$in": [s.value for s in MailState] if state is None else [state.value]},
            "created_at": {"$lte": time},
            "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": notification_id}}],
        }
        cursor = c.lagging(NOTIFICATIONS).find(condition).sort([("created_at", -1), ("_id", -1)])
        items = [notification_of(document) for document in await cursor.limit(limit + 1).to_list()]
        page = tuple(items[:limit])
        return MailPage(items=page, next=cursor_of(page[-1]) if page and len(items) > limit else None)

    @operation
    async def mail_counts(self, c: Collections) -> dict[MailState, int]:
        counts = dict.fromkeys(MailState, 0)
        cursor = await c[NOTIFICATIONS].aggregate(
            [
                {"$match": {"mail.state": {"$exists": True}}},
                {"$group": {"_id": "$mail.state", "count": {"$sum": 1}}},
            ]
        )
        for document in await cursor.to_list():
            counts[MailState(document["_id"])] = document["count"]
        return counts

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        # The address is the user's too. A worker that holds a lease has its own copy, and may still settle.
        await c[NOTIFICATIONS].update_many(
            {"room": erasure.room, "mail.to": {"$exists": True}}, {"$set": {"mail.to": ""}}
        )
        return 0


async def _skip_gone(c: Collections, ids: Sequence[str], *, now: int) -> None:
    for reason, recalled in ((RECALLED, True), (EXPIRED, False)) if ids else ():
        await c[NOTIFICATIONS].update_many(
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
    await c[NOTIFICATIONS].update_many(
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
    cursor = c[NOTIFICATIONS].find({"_id": {"$in": list(ids)}, "mail.token": token})
    taken = {document["_id"]: notification_of(document) for document in await cursor.to_list()}
    return [
        Lease(notification=taken[i], mail=mail, token=token, until=moment(until))
        for i in ids
        if i in taken and (mail := taken[i].mail) is not None
    ]


async def _conclude(
    c: Collections,
    lease: Lease,
    *,
    state: MailState,
    now: datetime,
    reason: str | None = None,
    code: int | None = None,
) -> bool:
    """The end of a mail: sent, skipped or dead."""
    at = micros(now)
    fields = {
        "mail.state": state.value,
        "mail.reason": reason,
        "mail.code": code,
        "mail.updated_at": at,
        "mail.sent_at": at if state is MailState.SENT else None,
    }
    return await _held(c, lease, {"$set": fields, "$unset": _ENDED})


async def _held(c: Collections, lease: Lease, update: Document) -> bool:
    """Change the mail if the lease is still this token's."""
    held = {"_id": lease.notification.id, "mail.token": lease.token}
    return (await c[NOTIFICATIONS].update_one(held, update)).matched_count == 1
