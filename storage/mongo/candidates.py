"""The notifications that may be on a page of a history, and the index by which each kind of page finds them.

The index is named to the server: what it finds best for one user it would keep to for all others.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from pymongo.asynchronous.collection import AsyncCollection

from storage.encoding import FOREVER
from storage.mongo.collections import NOTIFICATIONS, Collections, Document, together
from storage.mongo.heads import positions
from storage.mongo.standings import RANGES_PER_QUERY
from storage.mongo.streams import TYPED_FROM

T = TypeVar("T")

RANGES_PER_MERGE = 100
"""Fewer than the number of ranges up to which the server merges sorted index scans instead of sorting."""
FEW_UNREAD = 1_000
"""So many of a room are sorted; where more may be unread it is looked through from its newest."""

Before = tuple[int, str]
"""What a page lies behind: a time, and an id of that time."""
START: Before = (FOREVER, "")
_NEWEST_FIRST = {"created_at": -1, "_id": -1}


class Answer(NamedTuple):
    """Notifications, newest first, and what came of other collections beside them: None where that was not asked for."""

    found: list[Document]
    beside: list[Document] | None


class Candidates:
    """Those of some rooms for which all holds that is asked, newest first: by the time, and then by the id.

    Stages that stand `beside` a question add documents of other collections, all of which have a `user`.
    """

    def __init__(self, c: Collections, rooms: Sequence[str], *, asked: Document, types: Document) -> None:
        """`types` says which types are wanted, if not all; `asked` what else must hold, its `$nor` what may not."""
        self.types = types
        self._c = c
        self._rooms = rooms
        self._asked = asked
        # What is asked for by its id is not looked for in the rooms.
        self._index = None if "_id" in asked else "shown"

    async def newest(
        self, before: Before, limit: int, *, beside: Sequence[Document] = (), among: int | None = None
    ) -> Answer:
        """By the times in the rooms, of any type; with `among` what is of the types of so many of the newest."""
        only: list[Document] = [] if among is None else [{"$limit": among}, {"$match": self.types}]
        of_rooms = [_first(each, limit, only) for each in _of(self._rooms, self._behind(before))]
        return await self._ask(of_rooms, limit, index=self._index, beside=beside)

    async def lagging(self, before: Before, limit: int) -> list[Document] | None:
        """The newest of any type from a secondary, if that has what lies at `before`, and so all that came before it."""
        condition = self._behind(before, or_at=True)
        of_rooms = [_first(each, limit + 1) for each in _of(self._rooms, condition)]
        lagging = self._c.lagging(NOTIFICATIONS)
        found, _ = await self._ask(of_rooms, limit + 1, index=self._index, collection=lagging)
        return found[1:] if found and found[0]["_id"] == before[1] else None

    async def typed(
        self,
        before: Before,
        limit: int,
        *,
        beside: Sequence[Document] = (),
        never: Sequence[Document] = (),
    ) -> Answer:
        """By the types in what came late to the rooms, and by looking through what came early: one question.

        The early part has its index named. For the late one the server comes to the index by types by itself: no other
        is ever better.
        """
        condition = self._behind(before, never) | self.types
        early = {**condition, "seq": {"$gt": 0, "$lte": TYPED_FROM}}
        late = {**condition, "seq": {"$gt": TYPED_FROM}}
        # Each type of each room is a range to merge.
        at_once = max(1, RANGES_PER_MERGE // max(1, len(self.types["type"]["$in"])))
        parts = zip(_of(self._rooms, early, at_once), _of(self._rooms, late, at_once), strict=True)
        of_rooms = [
            [*_first(one, limit), {"$unionWith": {"coll": NOTIFICATIONS, "pipeline": _first(other, limit)}}]
            for one, other in parts
        ]
        return await self._ask(of_rooms, limit, index="stream", beside=beside)

    async def above(self, before: Before, limit: int, marks: Mapping[str, int], ids: Sequence[str]) -> Answer:
        """What is above the marks of the rooms, of any type, and what has one of the ids.

        By its stream where a room has little of it. Else from its newest: nearly all of those are above.
        """
        places = await positions(self._c, list(marks))
        ahead = {room: places[room].head - mark for room, mark in marks.items()}
        few = [room for room in marks if 0 < ahead[room] <= FEW_UNREAD]
        many = [room for room in marks if ahead[room] > FEW_UNREAD]
        condition = self._behind(before)
        ranges = [{"room": room, "seq": {"$gt": marks[room]}} for room in few]
        by_streams = [{**condition, "$or": part} for part in _parts(ranges, RANGES_PER_QUERY)]
        by_times = _of(many, self._behind(before, [up_to(room, marks[room]) for room in many]))
        by_ids = _of(self._rooms, {**condition, "_id": {"$in": list(ids)}}) if ids else []
        asked = {"stream": by_streams, "shown": by_times, "_id_": by_ids}
        answers = await together(
            *(
                self._ask([_first(each, limit) for each in conditions], limit, index=index)
                for index, conditions in asked.items()
            )
        )
        return Answer(_newest([answer.found for answer in answers], limit), None)

    def _behind(self, before: Before, never: Sequence[Document] = (), *, or_at: bool = False) -> Document:
        """All that is asked but the types, of what lies behind."""
        time, id_ = before
        condition = dict(self._asked)
        not_so = [*condition.pop("$nor", ()), *never]
        if before != START:
            # The range bounds the index, and equal times are told apart by the id.
            condition["created_at"] = {"$lte": time}
            not_so.append({"created_at": time, "_id": {"$gt" if or_at else "$gte": id_}})
        return {**condition, "$nor": not_so} if not_so else condition

    async def _ask(
        self,
        pipelines: Sequence[Sequence[Document]],
        limit: int,
        *,
        index: str | None,
        collection: AsyncCollection[Document] | None = None,
        beside: Sequence[Document] = (),
    ) -> Answer:
        """The newest of several questions, asked at once; what each has read beyond the limit is thrown away."""
        notifications = self._c[NOTIFICATIONS] if collection is None else collection
        hint: Document = {} if index is None else {"hint": index}

        async def fetch(number: int, pipeline: Sequence[Document]) -> list[Document]:
            cursor = await notifications.aggregate([*pipeline, *(beside if number == 0 else ())], **hint)
            return await cursor.to_list()

        answers = await together(*(fetch(number, each) for number, each in enumerate(pipelines)))
        of_others = [document for answer in answers for document in answer if "user" in document]
        return Answer(
            _newest([[d for d in answer if "user" not in d] for answer in answers], limit), of_others
        )


def _first(condition: Document, limit: int, only: Sequence[Document] = ()) -> list[Document]:
    """The stages that read the newest of which the condition holds."""
    return [{"$match": condition}, {"$sort": _NEWEST_FIRST}, *only, {"$limit": limit}]


def up_to(room: str, mark: int, but: Sequence[str] = ()) -> Document:
    """Says what lies at or below the mark of a room, but for these ids."""
    below: Document = {"room": room, "seq": {"$lte": mark}}
    return {**below, "_id": {"$nin": list(but)}} if but else below


def _of(rooms: Sequence[str], condition: Document, at_once: int = RANGES_PER_MERGE) -> list[Document]:
    """The condition for each part of the rooms."""
    return [{**condition, "room": {"$in": part}} for part in _parts(rooms, at_once)]


def _parts(whole: Sequence[T], size: int) -> list[Sequence[T]]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _newest(answers: Sequence[Sequence[Document]], limit: int) -> list[Document]:
    """The newest of all of them, each once."""
    documents = {document["_id"]: document for answer in answers for document in answer}
    order = sorted(documents.values(), key=lambda each: (each["created_at"], each["_id"]), reverse=True)
    return order[:limit]
