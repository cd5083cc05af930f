"""The client and its collections."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from storage.errors import StoreConfigurationError
from storage.mongo.errors import only_duplicates

T = TypeVar("T")
U = TypeVar("U")

Document = dict[str, Any]

DATABASE = "bellhop"
CLOSE_SECONDS = 5.0
NOTIFICATIONS = "notifications"
"""The collection of notifications with their obligations."""
FACTS = "facts"
"""The collection of what is to be known of the store itself."""

# Bounds for a server that is away or stands still. `timeoutMS` bounds a whole operation, its retries included, and
# overrides the driver's single timeouts: a URL that sets one of those gets the others in its style.
OPERATION_TIMEOUT = {"timeoutMS": 5_000}
SINGLE_TIMEOUTS = {"serverSelectionTimeoutMS": 3_000, "connectTimeoutMS": 3_000, "socketTimeoutMS": 5_000}
HEARTBEAT = {"heartbeatFrequencyMS": 1_000}
"""Of a server that has stood still the driver believes that it is as far away as its first answer took, and asks it nothing that
has no time for that, until two heartbeats have told otherwise. At its own ten seconds that is the third part of a minute.
"""


class Collections:
    """A client and its collections, by name.

    Reads are from the primary and of what a majority holds, so that nothing answered or numbered can be rolled back;
    a URL that sets `w` or `readConcernLevel` itself has the say.

    One of these serves one event loop. The driver connects with the first question, and keeps a pool: its size and its
    compressors are the URL's to say.
    """

    def __init__(self, url: str) -> None:
        """Nothing is dialled. Raises what the driver raises for a URL that it cannot read; `connected` is the way in."""
        given = {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
        single = any(name.lower() in given for name in SINGLE_TIMEOUTS)
        timeouts = SINGLE_TIMEOUTS if single and "timeoutms" not in given else OPERATION_TIMEOUT
        defaults = timeouts | HEARTBEAT
        options: dict[str, Any] = {n: value for n, value in defaults.items() if n.lower() not in given}
        self.client: AsyncMongoClient[Document] = AsyncMongoClient(url, appname="bellhop", **options)
        database = self.client.get_default_database(DATABASE)
        if not given & {"w", "readconcernlevel"}:
            database = database.with_options(
                read_concern=ReadConcern("majority"), write_concern=WriteConcern("majority")
            )
        self._lagging = database
        self.has_lagging = database.read_preference != ReadPreference.PRIMARY
        """Whether the URL has some reads go to secondaries."""
        self._database: AsyncDatabase[Document] = database.with_options(
            read_preference=ReadPreference.PRIMARY
        )
        self._of_name: dict[str, AsyncCollection[Document]] = {}

    def __getitem__(self, name: str) -> AsyncCollection[Document]:
        # Kept: the driver makes another with every question.
        if (collection := self._of_name.get(name)) is None:
            collection = self._of_name[name] = self._database[name]
        return collection

    def lagging(self, name: str) -> AsyncCollection[Document]:
        """The same by the URL's read preference: for what may lag a moment, and decides nothing."""
        return self._lagging[name]

    async def close(self) -> None:
        """Close the client; at most `CLOSE_SECONDS`, also where the server stands still."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.client.close()
        except TimeoutError:
            pass  # Ending sessions on a server that stands still: its sockets go with the process.


def connected(url: str) -> Collections:
    """The collections that `url` names; nothing is sent yet.

    Raises `StoreConfigurationError`, which quotes nothing of the URL.
    """
    try:
        return Collections(url)
    except (PyMongoError, ValueError, TypeError):
        # From None: the driver quotes pieces of the URL, and a password that was not escaped lands in any of them.
        raise StoreConfigurationError(
            "the MongoDB URL cannot be used: it reads mongodb://user:password@host:27017/database?replicaSet=name, "
            "with user and password percent-encoded"
        ) from None


async def insert_new(c: Collections, name: str, documents: Sequence[Document]) -> int:
    """Insert what is not there; answers how many were not.

    Unordered, so what is known keeps no other from being stored. After an error some may be.
    """
    try:
        return len((await c[name].insert_many(documents, ordered=False)).inserted_ids)
    except BulkWriteError as error:
        inserted: int = only_duplicates(error)["nInserted"]
        return inserted


async def together(*reads: Awaitable[T]) -> list[T]:
    """Await all, then raise the first error if there is one: as itself, not in a group, and with none left running.

    In the order in which they were asked. They may be answered at different moments: what must hold between them is
    asked one after the other.
    """
    if len(reads) == 1:
        return [await reads[0]]
    answers = await asyncio.gather(*reads, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return cast("list[T]", answers)


async def both(first: Awaitable[T], second: Awaitable[U]) -> tuple[T, U]:
    """`together`, for two of different kinds."""
    one, two = await together(cast("Awaitable[Any]", first), cast("Awaitable[Any]", second))
    return one, two
