"""The stores that Bellhop is measured on: one that it brings along, and a MongoDB of its own that is started for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.support.servers import mongod


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """A store that runs, and has nothing in it yet."""

    url: str
    bytes: Callable[[], int]
    """On disk, indexes included."""
    pid: int | None = None
    """Of the store, where that is a process of its own."""


@contextmanager
def on_sqlite(folder: Path) -> Iterator[Backing]:
    """In this folder."""
    file = folder / "bellhop.db"

    def size() -> int:
        return sum(path.stat().st_size for path in folder.glob(f"{file.name}*"))

    yield Backing(url=f"sqlite:///{file}", bytes=size)


@contextmanager
def on_mongodb(folder: Path) -> Iterator[Backing]:
    """A server with its data where the tests have theirs."""
    del folder
    with mongod() as server:
        url = server.url.replace("/?", "/bench?")

        def size() -> int:
            with MongoClient[dict[str, Any]](url) as client:
                client.admin.command("fsync")
                stats = client.get_default_database().command("dbStats")
                return int(stats["storageSize"] + stats["indexSize"])

        yield Backing(url=url, bytes=size, pid=server.pid)


STORES = {"sqlite": on_sqlite, "mongodb": on_mongodb}
