"""Several writes as one: all of them, or none."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo import ReadPreference
from pymongo.asynchronous.client_session import AsyncClientSession as Session
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from storage.errors import StoreUnavailable
from storage.mongo.collections import Collections

TRIES = 50
"""Of one transaction, when others change the same at the same time."""
PAUSE_SECONDS = 0.01
"""Between two of them, at most at first; it grows."""
LONGEST_PAUSE_SECONDS = 0.2

T = TypeVar("T")


async def atomically(c: Collections, work: Callable[[Session], Awaitable[T]]) -> T:
    """What `work` answers, with all that it wrote in its session kept; what it raises undoes all of it.

    It is begun again when another changes the same at the same time, and when another has inserted first what it would
    have. When the server is lost at its end, nothing is known: then `StoreUnavailable` is raised, by way of the
    driver's error.

    `work` may be run several times, so it must do nothing but read and write in its session, and answer by values. The
    pauses between two tries are drawn at random and grow to `LONGEST_PAUSE_SECONDS`; after `TRIES` it raises
    `StoreUnavailable`, with nothing written. A `DuplicateKeyError` that would come each time costs all of them: what
    may be there for good is to be looked for within.
    """
    for attempt in range(1, TRIES + 1):
        try:
            async with (
                c.client.start_session() as session,
                await session.start_transaction(
                    read_concern=ReadConcern("snapshot"),
                    write_concern=WriteConcern("majority"),
                    # Whatever the URL says: there are none elsewhere.
                    read_preference=ReadPreference.PRIMARY,
                ),
            ):
                return await work(session)
        except DuplicateKeyError:
            pass
        except PyMongoError as error:
            if not error.has_error_label("TransientTransactionError"):
                raise
        pause = min(PAUSE_SECONDS * attempt, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - only to part the writers
    raise StoreUnavailable("MongoDB: the same is changed by too many at once", retry_after=0.2)
