"""The shelf of clicks, in the collections `click_targets` and `clicks`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pymongo import IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.clicks import Clicks, Hit, HitKind
from storage.encoding import FOREVER, is_writable, micros, moment, moment_or_none
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure

TARGETS, HITS = "click_targets", "clicks"
_OLDEST = [("at", 1), ("_id", 1)]
_NEWEST = [("at", -1), ("_id", -1)]
INDEXES = {
    TARGETS: (
        IndexModel([("user", 1)], name="user", partialFilterExpression={"user": {"$type": "string"}}),
        IndexModel([("until", 1)], name="until"),
    ),
    HITS: (
        IndexModel([("mail", 1), *_OLDEST], name="mail"),
        IndexModel(
            [("notification", 1), *_OLDEST],
            name="notification",
            partialFilterExpression={"notification": {"$type": "string"}},
        ),
        IndexModel([("user", 1), *_OLDEST], name="user"),
        IndexModel(_OLDEST, name="unjudged", partialFilterExpression={"judged_at": None}),
        IndexModel([("at", 1)], name="oldest"),
    ),
}
_TEXTS = ("mail", "user", "type", "notification", "room", "campaign")
"""The fields that stand in a document as they are."""


class MongoClicks(MongoShelf, Clicks):
    """A document for each target, and one for each hit.

    A target's id is its key, so of two nodes that keep one at once the second finds the first's, and makes it nobody's
    if it must.
    """

    INDEXES = INDEXES

    @operation
    async def keep(
        self, c: Collections, targets: Mapping[bytes, str], *, user: str, until: datetime | None
    ) -> frozenset[bytes]:
        """One write for each target, which judges whose it is now."""
        at = FOREVER if until is None else micros(until)
        return frozenset([key for key, url in targets.items() if await _keep(c, key, url, user, at) is None])

    @operation
    async def target(self, c: Collections, key: bytes, *, now: datetime) -> str | None:
        found = await c[TARGETS].find_one({"_id": key, "until": {"$gt": micros(now)}})
        return None if found is None else str(found["url"])

    @operation
    async def targets_of(self, c: Collections, user: str, *, limit: int) -> list[str]:
        if not is_writable(user):
            return []
        return [found["url"] for found in await c[TARGETS].find({"user": user}).limit(limit).to_list()]

    @operation
    async def note(self, c: Collections, hit: Hit, *, most: int) -> bool:
        # Of several at the same moment some may come on top: it is a bound, and no account.
        """A count up to `most`, and then an insert: hits at the same moment may go beyond it."""
        if await c[HITS].count_documents({"mail": hit.mail}, limit=most) >= most:
            return False
        await c[HITS].insert_one(_document(hit))
        return True

    @operation
    async def unjudged(self, c: Collections, *, before: datetime, limit: int) -> list[Hit]:
        waiting = {"judged_at": None, "at": {"$lt": micros(before)}}
        return await _hits(c, waiting, _OLDEST, limit)

    @operation
    async def of_mail(self, c: Collections, mail: str) -> list[Hit]:
        return await _hits(c, {"mail": mail}, _OLDEST, 0)

    @operation
    async def about(self, c: Collections, id_: str, *, limit: int) -> list[Hit]:
        if not is_writable(id_):
            return []
        return await _hits(c, {"$or": [{"mail": id_}, {"notification": id_}]}, _NEWEST, limit)

    @operation
    async def of_user(self, c: Collections, user: str, *, limit: int) -> list[Hit]:
        return await _hits(c, {"user": user}, _NEWEST, limit) if is_writable(user) else []

    @operation
    async def judge(
        self, c: Collections, id_: str, kind: HitKind, why: Sequence[str], *, now: datetime
    ) -> bool:
        """One write that asks for a hit that is not judged: of several judges the server has one be first."""
        judged = await c[HITS].update_one(
            {"_id": id_, "judged_at": None},
            {"$set": {"kind": kind.value, "why": list(why), "judged_at": micros(now)}},
        )
        return judged.modified_count == 1

    @operation
    async def confirm(self, c: Collections, mail: str, target: bytes, *, now: datetime) -> Hit | None:
        """The newest first, and then a write that judges: of two who confirm at once one is answered."""
        newest = await c[HITS].find_one({"mail": mail, "target": target}, {"_id": 1}, sort=_NEWEST)
        if newest is None:
            return None
        changed = await c[HITS].find_one_and_update(
            {"_id": newest["_id"], "confirmed_at": None},
            {"$set": {"confirmed_at": micros(now)}},
            return_document=ReturnDocument.AFTER,
        )
        return None if changed is None else _hit(changed)

    @operation
    async def prune(self, c: Collections, *, hits_before: datetime | None, now: datetime, limit: int) -> int:
        pruned = await _forget(c, TARGETS, {"until": {"$lte": micros(now)}}, limit)
        if hits_before is not None:
            pruned += await _forget(c, HITS, {"at": {"$lt": micros(hits_before)}}, limit)
        return pruned

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        known = {"user": {"$in": list(erasure.names)}}
        await c[TARGETS].delete_many(known)
        await c[HITS].delete_many(known)
        return 0


async def _keep(c: Collections, key: bytes, url: str, user: str, until: int) -> str | None:
    """Whose it is now."""
    # Literally: what begins with a dollar would be a field.
    whose = {"$literal": user}
    is_new = {"$eq": [{"$type": "$until"}, "missing"]}
    kept = [
        {
            "$set": {
                "url": {"$ifNull": ["$url", {"$literal": url}]},
                "user": {"$cond": [{"$or": [is_new, {"$eq": ["$user", whose]}]}, whose, None]},
                "until": {"$max": ["$until", until]},
            }
        }
    ]
    update = partial(
        c[TARGETS].find_one_and_update,
        {"_id": key},
        kept,
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    try:
        found = await update()
    except DuplicateKeyError:
        # Another was faster; what it made is there now.
        found = await update()
    assert found is not None  # an upsert answers what is there after it
    owner: str | None = found["user"]
    return owner


async def _forget(c: Collections, name: str, which: Document, limit: int) -> int:
    ids = [found["_id"] for found in await c[name].find(which, {"_id": 1}).limit(limit).to_list()]
    # Judged once more as it is deleted: a target may be kept for longer since.
    return (await c[name].delete_many({"_id": {"$in": ids}, **which})).deleted_count if ids else 0


async def _hits(c: Collections, which: Document, order: Any, limit: int) -> list[Hit]:
    return [_hit(found) for found in await c[HITS].find(which).sort(order).limit(limit).to_list()]


def _document(hit: Hit) -> Document:
    return {
        "_id": hit.id,
        **{name: getattr(hit, name) for name in _TEXTS},
        "target": hit.target,
        "links": hit.links,
        "at": micros(hit.at),
        "network": hit.network,
        "signals": list(hit.signals),
        "kind": hit.kind.value,
        "why": list(hit.why),
        "judged_at": None if hit.judged_at is None else micros(hit.judged_at),
        "confirmed_at": None if hit.confirmed_at is None else micros(hit.confirmed_at),
    }


def _hit(found: Document) -> Hit:
    return Hit(
        id=found["_id"],
        **{name: found[name] for name in _TEXTS},
        target=bytes(found["target"]),
        links=found["links"],
        at=moment(found["at"]),
        network=bytes(found["network"]),
        signals=tuple(found["signals"]),
        kind=HitKind(found["kind"]),
        why=tuple(found["why"]),
        judged_at=moment_or_none(found["judged_at"]),
        confirmed_at=moment_or_none(found["confirmed_at"]),
    )
