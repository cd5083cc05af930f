"""The witness: what is known outside the store of how far it had come. A store that is behind it was put back.

Beside a SQLite file lies a small one; a cluster keeps a key in Redis. What a witness says is true and may be a second
old; it may be lost, and is then no evidence of anything.

`gateway.cluster.lineage` asks it at the start and writes to it every second. What follows from what it says
is decided there.
"""

import asyncio
import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.client import RedisClient

PATIENCE_SECONDS = 1.0
"""For each question to Redis; the check of the lineage must not hang on it."""
BYTES_MAX = 4096
"""Of a file that is read; a sound one is much shorter."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HighWaterMark:
    """The newest that was appended, in which epoch, and when that was written down.

    It is enough to know one room: a store that was put back is behind in the newest.
    """

    epoch: str
    room: str
    """Empty where nothing was appended yet."""
    seq: int
    at: datetime
    """By the clock of the node that wrote it."""


class WitnessAway(Exception):
    """What the witness says is not known now. Raised by all ways to keep one, with words for the log."""


class Witness(Protocol):
    """Reads and writes one mark. Only its newest state counts, so a write that is lost does no harm."""

    async def read(self) -> HighWaterMark | None:
        """What was written last, None if nothing or nothing sound. Raises `WitnessAway`."""
        ...

    async def write(self, mark: HighWaterMark) -> None:
        """Raises `WitnessAway`."""
        ...

    async def close(self) -> None: ...


class NoWitness:
    """For a store beside which nothing can be kept."""

    async def read(self) -> HighWaterMark | None:
        return None

    async def write(self, mark: HighWaterMark) -> None:
        pass

    async def close(self) -> None:
        pass


class FileWitness:
    """A small file beside the store's, replaced as a whole; not synced, since being older than the store is no harm.

    A power failure may leave it older than the store, or empty, which is as if nothing had been written. It
    is never half written: it is renamed into its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def beside(cls, store: Path) -> "FileWitness":
        """The witness of the store in this file, such as `bellhop.db-witness`."""
        return cls(store.with_name(f"{store.name}-witness"))

    async def read(self) -> HighWaterMark | None:
        return await asyncio.to_thread(self._read)

    async def write(self, mark: HighWaterMark) -> None:
        try:
            await asyncio.to_thread(self._write, msgspec.json.encode(mark))
        except OSError as error:
            raise WitnessAway(str(error.strerror)) from error

    async def close(self) -> None:
        pass

    def _read(self) -> HighWaterMark | None:
        """In a thread. A file that is not there says nothing; one that cannot be read is away."""
        try:
            with self._path.open("rb") as file:
                return _mark(file.read(BYTES_MAX + 1))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WitnessAway(str(error.strerror)) from error

    def _write(self, text: bytes) -> None:
        """In a thread. Raises `OSError`."""
        # A name of this process: while one node replaces another on the same file, each writes its own.
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        new.write_bytes(text)
        new.replace(self._path)


class RedisWitness:
    """A key in the Redis of the bus, which all nodes write to: any of their newest is evidence.

    Whatever is put back is behind the newest of at least one node.
    """

    def __init__(self, url: str, *, prefix: str) -> None:
        address = RedisAddress.parse(url)
        self._key = f"{prefix}:{address.database}:witness".encode()
        # One line, though a node reads and writes: the lineage does one at a time until it has been heard.
        self._line = RedisClient(address, patience_seconds=PATIENCE_SECONDS)

    async def read(self) -> HighWaterMark | None:
        answer = await self._ask(b"GET", self._key)
        return _mark(answer) if isinstance(answer, bytes) else None

    async def write(self, mark: HighWaterMark) -> None:
        await self._ask(b"SET", self._key, msgspec.json.encode(mark))

    async def close(self) -> None:
        self._line.hang_up()

    async def _ask(self, *command: bytes) -> object:
        """Raises `WitnessAway` for whatever keeps Redis from answering in time."""
        try:
            return await self._line.ask(*command)
        except OSError as error:
            raise WitnessAway(str(error)) from error


def _mark(text: bytes) -> HighWaterMark | None:
    """The mark in this text; None, and a line in the log, for what is none."""
    try:
        return msgspec.json.decode(text, type=HighWaterMark)
    except (msgspec.DecodeError, UnicodeDecodeError):
        logger.warning("the witness of the store says nothing sound")
        return None
