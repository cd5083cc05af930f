"""The shelf of switches, in the collection `switches`: a document for each type, with its last changes.

Beside them is one that counts the changes. Both are written in one transaction: so changes come one after the other, in the order
of their numbers, and who has read up to one misses none below it.
"""

from collections.abc import Sequence
from datetime import datetime

from pymongo.asynchronous.client_session import AsyncClientSession as Session

from storage.encoding import data_of, data_text, micros, moment
from storage.errors import TooManySwitched
from storage.mongo.collections import Collections, Document
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.transactions import atomically
from storage.people import Erasure
from storage.switches import (
    CHANGES_KEPT,
    ERASED,
    TYPES_MAX,
    SwitchChange,
    Switched,
    Switches,
    SwitchSettings,
    SwitchTable,
    merged,
)

SWITCHES = "switches"
COUNTER = ""
"""The id of what counts; no type is called so."""


def _change(document: Document) -> SwitchChange:
    return SwitchChange(at=moment(document["at"]), by=document["by"], asked=data_of(document["asked"]))


def _switched(document: Document) -> Switched:
    return Switched(settings=data_of(document["settings"]), last=_change(document["changes"][-1]))


async def _version(c: Collections) -> int:
    counter = await c[SWITCHES].find_one({"_id": COUNTER})
    return 0 if counter is None else int(counter["version"])


async def _change_in(c: Collections, session: Session, type_: str, change: SwitchChange) -> Switched:
    """One change within its transaction. The counter is written first, so that two changes cannot both go on."""
    await c[SWITCHES].update_one({"_id": COUNTER}, {"$inc": {"version": 1}}, upsert=True, session=session)
    before = await c[SWITCHES].find_one({"_id": type_}, {"settings": 1}, session=session)
    if before is None:
        # The counter is one of them.
        count = await c[SWITCHES].count_documents({}, limit=TYPES_MAX + 1, session=session)
        if count > TYPES_MAX:
            raise TooManySwitched
    settings = merged({} if before is None else data_of(before["settings"]), change.asked)
    entry = {"at": micros(change.at), "by": change.by, "asked": data_text(change.asked)}
    update = {
        "$set": {"settings": data_text(settings)},
        "$push": {"changes": {"$each": [entry], "$slice": -CHANGES_KEPT}},
    }
    await c[SWITCHES].update_one({"_id": type_}, update, upsert=True, session=session)
    return Switched(settings=settings, last=change)


class MongoSwitches(MongoShelf, Switches):
    """A document for each type that was ever switched.

    The one that counts is among them, so that a transaction of a change has both in one collection.
    """

    @operation
    async def version(self, c: Collections) -> int:
        return await _version(c)

    @operation
    async def all(self, c: Collections) -> SwitchTable:
        # Before the documents: one that is changed while they are read has a higher number.
        version = await _version(c)
        of_types = {"_id": {"$ne": COUNTER}}
        documents = await c[SWITCHES].find(of_types, {"settings": 1, "changes": {"$slice": -1}}).to_list()
        return SwitchTable(
            version=version, types={document["_id"]: _switched(document) for document in documents}
        )

    @operation
    async def change(
        self, c: Collections, type_: str, asked: SwitchSettings, *, by: str, now: datetime
    ) -> Switched:
        """One transaction, which counts first: so two changes of any types come one after the other."""
        change = SwitchChange(at=now, by=by, asked=asked)
        return await atomically(c, lambda session: _change_in(c, session, type_, change))

    @operation
    async def history(self, c: Collections, type_: str, *, limit: int) -> Sequence[SwitchChange]:
        found = await c[SWITCHES].find_one({"_id": type_}, {"changes": {"$slice": -limit}})
        return [] if found is None else [_change(entry) for entry in reversed(found["changes"])]

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        by = f"user:{erasure.user}"
        # Not the version: what is set has not changed.
        await c[SWITCHES].update_many(
            {"changes.by": by},
            {"$set": {"changes.$[its].by": ERASED}},
            array_filters=[{"its.by": by}],
        )
        return 0
