"""Appending: how notifications get their sequences while other processes append to the same rooms.

The node numbers a batch from the heads it has cached, and inserts it *in order*: the server stops at the first document
that it refuses, so at every moment, a crash included, what is stored is a beginning of the batch, and no room has a hole.
A refusal says what to do with the rest:

- (room, seq) is taken: another process was faster; read the heads again and number the rest anew.
- (key, ordinal) is taken: another process, or this one before a crash, stores the same emission; answer with
  that one's notifications, and leave only those to insert that it did not get to.
- the id is taken: the same call was made before, with its outcome unknown.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson.errors import BSONError
from msgspec.structs import replace
from pymongo.errors import BulkWriteError, DocumentTooLarge

from storage.encoding import ROOMS_PER_QUERY, key_text
from storage.errors import IdempotencyMismatch, StoreUnavailable, Unstorable
from storage.models import Appended, Emission, Notification
from storage.mongo.collections import Collections
from storage.mongo.documents import Document, document_of, notification_of

DUPLICATE_KEY = 11000
TOO_LARGE = frozenset({10334, 17280, 17419, 17420})
FRUITLESS_ROUNDS = 40
ROUND_JITTER_SECONDS = 0.02
CACHED_HEADS = 200_000


async def positions(c: Collections, rooms: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Head, floor and cleared of each room, in one query for up to 1,000.

    Sorted so, and grouped by the first, the server answers from one index entry per room (a DISTINCT_SCAN). The heads come
    before the floors: pruning raises the floor first and deletes afterwards, so a head is always in one of the two.
    """
    answer = dict.fromkeys(rooms, (0, 0, 0))
    for start in range(0, len(rooms), ROOMS_PER_QUERY):
        asked = list(rooms[start : start + ROOMS_PER_QUERY])
        cursor = await c.notifications.aggregate(
            [
                {"$match": {"room": {"$in": asked}, "seq": {"$gt": 0}}},
                {"$sort": {"room": 1, "seq": -1}},
                {"$group": {"_id": "$room", "seq": {"$first": "$seq"}}},
                {"$unionWith": {"coll": c.rooms.name, "pipeline": [{"$match": {"_id": {"$in": asked}}}]}},
            ]
        )
        for found in await cursor.to_list():
            head, floor, cleared = answer[found["_id"]]
            if "seq" in found:
                head = max(head, found["seq"])
            else:
                floor, cleared = found.get("floor", 0), found.get("cleared", 0)
                head = max(head, floor)
            answer[found["_id"]] = (head, floor, max(floor, cleared))
    return answer


@dataclass(slots=True)
class _Work:
    """One emission on its way: what is stored of it, by ordinal, and what became of it."""

    emission: Emission
    key: str | None
    stored: dict[int, Notification] = field(default_factory=dict)
    duplicate: bool = False
    mismatch: bool = False

    def answer(self) -> Appended | IdempotencyMismatch:
        if self.mismatch:
            return IdempotencyMismatch("the idempotency key was used before with another content")
        return Appended(
            notifications=tuple(self.stored[ordinal] for ordinal in sorted(self.stored)),
            duplicate=self.duplicate,
        )


@dataclass(slots=True)
class _Item:
    """One notification still to be inserted."""

    work: _Work
    ordinal: int
    notification: Notification
    document: Document


class Appender:
    """Appends batches one after the other, and remembers the heads of rooms between them."""

    def __init__(self) -> None:
        self._appending = asyncio.Lock()
        self._heads: dict[str, int] = {}

    async def append(
        self, collections: Collections, emissions: Sequence[Emission]
    ) -> list[Appended | IdempotencyMismatch]:
        # One at a time: two batches in flight would number the same rooms, and a failed first leave holes under a second.
        async with self._appending:
            try:
                return await _Batch(collections, self._heads).append(emissions)
            except BaseException:
                # What was stored is not known: the next batch must look.
                self._heads.clear()
                raise


class _Batch:
    """One call of `append`."""

    def __init__(self, collections: Collections, heads: dict[str, int]) -> None:
        self._collections = collections
        self._heads = heads

    async def append(self, emissions: Sequence[Emission]) -> list[Appended | IdempotencyMismatch]:
        works: list[_Work] = []
        first_of_key: dict[str, _Work] = {}
        repeats: dict[int, _Work] = {}
        for emission in emissions:
            work = _Work(emission, None if emission.key is None else key_text(emission.key))
            if work.key is not None and first_of_key.setdefault(work.key, work) is not work:
                repeats[len(works)] = first_of_key[work.key]
            works.append(work)
        await self._look_up_keys(first_of_key)
        await self._insert_all([work for index, work in enumerate(works) if index not in repeats])
        answers = [work.answer() for work in works]
        for index, first in repeats.items():
            answers[index] = await self._repeat(works[index].emission, first)
        return answers

    async def _repeat(self, emission: Emission, first: _Work) -> Appended | IdempotencyMismatch:
        """Answer the same key a second time in one call."""
        assert emission.key is not None
        assert first.emission.key is not None
        if emission.key.fingerprint == first.emission.key.fingerprint:
            answer = first.answer()
            return replace(answer, duplicate=True) if isinstance(answer, Appended) else answer
        # The first may itself be at odds with what was stored before, and this one not: ask the store.
        (answer,) = await self.append([emission])
        return answer

    async def _look_up_keys(self, works: dict[str, _Work]) -> None:
        """Fill in what is stored under the keys already."""
        if not works:
            return
        cursor = self._collections.notifications.find({"key": {"$in": list(works)}})
        for document in await cursor.to_list():
            work = works[document["key"]]
            assert work.emission.key is not None
            if document["fingerprint"] != work.emission.key.fingerprint:
                work.mismatch = True
            else:
                if document["ordinal"] not in work.stored:
                    work.duplicate = True
                work.stored[document["ordinal"]] = notification_of(document)

    async def _insert_all(self, works: Iterable[_Work]) -> None:
        items = [item for work in works for item in _items(work)]
        fruitless = 0
        while items:
            before = len(items)
            items = await self._insert(items)
            fruitless = fruitless + 1 if len(items) == before else 0
            if fruitless == FRUITLESS_ROUNDS:
                raise StoreUnavailable("MongoDB: too many writers to the same rooms", retry_after=0.2)
            if fruitless:
                await asyncio.sleep(random.uniform(0, ROUND_JITTER_SECONDS))  # noqa: S311 - only to part the writers

    async def _insert(self, items: list[_Item]) -> list[_Item]:
        """Number and insert `items`; answers those still to be inserted."""
        await self._number(items)
        try:
            await self._collections.notifications.insert_many([item.document for item in items], ordered=True)
        except BulkWriteError as error:
            details = error.details
            if details["writeConcernErrors"]:
                raise StoreUnavailable("MongoDB: no majority has confirmed the write") from error
            (refusal,) = details["writeErrors"]
            index: int = refusal["index"]
            self._take(items[:index])
            return await self._after_refusal(items[index:], refusal, error)
        except (DocumentTooLarge, BSONError, UnicodeEncodeError, OverflowError) as error:
            # The driver encodes before it sends: nothing of this round is stored.
            raise Unstorable(f"MongoDB cannot hold it: {type(error).__name__}") from error
        self._take(items)
        return []

    async def _number(self, items: list[_Item]) -> None:
        heads = self._heads
        unknown = list({item.notification.room for item in items if item.notification.in_app} - heads.keys())
        if unknown:
            if len(heads) > CACHED_HEADS:
                heads.clear()
                unknown = list({item.notification.room for item in items if item.notification.in_app})
            for room, (head, _, _) in (await positions(self._collections, unknown)).items():
                heads[room] = head
        ahead: dict[str, int] = {}
        for item in items:
            if item.notification.in_app:
                room = item.notification.room
                ahead[room] = item.document["seq"] = ahead.get(room, heads[room]) + 1

    def _take(self, items: list[_Item]) -> None:
        """These are stored."""
        heads = self._heads
        for item in items:
            seq = item.document.get("seq")
            notification = item.notification
            if seq is not None:
                heads[notification.room] = seq
                notification = replace(notification, seq=seq)
            item.work.stored[item.ordinal] = notification

    async def _after_refusal(
        self, items: list[_Item], refusal: dict[str, Any], error: BulkWriteError
    ) -> list[_Item]:
        if refusal["code"] in TOO_LARGE:
            raise Unstorable("MongoDB cannot hold it: too large") from error
        if refusal["code"] != DUPLICATE_KEY:
            raise StoreUnavailable(f"MongoDB: refused with code {refusal['code']}") from error
        index = tuple(refusal["keyPattern"])
        if index == ("room", "seq"):
            for item in items:
                self._heads.pop(item.notification.room, None)
        elif index == ("key", "ordinal"):
            await self._look_up_keys(
                {item.work.key: item.work for item in items if item.work.key is not None}
            )
        else:
            await self._look_up_ids(items)
        return [item for item in items if not item.work.mismatch and item.ordinal not in item.work.stored]

    async def _look_up_ids(self, items: list[_Item]) -> None:
        of_id = {item.notification.id: item for item in items}
        cursor = self._collections.notifications.find({"_id": {"$in": list(of_id)}})
        for document in await cursor.to_list():
            item = of_id[document["_id"]]
            if document["room"] != item.notification.room or document.get("key") != item.work.key:
                raise Unstorable("a notification's id is taken by another")
            item.work.duplicate = True
            item.work.stored[item.ordinal] = notification_of(document)


def _items(work: _Work) -> list[_Item]:
    if work.mismatch:
        return []
    items = []
    for ordinal, notification in enumerate(work.emission.notifications):
        if ordinal in work.stored:
            continue
        document = document_of(notification)
        if work.emission.key is not None:
            document["key"] = work.key
            document["ordinal"] = ordinal
            document["fingerprint"] = work.emission.key.fingerprint
        items.append(_Item(work, ordinal, notification, document))
    return items
