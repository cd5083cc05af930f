"""The shelf of people, in the collection `contacts`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel, UpdateOne

from storage.encoding import data_of, data_text, is_writable, micros, moment, moment_or_none, writable
from storage.finding import BLANKS, CANDIDATES, LAST, forms, matching, sought
from storage.mongo import obligations
from storage.mongo.collections import Collections, Document
from storage.mongo.schema import Migration
from storage.mongo.shelf import MongoShelf, Operations, operation
from storage.people import TOLD, Contact, Erasure, FoundContacts, People, Profile, Told

CONTACTS = "contacts"
INDEXES = {CONTACTS: (IndexModel([("words", 1)], name="words"),)}
_SAID: Document = {
    "$concat": ["$_id", " ", {"$ifNull": ["$email", ""]}, " ", {"$ifNull": ["$name", ""]}],
}
for _blank in BLANKS:
    _SAID = {"$replaceAll": {"input": _SAID, "find": _blank, "replacement": " "}}
_WORDS: Document = {"$set": {"words": {"$split": [{"$toLower": _SAID}, " "]}}}
"""The stage of a pipeline that writes the words that a contact is found by."""


async def _note_words(c: Collections) -> None:
    """Of contacts from before they were kept; may be begun again after any part of it."""
    await c[CONTACTS].update_many({"words": {"$exists": False}}, [_WORDS])


async def _part_words(c: Collections) -> None:
    """Words were parted at spaces alone: of contacts with other blanks they are written anew; may be begun again."""
    parted = {"$regex": f"[{''.join(BLANKS)}]"}
    await c[CONTACTS].update_many({"words": parted}, [_WORDS])


MIGRATIONS = (
    Migration(name="people-found", run=_note_words),
    Migration(name="people-blanks", run=_part_words),
)


def _update(contact: Contact) -> UpdateOne:
    """The upsert that keeps what a token says, as one pipeline: it judges by the times that are kept, and writes the
    words too.

    What a backend told later than the token was issued stays, and so does what a newer token said.
    """
    fields: Document = {"_id": contact.user}
    seen = None if contact.last_seen is None else micros(contact.last_seen)
    said_at = contact.said_at or contact.last_seen
    for name, value in (("email", contact.email), ("name", contact.name), ("locale", contact.locale)):
        if value is not None:
            # $literal: a name that begins with a dollar is no path.
            given = {"$literal": value}
            older = {"$lt": [seen, {"$ifNull": ["$last_seen", seen]}]}
            newest: Any = (
                given if seen is None else {"$cond": [older, {"$ifNull": [f"${name}", given]}, given]}
            )
            if said_at is not None:
                # What is missing compares as less than any time.
                told_since = {"$gt": [f"$told.{name}", micros(said_at)]}
                newest = {"$cond": [told_since, f"${name}", newest]}
            fields[name] = newest
    # A pipeline cannot tell an insert from an update: what holds nothing of these is new.
    is_new = {
        "$and": [
            {"$eq": [{"$type": f"${name}"}, "missing"]}
            for name in ("email", "name", "locale", "last_seen", "told")
        ]
    }
    first = {"$ifNull": [seen, {"$multiply": [{"$toLong": "$$NOW"}, 1000]}]}
    fields["first_seen"] = {"$cond": [is_new, first, "$first_seen"]}
    if seen is not None:
        fields["last_seen"] = {"$max": ["$last_seen", seen]}
    return UpdateOne({"_id": contact.user}, [{"$set": fields}, _WORDS], upsert=True)


def _telling(told: Told) -> UpdateOne:
    """The upsert that keeps what a backend tells, with the time of each; a None takes away."""
    at = micros(told.at)
    given: Document = {}
    gone: Document = {}
    for name in TOLD:
        if name not in told.fields:
            continue
        value = told.fields[name]
        given[f"told.{name}"] = at
        if value is None:
            gone[name] = ""
        else:
            given[name] = data_text(value) if name == "attributes" else value
    update: Document = {"$setOnInsert": {"first_seen": at}}
    if given:
        update["$set"] = given
    if gone:
        update["$unset"] = gone
    return UpdateOne({"_id": told.user}, update, upsert=True)


async def _contacts(c: Collections, users: Sequence[str]) -> dict[str, Contact]:
    documents = await c[CONTACTS].find({"_id": {"$in": writable(users)}}, {"attributes": 0}).to_list()
    return {document["_id"]: _contact_of(document) for document in documents}


def _contact_of(document: Document) -> Contact:
    return Contact(
        user=document["_id"],
        email=document.get("email"),
        name=document.get("name"),
        locale=document.get("locale"),
        timezone=document.get("timezone"),
        last_seen=moment_or_none(document.get("last_seen")),
        told_at={name: moment(at) for name, at in document.get("told", {}).items()},
    )


async def _of_nobody_else(c: Collections, user: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """Those of the addresses that no other known user has: by the words that users are found by, one by one, for many may
    have the same.
    """
    others = {"_id": {"$ne": user}}
    return tuple(
        [
            each
            for each in addresses
            if await c[CONTACTS].find_one({"words": each, **others}, {"_id": 1}) is None
        ]
    )


async def _forget(c: Collections, users: Sequence[str]) -> None:
    await c[CONTACTS].delete_many({"_id": {"$in": list(users)}})


class MongoPeople(MongoShelf, People):
    """A document for each user who is known.

    The words that a user is found by are a list in it. `remember` writes them in the same write, `tell` in a second one.
    """

    INDEXES = INDEXES
    MIGRATIONS = MIGRATIONS
    ERASED_IN_TURN = 2

    def __init__(self, operations: Operations, shelves: Sequence[MongoShelf]) -> None:
        """`shelves` are all of the store: whoever is erased is erased from each."""
        super().__init__(operations)
        self._shelves = shelves

    @operation
    async def remember(self, c: Collections, contacts: Sequence[Contact]) -> None:
        """Known fields give way to newer ones only: `last_seen` tells which of two is newer."""
        if contacts:
            await c[CONTACTS].bulk_write([_update(contact) for contact in contacts], ordered=True)

    @operation
    async def tell(self, c: Collections, told: Sequence[Told]) -> None:
        """One bulk in order, and then the words that they are found by.

        A crash in between leaves words of before, until a token or a backend tells something of the user again.
        """
        if told:
            await c[CONTACTS].bulk_write([_telling(each) for each in told], ordered=True)
            await c[CONTACTS].update_many({"_id": {"$in": [each.user for each in told]}}, [_WORDS])

    @operation
    async def profile(self, c: Collections, user: str) -> Profile | None:
        if not writable([user]):
            return None
        document = await c[CONTACTS].find_one({"_id": user})
        if document is None:
            return None
        attributes = document.get("attributes")
        return Profile(
            contact=_contact_of(document), attributes={} if attributes is None else data_of(attributes)
        )

    @operation
    async def contact(self, c: Collections, user: str) -> Contact | None:
        return (await _contacts(c, [user])).get(user)

    @operation
    async def contacts(self, c: Collections, users: Sequence[str]) -> dict[str, Contact]:
        return await _contacts(c, users)

    @operation
    async def search(self, c: Collections, text: str, *, limit: int) -> FoundContacts:
        """By the index of words, of at most `CANDIDATES` documents over all forms; may be read from where it lags."""
        words = sought(text) if is_writable(text) else []
        if not words:
            return FoundContacts(contacts=(), more=False)
        begun = [{"words": {"$elemMatch": {"$gte": form, "$lt": form + LAST}}} for form in forms(words[0])]
        cursor = c.lagging(CONTACTS).find({"$or": begun}, {"attributes": 0, "words": 0}).limit(CANDIDATES)
        looked_at = [_contact_of(document) for document in await cursor.to_list()]
        found = matching(looked_at, words)
        return FoundContacts(
            contacts=tuple(found[:limit]), more=len(found) > limit or len(looked_at) >= CANDIDATES
        )

    @operation
    async def known(self, c: Collections, *, after: str | None, limit: int) -> list[Profile]:
        """By the ids, from the primary: no contact is passed over for a secondary that lags."""
        rows = await c[CONTACTS].find({"_id": {"$gt": after or ""}}).sort("_id", 1).limit(limit).to_list()
        return [
            Profile(
                contact=_contact_of(row),
                attributes={} if row.get("attributes") is None else data_of(row["attributes"]),
            )
            for row in rows
        ]

    @operation
    async def forget(self, c: Collections, users: Sequence[str]) -> None:
        await _forget(c, users)

    @operation
    async def addresses(self, c: Collections, user: str, room: str) -> list[str]:
        contact = (await _contacts(c, [user])).get(user)
        known = [] if contact is None or contact.email is None else [contact.email]
        return list(dict.fromkeys([*known, *await obligations.recipients(c, room)]))

    @operation
    async def of_nobody_else(self, c: Collections, user: str, addresses: Sequence[str]) -> tuple[str, ...]:
        return await _of_nobody_else(c, user, writable(addresses))

    @operation
    async def erase_user(
        self, c: Collections, user: str, room: str, *, now: datetime, addresses: Sequence[str] = ()
    ) -> int:
        """One shelf after the other: a crash leaves the rest to be done again.

        Last what the user's addresses are known by, the mail and then the contact: who repeats it reads them there.
        And what makes mail goes before the mail that was made: what is owed in this moment is found.
        """
        own = await _of_nobody_else(c, user, writable(addresses))
        erasure = Erasure(user=user, room=room, at=micros(now), addresses=own)
        # Stable: of one turn in the order in which they were put up.
        shelves = sorted(self._shelves, key=lambda shelf: shelf.ERASED_IN_TURN)
        return sum([await shelf.erase(c, erasure) for shelf in shelves])

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await _forget(c, [erasure.user])
        return 0
