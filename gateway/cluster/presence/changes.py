"""What is announced in Redis, heard in Redis's own order: the same on every node, and nothing left out over an outage.

The scripts append each announcement to a stream in the step that makes it true. A node reads the stream from where it
stood when the node came; a connection that breaks, or a Redis that is away, delays what is heard and loses none of it.
Redis names the entries by its own time, so that one which has lost its memory goes on behind what was heard before.

It has a connection of its own since a reading that blocks would keep all else waiting. The stream is cut at
about 100,000 entries: whoever is away for longer than that misses the oldest.
"""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.cluster.presence.base import Announce, Joined, Left
from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.backoff import reconnect_pause_seconds
from gateway.cluster.redis.resp import Wire, pack
from gateway.cluster.redis.trouble import Trouble
from gateway.ground.logs import Seldom

_log = logging.getLogger(__name__)

BATCH = 500
"""Entries of one answer."""
BLOCK_SECONDS = 2.0
"""How long Redis keeps a question open to which there is no answer yet."""
GATHER_SECONDS = 0.02
"""How long what follows an announcement is waited for: a thousand within a second are not to be a thousand answers."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """A time as Redis keeps it."""
    return (at - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """A time from what Redis keeps."""
    return _EPOCH + micros * _MICROSECOND


def _place(entry: bytes) -> tuple[int, ...]:
    """What orders the entries of a stream."""
    return tuple(map(int, entry.split(b"-")))


def _read(fields: list[bytes]) -> Joined | Left:
    """The change that an entry of the stream tells; the fields are in the order in which the scripts write them."""
    kind, what, _, at = fields
    if kind == b"left":
        return Left(user=what.decode(), at=moment(int(at)))
    entry = json.loads(what)
    return Joined(user=entry["user"], name=entry["name"], roles=tuple(entry["roles"]), at=moment(int(at)))


class Changes:
    """Hands each announcement that is made from the start on to `announce`, one after the other.

    It lives as long as `run`. Each change is announced once.
    """

    def __init__(
        self, address: RedisAddress, stream: str, announce: Announce, *, patience_seconds: float
    ) -> None:
        self.trouble = Trouble(_log, "presence announcements")
        self._failed = Seldom(_log, "presence announcement failed")
        self._address = address
        self._stream = stream.encode()
        self._announce = announce
        self._patience = patience_seconds
        self._heard: bytes | None = None
        """The entry that was heard last; None until it is known where to begin."""
        self._moved = asyncio.Event()

    async def begun(self) -> None:
        """Return when it is known where to begin: what is announced from now on will be heard."""
        await self.heard(b"0-0")

    async def heard(self, entry: bytes) -> None:
        """Return when the entry was heard, and so were all before it.

        Waits without a bound: the caller has one.
        """
        while self._heard is None or _place(self._heard) < _place(entry):
            self._moved.clear()
            await self._moved.wait()

    async def run(self) -> None:
        """Listen until cancelled.

        After an outage it reads on from the last entry that was heard.
        """
        failures = 0
        while True:
            wire = Wire()
            try:
                await self._address.open(wire, timeout_seconds=self._patience)
                failures = 0
                await self._listen(wire)
            except Exception as problem:  # noqa: BLE001 - said below
                # An ear that closes over one failure would have this node's admins see nobody come or go any more.
                self.trouble.found(problem)
            finally:
                wire.abort()
            await asyncio.sleep(reconnect_pause_seconds(failures))
            failures += 1

    async def _listen(self, wire: Wire) -> None:
        """Read the stream from where it was left. Raises what keeps Redis from answering."""
        if self._heard is None:
            newest = await self._ask(wire, b"XREVRANGE", self._stream, b"+", b"-", b"COUNT", b"1")
            self._move(newest[0][0] if newest else b"0-0")
        block: tuple[bytes, ...] = ()
        while True:
            assert self._heard is not None
            answer = await self._ask(
                wire,
                b"XREAD",
                b"COUNT",
                b"%d" % BATCH,
                *block,
                b"STREAMS",
                self._stream,
                self._heard,
            )
            # The first answer comes at once: then it is known that there is one to be had.
            block = (b"BLOCK", b"%d" % (BLOCK_SECONDS * 1000))
            self.trouble.over()
            if answer is None:
                continue
            for entry, fields in answer[0][1]:
                # Told before it counts as heard: who waits in `heard` finds it announced.
                await self._tell(fields)
                self._move(entry)
            await asyncio.sleep(GATHER_SECONDS)

    async def _ask(self, wire: Wire, *words: bytes) -> Any:
        """One question; patience begins when the blocking is over."""
        async with asyncio.timeout(BLOCK_SECONDS + self._patience):
            wire.write(pack(*words))
            return await wire.reply()

    async def _tell(self, fields: list[bytes]) -> None:
        """Announce a change; what the listener raises is logged, and the next is announced."""
        try:
            await self._announce(_read(fields))
        except Exception as problem:  # noqa: BLE001 - said below
            # Whoever listens must not be able to stop presence: the next change is announced all the same.
            self._failed.say(trace=problem)

    def _move(self, entry: bytes) -> None:
        self._heard = entry
        self._moved.set()
