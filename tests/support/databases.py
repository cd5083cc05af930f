"""Databases of MongoDB that tests take turns at.

To make one, with a hundred indexes, is half a second of the server's; to empty it is next to nothing. Only one that is
just as this release makes it is given to the next test.
"""

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from storage.mongo import MongoStore
from storage.mongo.collections import FACTS
from storage.mongo.schema import RAN

EMPTYING_SECONDS = 5
"""How long that may take: what a killed process has left open can stand in its way."""
MANY = 5000
"""With more documents than this it is quicker to drop it."""

Shape = dict[str, Any]


class Databases:
    """Those of one server."""

    def __init__(self, url: str, client: MongoClient[Any]) -> None:
        self._url = url
        self._client = client
        self._free: list[str] = []
        self._as_made: Shape = {}

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database without a document, which may have been opened before."""
        name = self._free.pop() if self._free else self._made()
        yield self._at(name)
        if self._is_emptied(name):
            self._free.append(name)
        else:
            self._client.drop_database(name)

    @contextmanager
    def new(self) -> Iterator[str]:
        """The URL of a database that is not there yet."""
        name = _name()
        yield self._at(name)
        self._client.drop_database(name)

    def drop(self) -> None:
        for name in self._free:
            self._client.drop_database(name)

    def _at(self, name: str) -> str:
        head, _, query = self._url.partition("?")
        return f"{head}{name}?{query}"

    def _made(self) -> str:
        name = _name()
        with ThreadPoolExecutor(1) as thread:
            # A loop of its own: that of the test is none of ours.
            thread.submit(asyncio.run, _opened(self._at(name))).result()
        self._as_made = _shape(self._client[name])
        return name

    def _is_emptied(self, name: str) -> bool:
        database = self._client[name]
        try:
            with pymongo.timeout(EMPTYING_SECONDS):
                if _shape(database) != self._as_made:
                    return False
                if sum(database[each].estimated_document_count() for each in self._as_made) > MANY:
                    return False
                for each in self._as_made:
                    database[each].delete_many({"_id": {"$ne": RAN}} if each == FACTS else {})
        except PyMongoError:
            return False
        return True


def _name() -> str:
    return f"bellhop-{uuid.uuid4().hex[:12]}"


async def _opened(url: str) -> None:
    store = MongoStore(url)
    await store.open()
    await store.close()


def _shape(database: Database[Any]) -> Shape:
    """The collections with their options and indexes; with that of the facts, which migrations have run."""
    collections = {each["name"]: each["options"] for each in database.list_collections()}
    shape: Shape = {name: (of, database[name].index_information()) for name, of in collections.items()}
    shape[FACTS] = (*shape.get(FACTS, ()), database[FACTS].find_one({"_id": RAN}))
    return shape
