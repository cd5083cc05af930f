"""What comes back from the archive: notifications at their places, with what their readers did, and nothing of who was erased since."""

from collections.abc import Mapping, Sequence

from pymongo import UpdateOne

from storage.archive import KEPT_OF_RECEIPTS, ArchivedNotification, ReaderOf
from storage.encoding import ERASED, WIPED, is_writable, micros
from storage.mail import OWED
from storage.mongo import clearing, mail_rows
from storage.mongo.collections import NOTIFICATIONS, Collections, Document, insert_new
from storage.mongo.documents import document_of
from storage.mongo.heads import ROOMS, Position, positions
from storage.mongo.standings import INBOXES, RECEIPTS
from storage.notifications import Notification


async def restore(
    c: Collections, kept: Sequence[ArchivedNotification], reader_of: ReaderOf, *, now: int
) -> int:
    """Put back what fits; answers of how many.

    Marks and receipts before the notifications, so that nothing is unread meanwhile. May be repeated.
    """
    rooms = {each.notification.room for each in kept if each.notification.seq is not None}
    places = await positions(c, list(rooms))
    gone = {each.notification.id for each in await _of_erased(c, kept, reader_of)}
    fitting = [each for each in kept if _fits(each.notification, places) and each.notification.id not in gone]
    if not fitting:
        return 0
    # What is read first: nothing is shown as unread meanwhile.
    await _cover(c, fitting, reader_of, now=now)
    await _put_back_receipts(c, fitting, reader_of)
    restored = await insert_new(c, NOTIFICATIONS, [_document(each.notification) for each in fitting])
    # Whoever was erased meanwhile may have been looked for before it was there.
    if late := await _of_erased(c, fitting, reader_of):
        restored -= await _take_back(c, late, now=now)
    return restored


async def _of_erased(
    c: Collections, kept: Sequence[ArchivedNotification], reader_of: ReaderOf
) -> list[ArchivedNotification]:
    """Those of users who were erased since."""
    rooms = {each.notification.room for each in kept if reader_of(each.notification.room) is not None}
    marked = {"_id": {"$in": list(rooms)}, "erased_at": {"$exists": True}}
    erased = {row["_id"]: row["erased_at"] for row in await c[ROOMS].find(marked, {"erased_at": 1}).to_list()}
    return [
        each
        for each in kept
        if micros(each.notification.created_at) <= erased.get(each.notification.room, -1)
    ]


async def _take_back(c: Collections, kept: Sequence[ArchivedNotification], *, now: int) -> int:
    """Take away what they say, and what their readers did; answers of how many."""
    ids = [each.notification.id for each in kept]
    await c[RECEIPTS].delete_many({"notification": {"$in": ids}})
    return await clearing.wipe(c, ids, reason=ERASED, now=now)


def _fits(n: Notification, places: Mapping[str, Position]) -> bool:
    if n.mail is not None and n.mail.state in OWED:
        # Its mail had become owed again as it was put away: so it stayed, and a later piece has how that ended.
        return False
    return is_writable(n.id) and (n.seq is None or n.seq <= places[n.room].floor)


def _document(n: Notification) -> Document:
    """The notification as it comes back: as it was stored, at its place, with its mail as it ended, and in no chain."""
    document = document_of(n)
    if n.seq is not None:
        document["seq"] = n.seq
    if not n.title or n.superseded_by is not None:
        document["until"] = WIPED
    if n.recalled_at is not None:
        document["recalled_at"] = micros(n.recalled_at)
    if n.superseded_by is not None:
        document["superseded_by"] = n.superseded_by
    if n.mail is not None:
        document["mail"] = mail_rows.ended_document(n.mail)
    return document


async def _put_back_receipts(
    c: Collections, kept: Sequence[ArchivedNotification], reader_of: ReaderOf
) -> None:
    """Give readers back what they did, where they have no receipt of it by now; one unordered bulk."""
    updates = []
    for each in kept:
        n, receipt = each.notification, each.receipt
        reader = reader_of(n.room)
        if reader is None or n.seq is None or receipt is None:
            continue
        times = {name: at for name in KEPT_OF_RECEIPTS if (at := getattr(receipt, name)) is not None}
        said: Document = {name: micros(at) for name, at in times.items()}
        if receipt.acted is not None:
            said["acted"] = receipt.acted
        if said:
            place = {"user": reader, "room": n.room, "seq": n.seq}
            updates.append(UpdateOne(place, {"$setOnInsert": {"notification": n.id, **said}}, upsert=True))
    if updates:
        await c[RECEIPTS].bulk_write(updates, ordered=False)


async def _cover(
    c: Collections, kept: Sequence[ArchivedNotification], reader_of: ReaderOf, *, now: int
) -> None:
    """All that comes back has been read."""
    last: dict[str, int] = {}
    for each in kept:
        n = each.notification
        if n.seq is not None:
            last[n.room] = max(n.seq, last.get(n.room, 0))
    own = [
        # It begins with its first, as own rooms do: else the user would be taken for one of before beginnings.
        UpdateOne(
            {"user": reader, "room": room},
            {"$setOnInsert": {"read_upto": 0, "begins": 0, "begun_at": now}},
            upsert=True,
        )
        for room in last
        if (reader := reader_of(room)) is not None
    ]
    if own:
        await c[INBOXES].bulk_write(own, ordered=False)
    for room, seq in last.items():
        covered = {"$set": {"read_upto": seq, "read_at": {"$ifNull": ["$read_at", now]}}}
        await c[INBOXES].update_many({"room": room, "read_upto": {"$lt": seq}}, [covered])
