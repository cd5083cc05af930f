"""The client, its collections and their indexes, and how the driver's errors become ours."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from pymongo import AsyncMongoClient, IndexModel, ReadPreference, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConfigurationError, DuplicateKeyError, InvalidURI, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from storage.encoding import FOREVER, micros
from storage.errors import StoreConfigurationError, StoreUnavailable
from storage.mongo.documents import Document

T = TypeVar("T")
U = TypeVar("U")

DATABASE = "bellhop"
PING_SECONDS = 1.5
CLOSE_SECONDS = 5.0
PROBE = 0
"""The id of what `ping` writes, among the notifications: whose ids are texts, so that nothing finds it by one."""
WORDS = 200
_QUOTING = (
    " to execute command",
    "{",
    "(configured timeouts",
    ", Timeout:",
    ", Topology Description",
    "full error",
)
"""Behind these come documents, commands and topologies, with what users and callers have told us."""
_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = 18


INDEXES = {
    "notifications": [
        # The condition is one that a query can repeat, so that the planner may use it: sequences start at 1.
        IndexModel(
            [("room", 1), ("seq", -1)],
            name="stream",
            unique=True,
            partialFilterExpression={"seq": {"$gt": 0}},
        ),
        IndexModel([("key", 1), ("ordinal", 1)], name="key", unique=True, sparse=True),
        IndexModel([("room", 1), ("created_at", -1), ("_id", -1)], name="newest"),
        IndexModel([("created_at", 1), ("_id", 1)], name="oldest"),
        IndexModel(
            [("room", 1), ("until", 1), ("seq", 1)],
            name="gone",
            partialFilterExpression={"until": {"$gte": 0, "$lt": FOREVER}},
        ),
        IndexModel(
            [("until", 1)], name="expiring", partialFilterExpression={"until": {"$gt": 0, "$lt": FOREVER}}
        ),
        IndexModel([("mail.wake", 1)], name="owed", sparse=True),
        IndexModel(
            [("mail.state", 1), ("created_at", -1), ("_id", -1)],
            name="mail",
            partialFilterExpression={"mail.state": {"$exists": True}},
        ),
    ],
    "inboxes": [
        IndexModel([("user", 1), ("room", 1)], name="inbox", unique=True),
        IndexModel([("room", 1), ("read_upto", 1)], name="readers"),
    ],
    "receipts": [
        IndexModel([("user", 1), ("room", 1), ("seq", 1)], name="receipt", unique=True),
        IndexModel([("room", 1), ("seq", 1)], name="readers"),
        IndexModel([("user", 1), ("notification", -1)], name="newest"),
    ],
}

# Bounds for a server that is away or stands still. `timeoutMS` bounds a whole operation, its retries included, and
# overrides the driver's single timeouts: a URL that sets one of those gets the others in its style.
OPERATION_TIMEOUT = {"timeoutMS": 5_000}
SINGLE_TIMEOUTS = {"serverSelectionTimeoutMS": 3_000, "connectTimeoutMS": 3_000, "socketTimeoutMS": 5_000}


class Collections:
    """A client and its collections.

    Reads are from the primary and of what a majority holds, so that nothing answered or numbered can be rolled back;
    a URL that sets `w` or `readConcernLevel` itself has the say. `pages` follows the URL's read preference:
    for what may lag a moment.
    """

    def __init__(self, url: str) -> None:
        given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
        single = any(name.lower() in given for name in SINGLE_TIMEOUTS)
        timeouts = SINGLE_TIMEOUTS if single and "timeoutms" not in given else OPERATION_TIMEOUT
        options: dict[str, Any] = {n: value for n, value in timeouts.items() if n.lower() not in given}
        self.client: AsyncMongoClient[Document] = AsyncMongoClient(url, appname="bellhop", **options)
        database = self.client.get_default_database(DATABASE)
        if not given & {"w", "readconcernlevel"}:
            database = database.with_options(
                read_concern=ReadConcern("majority"), write_concern=WriteConcern("majority")
            )
        self.pages: AsyncCollection[Document] = database["notifications"]
        database = database.with_options(read_preference=ReadPreference.PRIMARY)
        self.notifications: AsyncCollection[Document] = database["notifications"]
        self.rooms: AsyncCollection[Document] = database["rooms"]
        self.inboxes: AsyncCollection[Document] = database["inboxes"]
        self.receipts: AsyncCollection[Document] = database["receipts"]
        self.facts: AsyncCollection[Document] = database["facts"]
        self.contacts: AsyncCollection[Document] = database["contacts"]

    async def prepare(self) -> None:
        """Check the server and make the indexes; another node may be doing the same."""
        hello = await self.client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise StoreConfigurationError(
                "MongoDB must run as a replica set (one member is enough): start mongod with --replSet and initiate it"
            )
        await self._note_beginnings()
        for name, indexes in INDEXES.items():
            collection: AsyncCollection[Document] = getattr(self, name)
            await collection.create_indexes(indexes)

    async def _note_beginnings(self) -> None:
        """From when on beginnings are kept: 0 in a store that is new, in which nobody was before."""
        if await self.facts.find_one({"_id": "beginnings"}) is None:
            is_new = await self.notifications.find_one({}, {"_id": 1}) is None
            now = 0 if is_new else micros(datetime.now(UTC))
            await self.facts.update_one({"_id": "beginnings"}, {"$setOnInsert": {"value": now}}, upsert=True)

    async def ping(self, *, size: int) -> None:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self.notifications.update_one(
                    {"_id": PROBE}, {"$set": {"probe": os.urandom(max(size, 8))}}, upsert=True
                )
        except TimeoutError as error:
            raise StoreUnavailable("MongoDB: a write is not answered") from error

    async def time(self) -> datetime:
        now: datetime = (await self.client.admin.command("hello"))["localTime"]
        return now if now.tzinfo is not None else now.replace(tzinfo=UTC)

    async def shared_secret(self) -> bytes:
        made = {"$setOnInsert": {"value": secrets.token_bytes(32)}}
        # One operation that makes and reads: a read alone may not see yet what another process has made just now.
        operation = partial(
            self.facts.find_one_and_update,
            {"_id": "secret"},
            made,
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        try:
            found = await operation()
        except DuplicateKeyError:
            # Another process was faster; what it made is there now.
            found = await operation()
        assert found is not None  # an upsert answers what is there after it
        return bytes(found["value"])

    async def close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.client.close()
        except TimeoutError:
            pass  # Ending sessions on a server that stands still: its sockets go with the process.


def connected(url: str) -> Collections:
    """The collections that `url` names; nothing is sent yet."""
    try:
        return Collections(url)
    except (PyMongoError, ValueError, TypeError):
        # From None: the driver quotes pieces of the URL, and a password that was not escaped lands in any of them.
        raise StoreConfigurationError(
            "the MongoDB URL cannot be used: it reads mongodb://user:password@host:27017/database?replicaSet=name, "
            "with user and password percent-encoded"
        ) from None


async def together(*reads: Awaitable[T]) -> list[T]:
    """Await all, then raise the first error if there is one: as itself, not in a group, and with none left running."""
    answers = await asyncio.gather(*reads, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return cast("list[T]", answers)


async def both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """`together`, for two of different kinds."""
    one, two = await together(cast("Awaitable[Any]", first), cast("Awaitable[Any]", second))
    return one, two


@contextmanager
def translated() -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable(f"MongoDB: {_summary(error)}") from error


@contextmanager
def translated_at_open() -> Iterator[None]:
    """Like `translated`, telling apart what an operator must change."""
    try:
        yield
    except OperationFailure as error:
        if error.code == _AUTHENTICATION_FAILED:
            raise StoreConfigurationError(
                "MongoDB refused the user name or the password, or knows the user in another database (authSource): "
                + _summary(error)
            ) from error
        if error.code == _UNAUTHORIZED:
            raise StoreConfigurationError(
                f"the MongoDB user may not use the database: grant it readWrite: {_summary(error)}"
            ) from error
        raise StoreUnavailable(f"MongoDB: {_summary(error)}") from error
    except (ConfigurationError, InvalidURI) as error:
        raise StoreConfigurationError(f"MongoDB cannot be used as configured: {_summary(error)}") from error
    except PyMongoError as error:
        raise StoreUnavailable(f"MongoDB: {_summary(error)}") from error


def _summary(error: PyMongoError) -> str:
    """Why, in the server's or the driver's own words."""
    told = (
        error.details.get("errmsg") if isinstance(error, OperationFailure) and error.details else str(error)
    )
    words = said(told or "")
    kind = type(error).__name__
    kind = f"{kind}, code {error.code}" if isinstance(error, OperationFailure) else kind
    return f"{words} ({kind})" if words else kind


def said(words: str) -> str:
    """What a server or the driver says, in one line, up to where it begins to quote what was asked of it."""
    for quoting in _QUOTING:
        words = words.partition(quoting)[0]
    return " ".join(words.split())[:WORDS].rstrip(" ,:;")
