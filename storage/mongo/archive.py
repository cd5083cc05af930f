"""The shelf of the archive, in the collections `archive_pieces`, a document for each month with its last piece, and `archive_keys`."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession as Session
from pymongo.errors import DuplicateKeyError

from storage.archive import (
    Archive,
    ArchivedNotification,
    ArchiveKey,
    Piece,
    PieceState,
    ReaderOf,
    of_one_month,
)
from storage.encoding import is_writable, micros, moment, writable
from storage.mongo import clearing, restoring
from storage.mongo.collections import FACTS, NOTIFICATIONS, Collections, Document, both, insert_new
from storage.mongo.documents import notification_of, receipt_from
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.standings import INBOXES, RECEIPTS
from storage.mongo.transactions import atomically
from storage.notifications import Notification
from storage.people import Erasure
from storage.receipts import Receipt

PIECES = "archive_pieces"
KEYS = "archive_keys"
LEAD = "archive"
"""The fact that tells who puts away."""
INDEXES = {KEYS: (IndexModel([("id", 1)], name="id", unique=True),)}
_UNFINISHED = {"state": {"$in": [PieceState.OPEN.value, PieceState.KEPT.value]}}


class MongoArchive(MongoShelf, Archive):
    """A document for each month, with its last piece, and one for each user's key. Who puts away is a fact of the store.

    What of a piece is written changes under the turn in a transaction; what deletes goes by the piece as it is kept,
    and may be done again.
    """

    INDEXES = INDEXES

    @operation
    async def is_due(self, c: Collections, *, before: datetime) -> bool:
        if await c[PIECES].find_one(_UNFINISHED, {"_id": 1}) is not None:
            return True
        old = {"created_at": {"$lt": micros(before)}}
        return await c[NOTIFICATIONS].find_one(old, {"_id": 1}) is not None

    @operation
    async def lead(self, c: Collections, holder: str, *, lease_seconds: float, now: datetime) -> int | None:
        """One upsert by a pipeline, which judges the lease and counts the turn: who finds another's gets a duplicate of
        its id.
        """
        at, until = micros(now), micros(now + timedelta(seconds=lease_seconds))
        is_over = {"$lte": [{"$ifNull": ["$until", 0]}, at]}
        turn = {"$ifNull": ["$turn", 0]}
        turned = {"holder": holder, "turn": {"$cond": [is_over, {"$add": [turn, 1]}, turn]}, "until": until}
        try:
            led = await c[FACTS].find_one_and_update(
                {"_id": LEAD, "$or": [{"holder": holder}, {"until": {"$lte": at}}]},
                [{"$set": turned}],
                upsert=True,
                return_document=True,
            )
        except DuplicateKeyError:
            return None  # another has it
        assert led is not None  # an upsert answers what is there after it
        return int(led["turn"])

    @operation
    async def begin(self, c: Collections, *, before: datetime, limit: int, turn: int) -> Piece | None:
        """What is to go is chosen first, and written down in a transaction that looks at the turn again."""
        if (found := await c[PIECES].find_one(_UNFINISHED)) is not None:
            return _piece_of(found) if await _leads(c, turn) else None
        chosen = await clearing.choose(c, before=micros(before), limit=limit)
        if not chosen:
            return None
        month, taken = of_one_month(chosen, moment)

        async def open_it(session: Session) -> Piece | None:
            if not await _holds(c, turn, session):
                return None
            if (there := await c[PIECES].find_one(_UNFINISHED, session=session)) is not None:
                return _piece_of(there)
            opened = await c[PIECES].find_one_and_update(
                {"_id": month},
                {
                    "$inc": {"number": 1},
                    "$set": {"state": PieceState.OPEN.value, "ids": [each.id for each in taken]},
                },
                upsert=True,
                return_document=True,
                session=session,
            )
            return None if opened is None else _piece_of(opened)

        return await atomically(c, open_it)

    @operation
    async def rooms(self, c: Collections, ids: Sequence[str]) -> set[str]:
        found = await c[NOTIFICATIONS].find({"_id": {"$in": list(ids)}}, {"room": 1}).to_list()
        return {each["room"] for each in found}

    @operation
    async def recalled(self, c: Collections, ids: Sequence[str]) -> set[str]:
        return await _recalled(c, ids)

    @operation
    async def contents(
        self, c: Collections, ids: Sequence[str], reader_of: ReaderOf
    ) -> list[ArchivedNotification]:
        """Three questions whatever their number: the notifications, and the receipts and inboxes of their readers."""
        found = await c[NOTIFICATIONS].find({"_id": {"$in": list(ids)}}).to_list()
        by_id = {document["_id"]: notification_of(document) for document in found}
        present = [by_id[id_] for id_ in ids if id_ in by_id]
        receipts = await _receipts(c, present, reader_of)
        return [ArchivedNotification(notification=n, receipt=receipts.get(n.id)) for n in present]

    @operation
    async def keep(self, c: Collections, piece: Piece, *, turn: int) -> bool:
        return await _turn_into(c, piece, PieceState.KEPT, turn)

    @operation
    async def abandon(self, c: Collections, piece: Piece, *, turn: int) -> bool:
        return await _turn_into(c, piece, PieceState.CLOSED, turn)

    @operation
    async def release(
        self, c: Collections, piece: Piece, *, limit: int, recalled: Collection[str] = ()
    ) -> int:
        """Delete, and then take the ids out of the piece: a crash in between has them looked for again, and found gone.

        What is taken back in this moment is passed over by the deletion, though its room's floor is above it: it is wiped,
        so nobody misses it, and goes with a later piece.
        """
        place = {"_id": piece.month, "number": piece.number, "state": PieceState.KEPT.value}
        found = await c[PIECES].find_one(place)
        if found is None:
            return 0
        ids, left = found["ids"][:limit], found["ids"][limit:]
        since = (await _recalled(c, ids)).difference(recalled)
        going = await clearing.removable(c, [id_ for id_ in ids if id_ not in since])
        as_kept = {"$or": [{"recalled_at": {"$exists": False}}, {"_id": {"$in": list(recalled)}}]}
        await clearing.remove(c, going, those=as_kept)
        # Only those: another, who does the same, may be ahead.
        await c[PIECES].update_one(place, {"$pull": {"ids": {"$in": ids}}})
        await c[PIECES].update_one({**place, "ids": []}, {"$set": {"state": PieceState.CLOSED.value}})
        return len(left)

    @operation
    async def keys(self, c: Collections, users: Collection[str]) -> dict[str, ArchiveKey]:
        """Those who have none get one by an unordered insert; what is answered is read after it, so two that make one
        at once get the same.
        """
        asked = {"_id": {"$in": list(users)}}
        known = {each["_id"] for each in await c[KEYS].find(asked, {"_id": 1}).to_list()}
        missing = [
            {"_id": user, "id": secrets.token_hex(8), "secret": secrets.token_bytes(32)}
            for user in dict.fromkeys(users)
            if user not in known
        ]
        if missing:
            await insert_new(c, KEYS, missing)
        return {each["_id"]: _key_of(each) for each in await c[KEYS].find(asked).to_list()}

    @operation
    async def keys_by_id(self, c: Collections, ids: Collection[str]) -> dict[str, ArchiveKey]:
        found = await c[KEYS].find({"id": {"$in": writable(ids)}}).to_list()
        return {each["id"]: _key_of(each) for each in found}

    @operation
    async def key_of(self, c: Collections, user: str) -> ArchiveKey | None:
        found = await c[KEYS].find_one({"_id": user}) if is_writable(user) else None
        return None if found is None else _key_of(found)

    @operation
    async def restore(
        self, c: Collections, kept: Sequence[ArchivedNotification], reader_of: ReaderOf, *, now: datetime
    ) -> int:
        return await restoring.restore(c, kept, reader_of, now=micros(now))

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[KEYS].delete_one({"_id": erasure.user})
        return 0


async def _leads(c: Collections, turn: int) -> bool:
    return await c[FACTS].find_one({"_id": LEAD, "turn": turn}, {"_id": 1}) is not None


async def _holds(c: Collections, turn: int, session: Session) -> bool:
    """The same within a transaction; written, so that whoever takes the turn over at the same time is the only one."""
    written = {"$set": {"used": secrets.token_hex(4)}}
    return bool(
        (await c[FACTS].update_one({"_id": LEAD, "turn": turn}, written, session=session)).matched_count
    )


async def _recalled(c: Collections, ids: Sequence[str]) -> set[str]:
    asked = {"_id": {"$in": list(ids)}, "recalled_at": {"$exists": True}}
    return {each["_id"] for each in await c[NOTIFICATIONS].find(asked, {"_id": 1}).to_list()}


async def _turn_into(c: Collections, piece: Piece, state: PieceState, turn: int) -> bool:
    """Change the state of an open piece, under the turn, in a transaction; whether it was open and the turn held."""
    place = {"_id": piece.month, "number": piece.number, "state": PieceState.OPEN.value}

    async def turn_it(session: Session) -> bool:
        if not await _holds(c, turn, session):
            return False
        turned = await c[PIECES].update_one(place, {"$set": {"state": state.value}}, session=session)
        return bool(turned.matched_count)

    return await atomically(c, turn_it)


def _piece_of(document: Document) -> Piece:
    return Piece(
        month=document["_id"],
        number=document["number"],
        state=PieceState(document["state"]),
        ids=tuple(document["ids"]),
    )


def _key_of(document: Document) -> ArchiveKey:
    return ArchiveKey(user=document["_id"], id=document["id"], secret=bytes(document["secret"]))


async def _receipts(
    c: Collections, notifications: Sequence[Notification], reader_of: ReaderOf
) -> dict[str, Receipt]:
    """What those did in whose own room it is, by notification."""
    readers = {
        n.room: reader
        for n in notifications
        if n.seq is not None and (reader := reader_of(n.room)) is not None
    }
    if not readers:
        return {}
    ids = [n.id for n in notifications if n.room in readers]
    own = [{"user": user, "room": room} for room, user in readers.items()]
    rows, inboxes = await both(
        c[RECEIPTS].find({"user": {"$in": list(readers.values())}, "notification": {"$in": ids}}).to_list(),
        c[INBOXES].find({"$or": own}).to_list(),
    )
    row_of = {(row["user"], row["notification"]): row for row in rows}
    inbox_of = {inbox["room"]: inbox for inbox in inboxes}
    return {
        n.id: receipt_from(row_of.get((readers[n.room], n.id)), inbox_of.get(n.room), n.seq or 0)
        for n in notifications
        if n.room in readers
    }
