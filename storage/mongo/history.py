"""A page of a user's history."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from storage.beginnings import BeginningRequest
from storage.encoding import cursor_of, position_of, writable
from storage.histories import RETURNED_MAX, HistoryPage, HistoryQuery, InboxItem
from storage.mongo import beginnings, collapsing
from storage.mongo.candidates import RANGES_PER_MERGE, START, Answer, Before, Candidates, up_to
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of, receipt_from
from storage.mongo.standings import INBOXES, RECEIPTS, inboxes_of
from storage.receipts import Place, place_of

CANDIDATES = 1_000
AWAY_MAX = 10_000
"""How much of what a user has put away is looked at, the newest of it."""
FEW_ROOMS = 4
"""The early parts of so many rooms are looked through for a type at once; of more rooms the newest are looked at before."""
NEWEST_PER_ROOM = 50
"""How many of those, times the rooms: a tenth of what is looked through else."""
SPARE = 5
"""So many more are read at first: some may have been put away, or read by themselves."""


async def history(c: Collections, query: HistoryQuery, *, now: int) -> HistoryPage:
    """A page, newest by its time and then by its id.

    Candidates are read of all rooms together, and beside them what the user did last: for nearly every page that is one
    question. They are judged by their receipts. When too few are left, more are read, twice as many each time: so a user
    who has dismissed much costs more. What is archived or snoozed is found by its receipts, the newest `AWAY_MAX`.
    """
    before = START if query.before is None else position_of(query.before)
    rooms = list(dict.fromkeys(writable(query.rooms)))
    if not rooms:
        return HistoryPage(items=(), next=None)
    page = _Page(c, query, rooms, now=now)
    found = await page.items(before)
    if unbegun := page.unbegun():
        # Once for each user and room: what is read by its beginning is not known to this page.
        await beginnings.begin(c, unbegun, now=now)
        page = _Page(c, query, rooms, now=now)
        found = await page.items(before)
    items = tuple(found[: query.limit])
    return HistoryPage(
        items=items,
        next=cursor_of(items[-1].notification) if items and len(found) > query.limit else None,
        returned=await page.returned() if query.wants_returned else (),
    )


class _Looked(NamedTuple):
    """What one look has found, newest first, and behind what the next is to look; None at the end."""

    found: Sequence[Document]
    on: Before | None


class _Page:
    """One page as it is read: what is asked, and what is known of the reader since the first answer."""

    def __init__(self, c: Collections, query: HistoryQuery, rooms: Sequence[str], *, now: int) -> None:
        self._c = c
        self._query = query
        self._rooms = rooms
        self._now = now
        self._inboxes: dict[str, Document] = {}
        self._receipts: dict[str, Document] = {}

    async def items(self, before: Before) -> list[InboxItem]:
        """One more than the page has, where there are so many."""
        wanted = self._query.limit + 1
        size = wanted + SPARE
        candidates = await self._candidates()
        looked = await self._first(candidates, before, size)
        items = list(islice(self._judged(looked.found), wanted))
        while looked.on is not None and len(items) < wanted:
            # All of a page may be dismissed: look further, and further each time.
            size = min(size * 2, CANDIDATES)
            looked = await self._further(candidates, looked.on, size)
            items += islice(self._judged(looked.found), wanted - len(items))
        return items

    def unbegun(self) -> list[BeginningRequest]:
        """What has to begin first, by the inboxes that came with the first answer."""
        user, membership = self._query.user, self._query.membership
        if membership is None:
            return []
        inboxes = {(user, room): inbox for room, inbox in self._inboxes.items()}
        return beginnings.unbegun(inboxes, [(user, self._rooms, membership)])

    async def returned(self) -> tuple[InboxItem, ...]:
        """What came back from a snooze, of the newest `AWAY_MAX`; whom nothing ever became unread again is not asked about."""
        rooms = self._turned()
        if not rooms:
            return ()
        there = {"user": self._query.user, "room": {"$in": rooms}, "returned_at": {"$gt": 0}}
        items: list[InboxItem] = []
        looked, size = 0, RETURNED_MAX
        while len(items) < RETURNED_MAX and looked < AWAY_MAX:
            newest = self._c[RECEIPTS].find(there).sort([("returned_at", -1), ("notification", -1)])
            rows = await newest.skip(looked).limit(size).to_list()
            items += await self._shown(rows)
            if len(rows) < size:
                break
            # Most may be of other types, or have expired: look further, at more at once.
            looked, size = looked + size, CANDIDATES
        return tuple(items[:RETURNED_MAX])

    async def _shown(self, rows: Sequence[Document]) -> list[InboxItem]:
        """The items of these receipts whose notifications are what is asked for, in their order."""
        shown = {"_id": {"$in": [row["notification"] for row in rows]}, "until": {"$gt": self._now}}
        documents = await self._c[NOTIFICATIONS].find({**shown, **_asked(self._query)}).to_list()
        found = {document["_id"]: notification_of(document) for document in documents}
        return [
            InboxItem(
                notification=found[row["notification"]],
                receipt=receipt_from(row, self._inboxes.get(row["room"]), row["seq"]),
            )
            for row in rows
            if row["notification"] in found
        ]

    async def _candidates(self) -> Candidates:
        asked: Document = {"seq": {"$gt": 0}, "until": {"$gt": self._now}, **_asked(self._query)}
        types: Document = {}
        if self._query.place is not Place.INBOX:
            field = "archived_at" if self._query.place is Place.ARCHIVE else "snoozed_until"
            asked["_id"] = {"$in": await self._ids_with(field, self._rooms)}
        elif self._query.types:
            types = {"type": asked.pop("type")}
        return Candidates(self._c, self._rooms, asked=asked, types=types)

    async def _first(self, candidates: Candidates, before: Before, size: int) -> _Looked:
        """The newest of the query, and what the reader did last."""
        beside = _beside(self._query.user, before, size)
        among = None
        if not candidates.types:
            answer = await self._settled(lambda: self._newest(candidates, before, size, beside=beside))
        # Of more rooms than one question merges, each part of them would end at a time of its own.
        elif not FEW_ROOMS < len(self._rooms) <= RANGES_PER_MERGE:
            answer = await self._settled(lambda: candidates.typed(before, size, beside=beside))
        else:
            among = max(size, NEWEST_PER_ROOM * len(self._rooms))
            answer = await self._settled(lambda: candidates.newest(before, size, beside=beside, among=among))
        looked = _looked(answer.found, size)
        await self._learn(answer.beside, looked.found, before, size)
        # Behind so many of the newest there may be more of the types.
        return looked if among is None or looked.on is not None else _Looked([], before)

    async def _further(self, candidates: Candidates, before: Before, size: int) -> _Looked:
        """The next; of a page of what is unread without a look at what was read with all of its room."""
        if self._query.unread_only:
            marks = {room: self._inboxes.get(room, {}).get("read_upto", 0) for room in self._rooms}
            again = await self._again()
            if candidates.types:
                turned = set(self._turned())
                never = [up_to(room, mark, again if room in turned else ()) for room, mark in marks.items()]
                answer = await self._settled(lambda: candidates.typed(before, size, never=never))
            else:
                answer = await self._settled(lambda: candidates.above(before, size, marks, again))
        elif candidates.types:
            answer = await self._settled(lambda: candidates.typed(before, size))
        else:
            answer = await self._settled(lambda: self._newest(candidates, before, size))
        looked = _looked(answer.found, size)
        self._receipts = await _receipts_of(self._c, self._query.user, looked.found)
        return looked

    async def _newest(
        self, candidates: Candidates, before: Before, size: int, *, beside: Sequence[Document] = ()
    ) -> Answer:
        """What is newest is read from the primary: with the heads that a client has been told it is all there is.

        The rest may come from a secondary that has what the page before ended with, and so all that came before it; but
        nothing beside it.
        """
        if self._c.has_lagging and before[1]:
            found = await candidates.lagging(before, size)
            if found is not None:
                return Answer(found, None)
        return await candidates.newest(before, size, beside=beside)

    async def _settled(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer; once more where some of it turned out to be shown no more, for a process had died over it."""
        answer = await ask()
        chained = {document["room"] for document in answer.found if "collapse" in document}
        return await ask() if chained and await collapsing.settle(self._c, list(chained)) else answer

    async def _learn(
        self, beside: Sequence[Document] | None, found: Sequence[Document], before: Before, size: int
    ) -> None:
        """Take what the reader did from the documents beside the first, and ask for what is not in them."""
        if beside is None:
            inboxes = await inboxes_of(self._c, [self._query.user])
            self._inboxes = {room: inbox for (_, room), inbox in inboxes.items()}
            self._receipts = await _receipts_of(self._c, self._query.user, found)
            return
        self._inboxes = {row["room"]: row for row in beside if "notification" not in row}
        self._receipts = {row["notification"]: row for row in beside if "notification" in row}
        # Of those that are told by their ids nothing is left out between the first and the last.
        oldest = min(self._receipts) if len(self._receipts) >= size else ""
        newest = before[1]
        unknown = [each for each in found if each["_id"] < oldest or (newest and each["_id"] > newest)]
        self._receipts |= await _receipts_of(self._c, self._query.user, unknown)

    async def _again(self) -> list[str]:
        """What the reader has made unread again: its newest `AWAY_MAX`."""
        rooms = self._turned()
        return await self._ids_with("unread_at", rooms) if rooms else []

    def _turned(self) -> list[str]:
        """The rooms of which something became unread again."""
        return [room for room in self._rooms if self._inboxes.get(room, {}).get("turn")]

    async def _ids_with(self, field: str, rooms: Sequence[str]) -> list[str]:
        """What has such a receipt: the newest `AWAY_MAX`."""
        there = {"user": self._query.user, "room": {"$in": list(rooms)}, field: {"$gt": 0}}
        rows = self._c[RECEIPTS].find(there, {"_id": 0, "notification": 1})
        return [row["notification"] for row in await rows.sort("notification", -1).limit(AWAY_MAX).to_list()]

    def _judged(self, found: Sequence[Document]) -> Iterator[InboxItem]:
        """What of these is on the page, with the receipts."""
        query = self._query
        for document in found:
            row, inbox = self._receipts.get(document["_id"]), self._inboxes.get(document["room"])
            receipt = receipt_from(row, inbox, document["seq"])
            if place_of(receipt) is query.place and not (query.unread_only and receipt.is_read):
                yield InboxItem(notification=notification_of(document), receipt=receipt)


def _looked(found: Sequence[Document], size: int) -> _Looked:
    return _Looked(found, (found[-1]["created_at"], found[-1]["_id"]) if len(found) == size else None)


def _asked(query: HistoryQuery) -> Document:
    """What is asked of the notification alone."""
    asked: Document = {}
    if query.types:
        asked["type"] = {"$in": writable(query.types)}
    if query.categories:
        asked["entry.category"] = {"$in": writable(query.categories)}
    if query.muted is not None:
        asked["$nor"] = [{"type": {"$in": writable(query.muted.types)}, "room": {"$ne": query.muted.own}}]
    return asked


def _beside(user: str, before: Before, limit: int) -> list[Document]:
    """Stages that add the inboxes of the user, and the receipts of the newest that the user did something with."""
    receipts = {"user": user, "notification": {"$lte": before[1]}} if before[1] else {"user": user}
    newest = [{"$match": receipts}, {"$sort": {"notification": -1}}, {"$limit": limit}]
    return [
        {"$unionWith": {"coll": INBOXES, "pipeline": [{"$match": {"user": user}}]}},
        {"$unionWith": {"coll": RECEIPTS, "pipeline": newest}},
    ]


async def _receipts_of(c: Collections, user: str, found: Sequence[Document]) -> dict[str, Document]:
    """What the user did with these notifications, by id: one question, by the index of receipts."""
    rooms: dict[str, list[int]] = {}
    for document in found:
        rooms.setdefault(document["room"], []).append(document["seq"])
    if not rooms:
        return {}
    ranges = [{"user": user, "room": room, "seq": {"$in": sequences}} for room, sequences in rooms.items()]
    return {row["notification"]: row for row in await c[RECEIPTS].find({"$or": ranges}).to_list()}
