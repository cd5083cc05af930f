"""The shelf of inboxes, in the collections `inboxes` and `receipts`."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import IndexModel

from storage.beginnings import Membership
from storage.encoding import WIPED, is_writable, micros, moment_or_none, writable
from storage.histories import HistoryPage, HistoryQuery, Muted
from storage.inboxes import Acted, Count, Inboxes, Marked, Opening, OpeningRequest, Selection
from storage.mongo import acts, beginnings, marks
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import receipt_from
from storage.mongo.history import history
from storage.mongo.muting import shown
from storage.mongo.openings import openings
from storage.mongo.schema import Migration
from storage.mongo.shelf import MongoShelf, Operations, operation
from storage.mongo.standings import INBOXES, RECEIPTS, inboxes_of, standings
from storage.openings import OpeningsTogether
from storage.people import Erasure
from storage.receipts import Receipt

USERS_PER_RECEIPTS = 1_000

INDEXES = {
    INBOXES: (
        IndexModel([("user", 1), ("room", 1)], name="inbox", unique=True),
        IndexModel([("room", 1), ("read_upto", 1)], name="readers"),
    ),
    RECEIPTS: (
        IndexModel([("user", 1), ("room", 1), ("seq", 1)], name="receipt", unique=True),
        IndexModel([("room", 1), ("seq", 1)], name="readers"),
        IndexModel([("user", 1), ("notification", -1)], name="newest"),
        # What few have: where nobody has done such a thing, nothing is in them.
        *(
            IndexModel([("user", 1), (field, -1)], name=field, partialFilterExpression={field: {"$gt": 0}})
            for field in ("archived_at", "snoozed_until", "unread_at", "returned_at")
        ),
    ),
}

MIGRATIONS = (Migration(name="inboxes-1", run=beginnings.note_since),)


class MongoInboxes(OpeningsTogether, MongoShelf, Inboxes):
    """What users have read; a whole room read is one number, and single ones are receipts above it."""

    INDEXES = INDEXES
    MIGRATIONS = MIGRATIONS

    def __init__(self, operations: Operations) -> None:
        MongoShelf.__init__(self, operations)
        OpeningsTogether.__init__(self, self._open_batch, name="mongo-openings", batch=100)

    @operation
    async def _open_batch(self, c: Collections, requests: list[OpeningRequest]) -> list[Opening]:
        return await openings(c, requests)

    @operation
    async def begin(
        self, c: Collections, user: str, rooms: Sequence[str], *, membership: Membership, now: datetime
    ) -> None:
        """One look for nearly everybody; who is new costs a few, and one write for all rooms."""
        if unbegun := beginnings.unbegun(await inboxes_of(c, [user]), [(user, rooms, membership)]):
            await beginnings.begin(c, unbegun, now=micros(now))

    @operation
    async def history(self, c: Collections, query: HistoryQuery, *, now: datetime) -> HistoryPage:
        return await history(c, query, now=micros(now))

    @operation
    async def unread(
        self,
        c: Collections,
        user: str,
        rooms: Sequence[str],
        *,
        now: datetime,
        muted: Muted | None = None,
    ) -> Count:
        """Two round trips, and two more for who has muted something."""
        at = micros(now)
        rooms = writable(rooms)
        standing = await standings(c, {user: rooms}, now=at)
        unread = await shown(c, user, rooms, standing, muted, now=at)
        return Count(unread=unread, heads=standing.heads, turn=standing.turn(user, rooms))

    @operation
    async def read(self, c: Collections, chosen: Selection) -> Marked:
        return await marks.mark(c, marks.READ, chosen)

    @operation
    async def seen(self, c: Collections, chosen: Selection) -> Marked:
        return await marks.mark(c, marks.SEEN, chosen)

    @operation
    async def dismiss(self, c: Collections, chosen: Selection) -> Marked:
        return await marks.mark(c, marks.DISMISS, chosen)

    @operation
    async def click(self, c: Collections, chosen: Selection) -> Marked:
        return await marks.mark(c, marks.CLICK, chosen)

    @operation
    async def read_all(self, c: Collections, user: str, rooms: Sequence[str], *, now: datetime) -> Marked:
        """The mark of each room first, and then the receipts that it covers. A crash in between leaves receipts that
        say no more than it does.
        """
        at = micros(now)
        standing = await standings(c, {user: list(dict.fromkeys(writable(rooms)))}, now=at)
        unread = {room: count for (_, room), count in standing.unread.items() if count}
        await acts.advance(c, user, {room: standing.heads[room] for room in unread}, read_at=at)
        if unread:
            # After the advance: between the two a receipt says no more than `read_upto` does.
            await acts.settle(c, user, {room: standing.heads[room] for room in unread})
        read_from = {room: standing.read_upto.get((user, room), 0) for room in unread}
        turn = standing.turn(user, list(standing.heads))
        return Marked(
            changed=sum(unread.values()), unread=0, heads=standing.heads, turn=turn, read_from=read_from
        )

    @operation
    async def mark_unread(self, c: Collections, chosen: Selection) -> Marked:
        return await acts.do(c, acts.UNREAD, chosen)

    @operation
    async def archive(self, c: Collections, chosen: Selection) -> Marked:
        return await acts.do(c, acts.ARCHIVE, chosen)

    @operation
    async def unarchive(self, c: Collections, chosen: Selection) -> Marked:
        return await acts.do(c, acts.UNARCHIVE, chosen)

    @operation
    async def undismiss(self, c: Collections, chosen: Selection) -> Marked:
        return await acts.do(c, acts.UNDISMISS, chosen)

    @operation
    async def snooze(self, c: Collections, chosen: Selection, *, until: datetime) -> Marked:
        return await acts.do(c, acts.snoozing(micros(until)), chosen)

    @operation
    async def act(self, c: Collections, chosen: Selection, action: str) -> Acted:
        """The mark, and then what stands there. Of two who press at once the server has one come second."""
        marked = await acts.do(c, acts.pressing(action), chosen)
        acted, acted_at = await acts.acted(c, chosen)
        return Acted(
            changed=marked.changed, unread=marked.unread, heads=marked.heads, turn=marked.turn, acted=acted,
            acted_at=moment_or_none(acted_at),
        )  # fmt: skip

    @operation
    async def receipt(self, c: Collections, user: str, notification_id: str) -> Receipt:
        """Three look-ups by their keys."""
        place = await _place(c, notification_id)
        if place is None:
            return Receipt()
        here = {"user": user, "room": place["room"]}
        row = await c[RECEIPTS].find_one({**here, "seq": place["seq"]})
        return receipt_from(row, await c[INBOXES].find_one(here), place["seq"])

    @operation
    async def receipts_of(self, c: Collections, user: str, ids: Sequence[str]) -> dict[str, Receipt]:
        """Three questions, whatever the number of ids: the places, the receipts, the inboxes of their rooms."""
        found = dict.fromkeys(ids, Receipt())
        numbered = {"_id": {"$in": writable(ids)}, "seq": {"$gt": 0}}
        places = await c[NOTIFICATIONS].find(numbered, {"room": 1, "seq": 1}).to_list()
        if not places:
            return found
        rows = c[RECEIPTS].find({"user": user, "notification": {"$in": [place["_id"] for place in places]}})
        by_id = {row["notification"]: row for row in await rows.to_list()}
        rooms = list({place["room"] for place in places})
        inboxes = {
            inbox["room"]: inbox
            for inbox in await c[INBOXES].find({"user": user, "room": {"$in": rooms}}).to_list()
        }
        for place in places:
            id_, room = place["_id"], place["room"]
            found[id_] = receipt_from(by_id.get(id_), inboxes.get(room), place["seq"])
        return found

    @operation
    async def receipts(self, c: Collections, notification_id: str) -> dict[str, Receipt]:
        place = await _place(c, notification_id)
        return {} if place is None else await _receipts(c, place)

    @operation
    async def receipts_of_user(self, c: Collections, user: str, *, limit: int) -> dict[str, Receipt]:
        """Two questions, each of a moment of its own: the receipts by the index of the newest, and the inboxes."""
        rows = await c[RECEIPTS].find({"user": user}).sort("notification", -1).limit(limit).to_list()
        inboxes = {inbox["room"]: inbox for inbox in await c[INBOXES].find({"user": user}).to_list()}
        return {row["notification"]: receipt_from(row, inboxes.get(row["room"]), row["seq"]) for row in rows}

    @operation
    async def read_upto(self, c: Collections, user: str) -> dict[str, int]:
        """A room in which only single ones were read has nothing to tell here."""
        inboxes = c[INBOXES].find({"user": user, "read_upto": {"$gt": 0}}, {"room": 1, "read_upto": 1})
        return {inbox["room"]: inbox["read_upto"] for inbox in await inboxes.to_list()}

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        """Receipts before inboxes, so that none is left without the document that it is looked for by."""
        await c[RECEIPTS].delete_many({"user": erasure.user})
        await c[INBOXES].delete_many({"user": erasure.user})
        return 0


async def _place(c: Collections, notification_id: str) -> Document | None:
    """The place of a notification that has a sequence, since when it is there, and until when it is shown."""
    if not is_writable(notification_id):
        return None
    wanted = {"room": 1, "seq": 1, "created_at": 1, "until": 1}
    return await c[NOTIFICATIONS].find_one({"_id": notification_id, "seq": {"$gt": 0}}, wanted)


async def _receipts(c: Collections, place: Document) -> dict[str, Receipt]:
    """By the indexes of readers, 1,000 of each at most; those with a receipt come first."""
    room, seq = place["room"], place["seq"]
    # What is gone may lie below the mark and have been read by nobody: no reading all from before it was made covers it.
    since = place["created_at"] if place["until"] <= WIPED else 0
    rows = c[RECEIPTS].find({"room": room, "seq": seq}).limit(USERS_PER_RECEIPTS)
    readers = c[INBOXES].find({"room": room, "read_upto": {"$gte": seq}}).limit(USERS_PER_RECEIPTS)
    by_user = {row["user"]: row for row in await rows.to_list()}
    # Before whose time it was has not read it.
    inboxes = {
        inbox["user"]: inbox
        for inbox in await readers.to_list()
        if inbox.get("begins", 0) < seq and inbox.get("read_at", 0) >= since
    }
    found = {user: receipt_from(row, inboxes.get(user), seq) for user, row in by_user.items()}
    for user, inbox in inboxes.items():
        receipt = receipt_from(None, inbox, seq)
        if user not in found and receipt.is_read and len(found) < USERS_PER_RECEIPTS:
            found[user] = receipt
    return found
