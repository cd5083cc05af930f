"""A depot in a bucket of an object store that speaks S3: the home of obstore.

It is imported only where an archive is in a bucket (`opening`): obstore is an extra, and brings a runtime
of its own.
"""

from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any, TypeVar

from obstore.exceptions import BaseError
from obstore.store import S3Store

from gateway.notify.archive.depot import Depot, DepotUnavailable
from gateway.notify.archive.places import S3Bucket

CONNECT_TIMEOUT = "5s"
"""As obstore reads it. Housekeeping waits for it, and an emit never does."""
ANSWER_TIMEOUT = "60s"
"""Of one request with all that it carries: a piece may be some megabytes."""
RETRIES = 2
"""What the library tries again by itself, before it is told as `DepotUnavailable`."""
RETRY_TIMEOUT = timedelta(seconds=30)
WORDS = 200
"""Characters of what a service says that are told; it goes into the log and to the operator."""

T = TypeVar("T")


class BucketDepot(Depot):
    """Objects under a common prefix; a put is whole or not at all by itself.

    What is not given in the URL the library takes from the environment, or from the machine's role. Nothing
    is sent as one is made, so a bucket that is not there shows at the first request.
    """

    def __init__(self, bucket: S3Bucket, folder: str) -> None:
        given = {
            "endpoint": bucket.endpoint,
            "region": bucket.region,
            "access_key_id": bucket.key_id,
            "secret_access_key": bucket.secret,
        }
        config: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self._store = S3Store(
            bucket.name,
            prefix=folder,
            client_options={
                "allow_http": bucket.endpoint is not None and bucket.endpoint.startswith("http://"),
                "connect_timeout": CONNECT_TIMEOUT,
                "timeout": ANSWER_TIMEOUT,
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
            **config,
        )

    async def put(self, name: str, content: bytes) -> None:
        """As of `Depot`. Raises `DepotUnavailable`."""
        await _answered(self._store.put_async(name, content))

    async def get(self, name: str) -> bytes | None:
        """As of `Depot`. Raises `DepotUnavailable`, also when there is no such bucket."""
        try:
            found = await self._store.get_async(name)
            return bytes(await found.bytes_async())
        except FileNotFoundError as error:
            # The library raises the same for a bucket that is not there: that must not be taken for an empty
            # archive.
            if "NoSuchBucket" in str(error):
                raise DepotUnavailable("the bucket: there is none of this name") from error
            return None
        except (BaseError, OSError) as error:
            raise DepotUnavailable(_told(error)) from error

    async def names(self) -> AsyncIterator[str]:
        """As of `Depot`; a page after the other. Raises `DepotUnavailable`."""
        try:
            async for page in self._store.list():
                for each in page:
                    yield each["path"]
        except (BaseError, OSError) as error:
            raise DepotUnavailable(_told(error)) from error


async def _answered(asked: Awaitable[T]) -> T:
    """What the service answers; its errors, and those of the network, as `DepotUnavailable`."""
    try:
        return await asked
    except (BaseError, OSError) as error:
        raise DepotUnavailable(_told(error)) from error


def _told(error: Exception) -> str:
    """What is wrong, in one line and without what is behind it.

    What the library prints behind `Debug source` is for its makers.
    """
    words = " ".join(str(error).partition("Debug source")[0].split())
    return f"the bucket: {words[:WORDS] or type(error).__name__}"
