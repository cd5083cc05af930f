"""The shelf of epochs: a fact of the store, and what is put right when it turns."""

import secrets

from storage.encoding import ROOMS_PER_QUERY
from storage.epochs import Epochs
from storage.mongo.collections import FACTS, Collections, Document
from storage.mongo.heads import ROOMS, positions
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.standings import INBOXES, RECEIPTS

EPOCH = "epoch"


async def in_force(c: Collections) -> str:
    """The epoch; a store that has none gets one here."""
    while (document := await c[FACTS].find_one({"_id": EPOCH})) is None:
        # A new store, or one that was put back from before there were epochs; another node may be doing the same.
        await c[FACTS].update_one(
            {"_id": EPOCH}, {"$setOnInsert": {"value": secrets.token_hex(4)}}, upsert=True
        )
    return str(document["value"])


class MongoEpochs(MongoShelf, Epochs):
    """The epoch is a fact of the database."""

    @operation
    async def current(self, c: Collections) -> str:
        return await in_force(c)

    @operation
    async def turn(self, c: Collections, *, seen: str | None = None) -> str:
        """What is read is brought back, and then the epoch changes: of several nodes the first one's is in force."""
        before = await in_force(c)
        if seen not in (None, before):
            return before
        # Before the epoch: a client that hears of the new one must find it put right.
        await _bring_back(c)
        await c[FACTS].update_one({"_id": EPOCH, "value": before}, {"$set": {"value": secrets.token_hex(4)}})
        return await in_force(c)


async def _bring_back(c: Collections) -> None:
    """Nobody has read, and nothing was cleared, beyond the head of a room."""
    furthest: dict[str, int] = {}
    for collection, room, column in (
        (c[INBOXES], "$room", "$read_upto"),
        (c[RECEIPTS], "$room", "$seq"),
        (c[ROOMS], "$_id", "$cleared"),
    ):
        cursor = await collection.aggregate([{"$group": {"_id": room, "furthest": {"$max": column}}}])
        async for found in cursor:
            upto = found["furthest"] or 0
            furthest[found["_id"]] = max(upto, furthest.get(found["_id"], 0))
    rooms = list(furthest)
    for start in range(0, len(rooms), ROOMS_PER_QUERY):
        part = rooms[start : start + ROOMS_PER_QUERY]
        for room, position in (await positions(c, part)).items():
            if furthest[room] > position.head:
                await _bring_back_room(c, room, position.head)


async def _bring_back_room(c: Collections, room: str, head: int) -> None:
    """Bring back what is said of a room beyond its head. In no transaction; each write may be done again."""
    beyond: Document = {"$gt": head}
    await c[INBOXES].update_many({"room": room, "read_upto": beyond}, {"$set": {"read_upto": head}})
    await c[INBOXES].update_many({"room": room, "begins": beyond}, {"$set": {"begins": head}})
    await c[RECEIPTS].delete_many({"room": room, "seq": beyond})
    await c[ROOMS].update_many({"_id": room, "cleared": beyond}, {"$set": {"cleared": head}})
