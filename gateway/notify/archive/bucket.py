"""A depot in a bucket of an object store that speaks S3: the home of obstore."""

from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any, TypeVar

from obstore.exceptions import BaseError
from obstore.store import S3Store

from gateway.notify.archive.depot import Depot, DepotUnavailable
from gateway.notify.archive.places import Bucket

CONNECT_TIMEOUT = "5s"
ANSWER_TIMEOUT = "60s"
"""Of one request with all that it carries."""
RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=30)
WORDS = 200
"""How much is told of what a service says."""

T = TypeVar("T")


class BucketDepot(Depot):
    """Objects under a common prefix; a put is whole or not at all by itself."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
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
        await _answered(self._store.put_async(name, content))

    async def get(self, name: str) -> bytes | None:
        try:
            found = await self._store.get_async(name)
            return bytes(await found.bytes_async())
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise DepotUnavailable("the bucket: there is none of this name") from error
            return None
        except (BaseError, OSError) as error:
            raise DepotUnavailable(_told(error)) from error

    async def names(self) -> AsyncIterator[str]:
        try:
            async for page in self._store.list():
                for each in page:
                    yield each["path"]
        except (BaseError, OSError) as error:
            raise DepotUnavailable(_told(error)) from error


async def _answered(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (BaseError, OSError) as error:
        raise DepotUnavailable(_told(error)) from error


def _told(error: Exception) -> str:
    """What is wrong, in one line and without what is behind it."""
    words = " ".join(str(error).partition("Debug source")[0].split())
    return f"the bucket: {words[:WORDS] or type(error).__name__}"
