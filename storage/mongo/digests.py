"""The shelf of digests, in the collection `digests`; what is gathered lies with the notifications, as `obligations.py` has it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pymongo import IndexModel, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession as Session

from storage import collapsing
from storage.digests import FULL, Digests
from storage.encoding import EXPIRED, FOREVER, RECALLED, WIPED, micros, micros_or_none, moment, moment_or_none
from storage.endings import Gathered, Skipped
from storage.mongo import mail_rows
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.mongo.leasing import take_due
from storage.mongo.mail_rows import OBLIGATIONS
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.transactions import atomically
from storage.notifications import Notification
from storage.obligations import Digest, Kind, Lease, Obligation
from storage.people import Erasure

DIGESTS = "digests"
INDEXES = {
    DIGESTS: (
        IndexModel(
            [("room", 1), ("channel", 1), ("key", 1)], name="open", unique=True,
            partialFilterExpression={"state": "open"},
        ),
        IndexModel([("wake_at", 1)], name="wake", partialFilterExpression={"wake_at": {"$exists": True}}),
        IndexModel([("room", 1), ("closes_at", 1)], name="room"),
        IndexModel([("ended_at", 1)], name="ended", partialFilterExpression={"ended_at": {"$exists": True}}),
        IndexModel([("token", 1)], name="token", partialFilterExpression={"token": {"$exists": True}}),
    ),
}  # fmt: skip


class _NotHeld(Exception):
    """The lease is another's by now: the transaction is undone."""


async def gather(c: Collections, lease: Lease, ending: Gathered, *, now: int) -> bool:
    """End a lease so, as `Outbox.end` says.

    The item and the digest are one transaction: a digest that is closed at the same moment has one of the two begin again.
    """

    async def work(session: Session) -> None:
        if await _skip_hidden(c, session, lease, now):
            return
        id_ = await _gathering(c, session, ending, now)
        held = await c[NOTIFICATIONS].update_one(
            {"_id": lease.id, "mail.token": lease.token},
            {
                "$set": {
                    "mail.state": "gathered",
                    "mail.digest": id_,
                    "mail.reason": ending.reason,
                    "mail.decided_by": ending.rule,
                    "mail.code": None,
                    "mail.updated_at": now,
                },
                "$unset": {"mail.wake": "", "mail.token": ""},
                "$inc": {"mail.attempts": -1},
            },
            session=session,
        )
        if not held.matched_count:
            raise _NotHeld

    try:
        await atomically(c, work)
    except _NotHeld:
        return False
    return True


async def _skip_hidden(c: Collections, session: Session, lease: Lease, now: int) -> bool:
    """Skip what is not shown any more since the lease was taken, as it had been if it had waited; whether it was so.

    What is recalled or superseded at this moment writes to the same document: one of the two begins again.
    """
    held = {"_id": lease.id, "mail.token": lease.token, "until": {"$lte": WIPED}}
    found = await c[NOTIFICATIONS].find_one(held, {"superseded_by": 1, "recalled_at": 1}, session=session)
    if found is None:
        return False
    fields: Document = {"mail.state": "skipped", "mail.code": None, "mail.updated_at": now}
    if "superseded_by" in found:
        fields |= {"mail.reason": collapsing.REASON, "mail.decided_by": collapsing.RULE}
    else:
        fields["mail.reason"] = RECALLED if "recalled_at" in found else EXPIRED
    await c[NOTIFICATIONS].update_one(held, {"$set": fields, "$unset": mail_rows.ENDED}, session=session)
    return True


async def _gathering(c: Collections, session: Session, ending: Gathered, now: int) -> str:
    """The id of the digest that takes one item more. It is written to: so who closes it meanwhile is noticed."""
    wanted = ending.digest
    found = await c[DIGESTS].find_one(_open_for(wanted), session=session)
    if found is None:
        opened = replace(wanted, opened_at=moment(now))
        await c[DIGESTS].insert_one(_document(opened, gathered=1), session=session)
        return wanted.id
    closes_at: int = found["closes_at"]
    if ending.silence is not None:
        closes_at = max(closes_at, now + ending.silence // timedelta(microseconds=1))
        closes_at = min(closes_at, found.get("latest_at", FOREVER))
    if found["gathered"] + 1 >= FULL:
        closes_at = min(closes_at, now)
    await c[DIGESTS].update_one(
        {"_id": found["_id"]},
        {"$inc": {"gathered": 1}, "$set": {"closes_at": closes_at, "wake_at": closes_at}},
        session=session,
    )
    return str(found["_id"])


class MongoDigests(MongoShelf, Digests):
    """A document for each digest. One that is closed has no `wake_at` any more.

    What is gathered and its digest are written in one transaction. Notifications and digests are two collections, and
    none may be ahead.
    """

    INDEXES = INDEXES

    @operation
    async def lead(self, c: Collections, digest: Digest) -> bool:
        """A transaction: of two that open at once the second finds the first's, by the unique index."""

        async def work(session: Session) -> bool:
            found = await c[DIGESTS].find_one(_open_for(digest), {"lead": 1}, session=session)
            if found is None:
                await c[DIGESTS].insert_one(_document(digest, gathered=0), session=session)
                return True
            return bool(found.get("lead") == digest.lead)

        return await atomically(c, work)

    @operation
    async def lease(
        self, c: Collections, *, limit: int, lease_seconds: float, now: datetime
    ) -> tuple[str, list[Digest]]:
        """As `take_due` takes: two reads and a write. Those taken are `closing`, and so out of the index of open ones."""
        token, rows = await take_due(
            c,
            DIGESTS,
            order="closes_at",
            limit=limit,
            lease_seconds=lease_seconds,
            now=now,
            mark={"state": "closing"},
        )
        return token, list(map(_digest, rows))

    @operation
    async def prolong(
        self, c: Collections, digest_id: str, *, token: str, lease_seconds: float, now: datetime
    ) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        held = await c[DIGESTS].update_one({"_id": digest_id, "token": token}, {"$set": {"wake_at": until}})
        return held.matched_count == 1

    @operation
    async def put_off(self, c: Collections, digest_id: str, until: datetime, *, token: str) -> bool:
        """A transaction: where another is opened at the same moment, the unique index has one of the two begin again."""
        at = micros(until)

        async def work(session: Session) -> bool:
            held = await c[DIGESTS].find_one({"_id": digest_id, "token": token}, session=session)
            if held is None:
                return False
            changes: Document = {"closes_at": at, "wake_at": at}
            if "latest_at" in held:
                changes["latest_at"] = max(held["latest_at"], at)
            another = await c[DIGESTS].find_one(_open_for(_digest(held)), {"_id": 1}, session=session)
            if another is None and held["gathered"] < FULL:
                changes["state"] = "open"
            await c[DIGESTS].update_one(
                {"_id": digest_id}, {"$set": changes, "$unset": {"token": ""}}, session=session
            )
            return True

        return await atomically(c, work)

    @operation
    async def items(
        self, c: Collections, digest_id: str, *, before: Notification | None, limit: int
    ) -> tuple[Notification, ...]:
        """By the index of what is gathered, behind the time and the id of the last."""
        chosen: Document = {"mail.digest": digest_id, "mail.state": "gathered"}
        if before is not None:
            time = micros(before.created_at)
            chosen["$or"] = [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": before.id}}]
        cursor = c[NOTIFICATIONS].find(chosen).sort([("created_at", -1), ("_id", -1)]).limit(limit)
        return tuple(map(notification_of, await cursor.to_list()))

    @operation
    async def leave_out(
        self, c: Collections, digest_id: str, items: Mapping[str, Skipped], *, token: str, now: datetime
    ) -> bool:
        """A transaction that writes to the digest first, so that whoever takes its lease meanwhile undoes it, or comes
        after.
        """
        at = micros(now)
        changes = [
            UpdateOne(
                {"_id": id_, "mail.digest": digest_id, "mail.state": "gathered"},
                {
                    "$set": {
                        "mail.state": "skipped",
                        "mail.reason": why.reason,
                        "mail.decided_by": why.rule,
                        "mail.updated_at": at,
                    }
                },
            )
            for id_, why in items.items()
        ]

        async def work(session: Session) -> bool:
            if not await _is_held(c, session, digest_id, token):
                return False
            if changes:
                await c[NOTIFICATIONS].bulk_write(changes, ordered=False, session=session)
            return True

        return await atomically(c, work)

    @operation
    async def settle(
        self, c: Collections, digest_id: str, mail: Obligation | None, *, token: str, now: datetime
    ) -> bool:
        """One transaction over three collections. Of many items it is one write; more than fit one transaction's time
        would fail as a whole.
        """
        at = micros(now)

        async def work(session: Session) -> bool:
            ended = await c[DIGESTS].update_one(
                {"_id": digest_id, "token": token},
                {"$set": {"state": "closed", "ended_at": at}, "$unset": {"wake_at": "", "token": ""}},
                session=session,
            )
            if not ended.matched_count:
                return False
            await c[NOTIFICATIONS].update_many(
                {"mail.digest": digest_id, "mail.state": "gathered"},
                {"$set": {"mail.state": "merged", "mail.updated_at": at}},
                session=session,
            )
            if mail is not None:
                await c[OBLIGATIONS].insert_one(mail_rows.owed_document(mail), session=session)
            return True

        return await atomically(c, work)

    @operation
    async def next_due(self, c: Collections) -> datetime | None:
        row = await c[DIGESTS].find_one({"wake_at": {"$exists": True}}, {"wake_at": 1}, sort=[("wake_at", 1)])
        return None if row is None else moment(row["wake_at"])

    @operation
    async def of_room(self, c: Collections, room: str, *, limit: int) -> Sequence[Digest]:
        cursor = c[DIGESTS].find({"room": room, "state": "open"}).sort([("closes_at", 1), ("_id", 1)])
        return tuple(map(_digest, await cursor.limit(limit).to_list()))

    @operation
    async def has_company(
        self, c: Collections, room: str, *, key: str, rule: str, besides: str, now: datetime
    ) -> bool:
        """Two looks, the digest's first: most often it is open."""
        is_open = {"room": room, "channel": "email", "key": key, "state": "open"}
        if await c[DIGESTS].find_one(is_open, {"_id": 1}) is not None:
            return True
        others = {
            "room": room, "_id": {"$ne": besides}, "mail.state": {"$in": ["pending", "leased"]},
            "mail.decided_by": rule, "mail.due_at": {"$lte": micros(now)},
        }  # fmt: skip
        return await c[NOTIFICATIONS].find_one(others, {"_id": 1}) is not None

    @operation
    async def open_count(self, c: Collections) -> int:
        return await c.lagging(DIGESTS).count_documents({"wake_at": {"$exists": True}})

    @operation
    async def prune(self, c: Collections, *, before: datetime, limit: int) -> int:
        """Mails before their digests, so that a crash leaves a digest to be pruned again."""
        chosen = {"ended_at": {"$lt": micros(before)}}
        old = await c[DIGESTS].find(chosen, {"_id": 1}).sort("ended_at", 1).limit(limit).to_list()
        if not old:
            return 0
        # One whose mail is owed still waits for that: forgotten, it would leave a mail that nobody finds.
        owed = {"_id": {"$in": [row["_id"] for row in old]}, "mail.wake": {"$exists": True}}
        waiting = {row["_id"] for row in await c[OBLIGATIONS].find(owed, {"_id": 1}).to_list()}
        ids = {"$in": [row["_id"] for row in old if row["_id"] not in waiting]}
        # First: a mail whose digest is forgotten would be found by nobody.
        await c[OBLIGATIONS].delete_many(
            {"_id": ids, "of.kind": Kind.DIGEST.value, "mail.wake": {"$exists": False}}
        )
        return (await c[DIGESTS].delete_many({"_id": ids})).deleted_count

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        """Their documents stay until they are pruned, with nothing of whose they were: by them their mails are found."""
        nobodys = {
            "room": "",
            "key": "",
            "state": "closed",
            "ended_at": {"$ifNull": ["$ended_at", erasure.at]},
        }
        await c[DIGESTS].update_many(
            {"room": erasure.room}, [{"$set": nobodys}, {"$unset": ["wake_at", "token", "lead"]}]
        )
        return 0


def _open_for(digest: Digest) -> Document:
    return {"room": digest.room, "channel": digest.channel, "key": digest.key, "state": "open"}


async def _is_held(c: Collections, session: Session, digest_id: str, token: str) -> bool:
    """Whether the lease is this token's; the digest is written to, so that another who takes it meanwhile is noticed."""
    written = {"$set": {"used": secrets.token_hex(4)}}
    held = await c[DIGESTS].update_one({"_id": digest_id, "token": token}, written, session=session)
    return held.matched_count == 1


def _document(digest: Digest, *, gathered: int) -> Document:
    closes_at = micros(digest.closes_at)
    document: Document = {
        "_id": digest.id, "room": digest.room, "channel": digest.channel, "key": digest.key, "rule": digest.rule,
        "opened_at": micros(digest.opened_at), "closes_at": closes_at, "wake_at": closes_at, "gathered": gathered,
        "state": "open",
    }  # fmt: skip
    if digest.latest_at is not None:
        document["latest_at"] = micros_or_none(digest.latest_at)
    if digest.lead is not None:
        document["lead"] = digest.lead
    return document


def _digest(row: Mapping[str, Any]) -> Digest:
    return Digest(
        id=row["_id"],
        room=row["room"],
        channel=row["channel"],
        key=row["key"],
        rule=row["rule"],
        opened_at=moment(row["opened_at"]),
        closes_at=moment(row["closes_at"]),
        latest_at=moment_or_none(row.get("latest_at")),
        gathered=row["gathered"],
        lead=row.get("lead"),
    )
