"""The shelf of what is owed: what workers do. Leases, their endings and pages have modules of their own; the fields are those of `obligations.py`."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from pymongo.asynchronous.client_session import AsyncClientSession as Session

from storage.courses import Course, CourseStep, StepKind, heard
from storage.encoding import (
    is_writable,
    micros,
    moment_or_none,
    writable,
)
from storage.endings import Ending, Gathered, Settled
from storage.mail import AFTER_SENT, HASTENED, LaneName, MailState
from storage.mongo import digests, mail_endings, mail_leases, mail_pages, mail_rows, obligations
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.mongo.mail_endings import change_held, ended, said
from storage.mongo.mail_pages import told
from storage.mongo.mail_rows import BOTH, ENDED, OBLIGATIONS, THROTTLES
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.transactions import atomically
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Obligation, Subject
from storage.outbox import MailPage, MailSearch, Outbox
from storage.people import Erasure


class MongoOutbox(MongoShelf, Outbox):
    """What is owed, in two collections: own mail with its notification, and what stands by itself. Most questions go to
    both.
    """

    INDEXES = mail_rows.INDEXES
    MIGRATIONS = mail_rows.MIGRATIONS
    ERASED_IN_TURN = 1

    @operation
    async def owe(self, c: Collections, owed: Sequence[Obligation]) -> int:
        return await obligations.owe(c, owed)

    @operation
    async def lease(
        self, c: Collections, *, lane: LaneName, limit: int, lease_seconds: float, now: datetime
    ) -> list[Lease]:
        return await mail_leases.lease(c, lane=lane, limit=limit, lease_seconds=lease_seconds, now=now)

    @operation
    async def prolong(self, c: Collections, lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        return await change_held(c, lease, {"$set": {"mail.wake": until}})

    @operation
    async def end(self, c: Collections, lease: Lease, ending: Ending, *, now: datetime) -> bool:
        if isinstance(ending, Gathered):
            return await digests.gather(c, lease, ending, now=micros(now))
        return await change_held(c, lease, ended(lease, ending, now))

    @operation
    async def end_together(
        self, c: Collections, endings: Sequence[tuple[Lease, Settled]], *, now: datetime
    ) -> list[bool]:
        return await mail_endings.end_together(c, endings, now=now)

    @operation
    async def claim(
        self, c: Collections, lease: Lease, key: str, *, limit: int, since: datetime, now: datetime
    ) -> bool:
        """A transaction that writes to the throttle's own document first: of two at once one is begun again, and counts
        the other.
        """

        async def work(session: Session) -> bool:
            # It is written to, so that of several who count at once each sees what those before it have claimed. Something
            # new, whatever the millisecond: what an update leaves as it is MongoDB does not take for a write.
            await c[THROTTLES].update_one(
                {"_id": blake2b(key.encode(), digest_size=16).hexdigest()},
                {"$set": {"at": datetime.now(UTC), "used": secrets.token_hex(4)}},
                upsert=True,
                session=session,
            )
            others = _counted(key, since, besides=lease.id)
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
    async def counted(self, c: Collections, key: str, *, since: datetime, besides: str | None = None) -> int:
        return await c[NOTIFICATIONS].count_documents(_counted(key, since, besides=besides))

    @operation
    async def find(self, c: Collections, obligation_id: str) -> Notification | None:
        """By the id: of a notification with mail first, and of what stands by itself then."""
        if not is_writable(obligation_id):
            return None
        own = await c[NOTIFICATIONS].find_one({"_id": obligation_id, "mail": {"$exists": True}})
        if own is not None:
            return notification_of(own)
        apart = await c[OBLIGATIONS].find_one({"_id": obligation_id})
        return None if apart is None else (await told(c, [apart])).get(obligation_id)

    @operation
    async def courses(self, c: Collections, ids: Sequence[str]) -> dict[str, Course]:
        return await mail_rows.courses(c, writable(ids))

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
        """Two at most are read of each collection: more than one says no."""
        if not is_writable(relay_key):
            return None
        taken = {"mail.relay_key": relay_key}
        ids = [
            document["_id"]
            for name in BOTH
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
        """One write that judges the state, to each collection until one has it."""
        if state is MailState.SENT:
            return False  # it outweighs nothing
        outweighed = [each.value for each in AFTER_SENT[: AFTER_SENT.index(state)]]
        chosen = {"_id": obligation_id, "mail.state": {"$in": outweighed}}
        fields = {"mail.state": state.value, "mail.reason": reason, "mail.updated_at": micros(now)}
        update = {"$set": fields} | mail_rows.stepped(heard(state, reason, now))
        for name in BOTH:
            if (await c[name].update_one(chosen, update)).matched_count:
                return True
        return False

    @operation
    async def revive(self, c: Collections, ids: Sequence[str], *, now: datetime) -> list[str]:
        """One by one, each a write that asks for a dead one: so the answer is exact beside others who do the same."""
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
                **mail_rows.stepped(CourseStep(at=now, kind=StepKind.REVIVED)),
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
        fields = said(MailState.SKIPPED, reason=reason, decided_by=rule) | {"mail.updated_at": micros(now)}
        return await _change(c, ids, MailState.PENDING, {"$set": fields, "$unset": ENDED})

    @operation
    async def held(self, c: Collections, *, after: str | None, limit: int) -> MailPage:
        return await mail_pages.held(c, after=after, limit=limit)

    @operation
    async def of_room(self, c: Collections, room: str, *, limit: int) -> tuple[Notification, ...]:
        return await mail_pages.of_room(c, room, limit=limit)

    @operation
    async def next_due(self, c: Collections, *, lane: LaneName) -> datetime | None:
        """The first of an index of each collection."""
        owed = mail_rows.in_lane(lane) | {"mail.wake": {"$exists": True}}
        found = [
            document["mail"]["wake"]
            for name in BOTH
            if (document := await c[name].find_one(owed, {"mail.wake": 1}, sort=[("mail.wake", 1)]))
        ]
        return moment_or_none(min(found, default=None))

    @operation
    async def mail_page(
        self, c: Collections, search: MailSearch, *, before: str | None, limit: int
    ) -> MailPage:
        return await mail_pages.page(c, search, before=before, limit=limit)

    @operation
    async def mail_counts(self, c: Collections) -> dict[MailState, int]:
        """It goes through an index of each collection; not of one moment."""
        counts = dict.fromkeys(MailState, 0)
        for name in BOTH:
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


def _counted(key: str, since: datetime, *, besides: str | None) -> Document:
    """The mails that count under a key since that time, but for the one that asks."""
    return {
        "_id": {"$ne": besides},
        "mail.counted_as": key,
        "mail.counted_at": {"$gt": micros(since)},
        "mail.state": {"$in": [state.value for state in (MailState.LEASED, *AFTER_SENT)]},
    }


async def _change(c: Collections, ids: Sequence[str], state: MailState, update: Document) -> list[str]:
    """Change those of these mails that are in `state`; answers which they were, in order."""
    changed = []
    for obligation_id in dict.fromkeys(writable(ids)):
        # One by one, for a truthful answer beside another that changes the same.
        for name in BOTH:
            chosen = {"_id": obligation_id, "mail.state": state.value}
            if (await c[name].update_one(chosen, update)).matched_count:
                changed.append(obligation_id)
                break
    return changed
