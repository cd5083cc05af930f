"""Appending: how notifications get their sequences while other processes append to the same rooms.

The node numbers a batch from the heads it remembers, and inserts it *in order*: the server stops at the first document
that it refuses, so at every moment, a crash included, what is stored is a beginning of the batch, and no room has a hole.
A refusal says what to do with the rest:

- (room, seq) is taken: another process was faster; read the heads again and number the rest anew.
- (key, ordinal) is taken: another process, or this one before a crash, stores the same emission; answer with
  that one's notifications, and leave only those to insert that it did not get to.
- the id is taken: the same call was made before, with its outcome unknown.
- the place in a chain is taken (`collapsing.py`): look again what is shown under the key, and take the next.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson.errors import BSONError
from msgspec.structs import replace
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge

from storage.collapsing import following, latest_of, pair_of
from storage.encoding import key_text
from storage.errors import IdempotencyMismatch, StoreUnavailable, Unstorable
from storage.mongo import collapsing
from storage.mongo.collapsing import Succession, succession_of
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.documents import notification_of
from storage.mongo.errors import said
from storage.mongo.heads import REMEMBERED_ROOMS, ROOMS, Heads, positions
from storage.mongo.insertions import Insertion, Work, items_of, numbered_rooms
from storage.mongo.obligations import document_of as mail_document
from storage.streams import Appended, Emission

DUPLICATE_KEY = 11000
TOO_LARGE = frozenset({10334, 17280, 17419, 17420})
FRUITLESS_ROUNDS = 100
ROUND_JITTER_SECONDS = 0.003
"""Times the fruitless rounds: the first wait is about as long as a round, for longer ones let the others get ahead."""
LONGEST_JITTER_SECONDS = 0.02


class Appender:
    """Appends batches one after the other, and remembers the heads of rooms between them."""

    def __init__(self) -> None:
        self._appending = asyncio.Lock()
        self._heads = Heads()
        self._chained: set[str] = set()
        """Rooms that are known to say that they have chains."""

    def learn(self, heads: Mapping[str, int]) -> None:
        """Another process says how far rooms are. Rooms that this one never appended to are none of its business."""
        self._heads.learn(heads)

    def unlearn(self) -> None:
        """Forget everything: the next batch looks."""
        self._heads.clear()
        self._chained.clear()

    async def append(
        self, collections: Collections, emissions: Sequence[Emission]
    ) -> list[Appended | IdempotencyMismatch]:
        """Append a batch, when the one before has ended. An error forgets all heads, as nobody knows what was stored."""
        # One at a time: two batches in flight would number the same rooms, and a failed first leave holes under a second.
        async with self._appending:
            self._heads.trim()
            if len(self._chained) > REMEMBERED_ROOMS:
                self._chained.clear()
            try:
                return await _Batch(collections, self._heads, self._chained).append(emissions)
            except BaseException:
                # What was stored is not known: the next batch must look.
                self._heads.clear()
                raise


class _Batch:
    """One call of `append`."""

    def __init__(self, collections: Collections, heads: Heads, chained: set[str]) -> None:
        self._collections = collections
        self._heads = heads
        self._chained = chained
        self._successions: list[Succession] = []
        """Of what is stored now, and stands for something older."""

    async def append(self, emissions: Sequence[Emission]) -> list[Appended | IdempotencyMismatch]:
        """Store the emissions, and answer each in order.

        Keys are looked up first, in one question. What is new is inserted together, and what was superseded by it
        hidden after. A key that comes twice is answered by its first.
        """
        works: list[Work] = []
        first_of_key: dict[str, Work] = {}
        repeats: dict[int, Work] = {}
        for emission in emissions:
            work = Work(emission, None if emission.key is None else key_text(emission.key))
            if work.key is not None and first_of_key.setdefault(work.key, work) is not work:
                repeats[len(works)] = first_of_key[work.key]
            works.append(work)
        await self._look_up_keys(first_of_key)
        await self._insert_all([work for index, work in enumerate(works) if index not in repeats])
        if self._successions:
            await collapsing.finish(self._collections, self._successions)
            self._successions = []
        answers = [work.answer() for work in works]
        for index, first in repeats.items():
            answers[index] = await self._repeat(works[index].emission, first)
        return answers

    async def _repeat(self, emission: Emission, first: Work) -> Appended | IdempotencyMismatch:
        """Answer the same key a second time in one call."""
        assert emission.key is not None
        assert first.emission.key is not None
        if emission.key.fingerprint == first.emission.key.fingerprint:
            answer = first.answer()
            return replace(answer, duplicate=True) if isinstance(answer, Appended) else answer
        # The first may itself be at odds with what was stored before, and this one not: ask the store.
        (answer,) = await self.append([emission])
        return answer

    async def _look_up_keys(self, works: dict[str, Work]) -> None:
        """Fill in what is stored under the keys already."""
        if not works:
            return
        cursor = self._collections[NOTIFICATIONS].find({"key": {"$in": list(works)}})
        for document in await cursor.to_list():
            work = works[document["key"]]
            assert work.emission.key is not None
            if document["fingerprint"] != work.emission.key.fingerprint:
                work.mismatch = True
            else:
                if document["ordinal"] not in work.stored:
                    work.duplicate = True
                work.stored[document["ordinal"]] = notification_of(document)
                self._go_on(document)

    def _go_on(self, document: Document) -> None:
        """Have what an earlier attempt has left undone be done: see `collapsing`."""
        if "over" in document:
            self._successions.append(succession_of(document))

    async def _insert_all(self, works: Iterable[Work]) -> None:
        """Insert what is not stored yet, round by round, until nothing is left.

        A round in which nothing got in is fruitless: another process was faster. After a hundred of those in a row it
        gives up with `StoreUnavailable`; what of the batch was stored by then is a beginning of it.
        """
        items = [item for work in works for item in items_of(work)]
        fruitless = 0
        while items:
            before = len(items)
            items = await self._insert(items)
            fruitless = fruitless + 1 if len(items) == before else 0
            if fruitless == FRUITLESS_ROUNDS:
                raise StoreUnavailable("MongoDB: too many writers to the same rooms", retry_after=0.2)
            if fruitless:
                most = min(ROUND_JITTER_SECONDS * fruitless, LONGEST_JITTER_SECONDS)
                await asyncio.sleep(random.uniform(0, most))  # noqa: S311 - only to part the writers

    async def _insert(self, items: list[Insertion]) -> list[Insertion]:
        """Number and insert `items`; answers those still to be inserted."""
        await self._number(items)
        if any(item.given.collapse is not None for item in items):
            await self._follow([item for item in items if item.given.collapse is not None])
        try:
            await self._collections[NOTIFICATIONS].insert_many(
                [item.document for item in items], ordered=True
            )
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

    async def _number(self, items: list[Insertion]) -> None:
        """Give each that is ordered the next sequence of its room, from the heads as far as they are known."""
        heads = self._heads
        if doubtful := heads.doubtful(numbered_rooms(items)):
            for room, position in (await positions(self._collections, doubtful)).items():
                heads.found(room, position.head)
        ahead: dict[str, int] = {}
        for item in items:
            if item.notification.in_app:
                room = item.notification.room
                before = ahead.get(room)
                ahead[room] = item.document["seq"] = (heads.of(room) if before is None else before) + 1

    async def _follow(self, items: list[Insertion]) -> None:
        """Have each be the newest of its chain, one after the other."""
        c = self._collections
        latest = await collapsing.latest(c, {pair_of(item.given) for item in items})
        news = {room for room, _ in latest}
        for item in items:
            pair = pair_of(item.given)
            before, last = latest.get(pair, (None, 0))
            item.document.pop("over", None)
            item.old = None
            if before is not None:
                news.add(pair[0])
                item.document["over"] = before.seq or 0
                item.old = before.id
            followed, since = following(item.given, before)
            assert followed.collapse is not None
            chain = {"key": followed.collapse.key, "place": last + 1, "count": followed.collapse.count}
            item.document["collapse"] = chain if since is None else {**chain, "since": since}
            if followed.mail is not None:
                item.document["mail"] = mail_document(followed.mail)
            item.notification = followed
            latest[pair] = latest_of(replace(followed, seq=item.document.get("seq")), since), last + 1
        # Before the insert: who counts what is unread in a room has to know that it may have to look for more.
        if news := news - self._chained:
            marks = [UpdateOne({"_id": room}, {"$set": {"chained": True}}, upsert=True) for room in news]
            await c[ROOMS].bulk_write(marks, ordered=False)
            self._chained |= news

    def _take(self, items: list[Insertion]) -> None:
        """These are stored."""
        heads = self._heads
        for item in items:
            seq = item.document.get("seq")
            notification = item.notification
            if seq is not None:
                heads.stored(notification.room, seq)
                notification = replace(notification, seq=seq)
            item.work.stored[item.ordinal] = notification
            if "over" in item.document:
                self._successions.append(succession_of(item.document, item.old))

    async def _after_refusal(
        self, items: list[Insertion], refusal: dict[str, Any], error: BulkWriteError
    ) -> list[Insertion]:
        """What to do with those from the refused one on: answers which of them are still to be inserted.

        Raises `Unstorable` for a document that is too large, and `StoreUnavailable` for whatever else the server has
        against it.
        """
        if refusal["code"] in TOO_LARGE:
            raise Unstorable("MongoDB cannot hold it: too large") from error
        if refusal["code"] != DUPLICATE_KEY:
            raise StoreUnavailable(f"MongoDB: {said(refusal['errmsg'])} (code {refusal['code']})") from error
        index = tuple(refusal["keyPattern"])
        if index == ("room", "seq"):
            # All of the rest: what has made the first number old has likely made others so.
            self._heads.doubt(numbered_rooms(items))
        elif index == ("key", "ordinal"):
            await self._look_up_keys(
                {item.work.key: item.work for item in items if item.work.key is not None}
            )
        elif index != collapsing.PLACE:
            await self._look_up_ids(items)
        return [item for item in items if not item.work.mismatch and item.ordinal not in item.work.stored]

    async def _look_up_ids(self, items: list[Insertion]) -> None:
        """Take for stored what is stored under these ids already. Raises `Unstorable` where an id is another's."""
        of_id = {item.notification.id: item for item in items}
        cursor = self._collections[NOTIFICATIONS].find({"_id": {"$in": list(of_id)}})
        for document in await cursor.to_list():
            item = of_id[document["_id"]]
            if document["room"] != item.notification.room or document.get("key") != item.work.key:
                raise Unstorable("a notification's id is taken by another")
            item.work.duplicate = True
            item.work.stored[item.ordinal] = notification_of(document)
            self._go_on(document)
