"""A shelf that no release has, to show what a new noun takes: one class per adapter, and nobody else's file.

It keeps a note of each notification: what is there when the shelf is put up, a migration takes over.
Run as a program, it opens a store with this shelf. It stops for good half through that migration when told to halt.
"""

import asyncio
import os
import sqlite3
import sys
from typing import Protocol

from pymongo import IndexModel, UpdateOne

from storage.connect import file_of
from storage.mongo import MongoStore, schema
from storage.mongo.collections import Collections
from storage.mongo.schema import Migration as MongoMigration
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.sqlite import SQLiteStore
from storage.sqlite.schema import Migration as SQLiteMigration
from storage.sqlite.schema import statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

HALF = 10
"""How many notes are taken over before the halt."""
HALT = "BELLHOP_TEST_HALT"


class Notes(Protocol):
    """What is noted of a notification or of a user, by the id."""

    async def note(self, notification_id: str, text: str) -> None: ...

    async def notes(self) -> dict[str, str]: ...


def _halt(done: int) -> None:
    if done == HALF and HALT in os.environ:
        sys.stdout.write("half\n")
        sys.stdout.flush()
        sys.stdin.read()


def _take_over_in_sqlite(connection: sqlite3.Connection) -> None:
    titles = connection.execute("SELECT id, title FROM notifications ORDER BY id").fetchall()
    for done, (notification_id, title) in enumerate(titles):
        _halt(done)
        connection.execute("INSERT INTO notes VALUES (?, ?)", (notification_id, title))


class SQLiteNotes(SQLiteShelf, Notes):
    MIGRATIONS = (
        SQLiteMigration(
            name="notes-1",
            run=statements("""
CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX notes_text ON notes (text);
"""),
        ),
        SQLiteMigration(name="notes-2", run=_take_over_in_sqlite),
    )

    @writing
    def note(self, connection: sqlite3.Connection, notification_id: str, text: str) -> None:
        connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (notification_id, text))

    @reading
    def notes(self, connection: sqlite3.Connection) -> dict[str, str]:
        return dict(connection.execute("SELECT id, text FROM notes"))

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute("DELETE FROM notes WHERE id = ?", (erasure.user,))
        return 0


def _noted(notification_id: str, text: str) -> UpdateOne:
    return UpdateOne({"_id": notification_id}, {"$set": {"text": text}}, upsert=True)


async def _take_over_in_mongo(c: Collections) -> None:
    documents = (
        await c["notifications"].find({"title": {"$exists": True}}, {"title": 1}).sort("_id").to_list()
    )
    for done, document in enumerate(documents):
        _halt(done)
        await c["notes"].bulk_write([_noted(document["_id"], document["title"])])


class MongoNotes(MongoShelf, Notes):
    INDEXES = {"notes": (IndexModel([("text", 1)], name="text"),)}
    MIGRATIONS = (MongoMigration(name="notes-2", run=_take_over_in_mongo),)

    @operation
    async def note(self, c: Collections, notification_id: str, text: str) -> None:
        await c["notes"].bulk_write([_noted(notification_id, text)])

    @operation
    async def notes(self, c: Collections) -> dict[str, str]:
        return {document["_id"]: document["text"] for document in await c["notes"].find({}).to_list()}

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c["notes"].delete_one({"_id": erasure.user})
        return 0


class SQLiteStoreWithNotes(SQLiteStore):
    def __init__(self, path) -> None:
        super().__init__(path)
        self.notes: Notes = self._put_up(SQLiteNotes(self._threads))


class MongoStoreWithNotes(MongoStore):
    # Whoever is killed in the middle is not waited for long.
    migration_lease_seconds = 2.0 if HALT in os.environ else schema.LEASE_SECONDS

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.notes: Notes = self._put_up(MongoNotes(self._operations))


def connect_with_notes(url: str) -> SQLiteStoreWithNotes | MongoStoreWithNotes:
    return MongoStoreWithNotes(url) if (path := file_of(url)) is None else SQLiteStoreWithNotes(path)


async def _open(url: str) -> None:
    store = connect_with_notes(url)
    await store.open()
    await store.close()


if __name__ == "__main__":
    # What holds another up is how busy the machine is with other tests.
    schema.PATIENCE_SECONDS = 90.0
    asyncio.run(_open(sys.argv[1]))
