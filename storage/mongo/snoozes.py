"""The shelf of snoozes, in the collection `receipts`."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel, UpdateOne

from storage.encoding import micros, moment
from storage.mongo import acts
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.standings import RECEIPTS
from storage.snoozes import Returned, Snoozes

INDEXES = {
    RECEIPTS: (
        IndexModel([("wake_at", 1)], name="waking", partialFilterExpression={"wake_at": {"$exists": True}}),
        IndexModel([("token", 1)], name="token", partialFilterExpression={"token": {"$exists": True}}),
    ),
}


class MongoSnoozes(MongoShelf, Snoozes):
    """A receipt whose `wake_at` has come is due; its lease is a later `wake_at`, with the holder's token.

    By an index that holds only what waits. The shelf has no collection of its own: what it changes are the inboxes'
    receipts.
    """

    INDEXES = INDEXES

    @operation
    async def bring_back(
        self, c: Collections, *, limit: int, lease_seconds: float, now: datetime
    ) -> tuple[str, list[Returned]]:
        """The receipts and their leases in one write, then the turns.

        A crash between the two leaves a lease: who brings back after it finds what is unread already, and grows the
        turn then.
        """
        token, at = secrets.token_hex(8), micros(now)
        is_due = {"wake_at": {"$lte": at}}
        due = await c[RECEIPTS].find(is_due, {"_id": 1}).sort("wake_at", 1).limit(limit).to_list()
        if not due:
            return token, []
        # Who was brought back before, and not told, is as that user has left it.
        slept = {"$not": [acts.absent("snoozed_until")]}
        fields = {name: {"$cond": [slept, at, f"${name}"]} for name in ("unread_at", "returned_at")}
        fields["read_at"] = {"$cond": [slept, acts.GONE, "$read_at"]}
        lease = {"token": token, "wake_at": micros(now + timedelta(seconds=lease_seconds))}
        await c[RECEIPTS].update_many(
            {"_id": {"$in": [row["_id"] for row in due]}, **is_due},
            [{"$set": {**fields, **lease, "snoozed_until": acts.GONE}}],
        )
        # Only those that nobody else has taken in between.
        rows = await c[RECEIPTS].find({"token": token}).sort("returned_at", 1).to_list()
        # After the receipts, and again after a crash between the two.
        await acts.take_turn(c, [(row["user"], row["room"]) for row in rows])
        # What was read meanwhile need not be told any more.
        await _end(c, [_returned(row) for row in rows if "unread_at" not in row], token)
        return token, [_returned(row) for row in rows if "unread_at" in row]

    @operation
    async def end(self, c: Collections, returned: Sequence[Returned], *, token: str) -> None:
        await _end(c, returned, token)

    @operation
    async def next_due(self, c: Collections) -> datetime | None:
        row = await c[RECEIPTS].find_one(
            {"wake_at": {"$exists": True}}, {"wake_at": 1}, sort=[("wake_at", 1)]
        )
        return None if row is None else moment(row["wake_at"])


def _returned(row: Document) -> Returned:
    return Returned(user=row["user"], room=row["room"], seq=row["seq"], id=row["notification"])


async def _end(c: Collections, returned: Sequence[Returned], token: str) -> None:
    """Have these come back no more, as far as they are under this token."""
    if returned:
        await c[RECEIPTS].bulk_write(
            [
                UpdateOne(
                    {"user": each.user, "room": each.room, "seq": each.seq, "token": token},
                    {"$unset": {"wake_at": "", "token": ""}},
                )
                for each in returned
            ],
            ordered=False,
        )
