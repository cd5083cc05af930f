"""Emits of other python-socketio processes, for those who ask for it: a guest at the bus, with a channel of its own.

A backend that has a `socketio.AsyncRedisManager(url, channel="bellhop:0:socketio", write_only=True)` reaches the clients
of every node without another line changed. What it emits is delivered as what is emitted with `store: false`: to who is
connected, in a room of ours, under a name that has no meaning of ours. Whatever else that library says there, orders about
clients and rooms above all, is refused: everybody who can publish in Redis can write it.

It stands in this room, not in that of the bus, because it judges what may be told to sessions. It is made
only where the operator asks for it, and only with a bus of Redis.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.cluster.bus.base import TRANSIENT, Receive
from gateway.cluster.bus.listener import Listener
from gateway.cluster.bus.stats import BusStats
from gateway.cluster.redis.address import RedisAddress
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import is_room
from gateway.ground.tasks import Tasks
from gateway.notify.delivery.streams import namespace_of
from gateway.notify.requests import NOTIFICATION
from gateway.protocol.emit_rules import EMIT_BYTES_MAX, RESERVED_EVENTS
from gateway.protocol.fields import ROOMS_MAX
from gateway.protocol.patterns import EVENT
from gateway.protocol.soundness import DATA_DEPTH_MAX, unsound

EMITS_PER_SECOND = 1000
"""Rooms that guests may emit to in a second, at each node; what is beyond is dropped, as all that is not stored may be."""

_OURS = RESERVED_EVENTS | {NOTIFICATION}
_OUR_FAMILIES = ("presence:", "token:")
_is_event = re.compile(EVENT).fullmatch

logger = logging.getLogger(__name__)


class Refused(ValueError):
    """A message that is no emit of a guest's; it says why, and quotes nothing.

    `Neighbours` counts it and logs its reason, seldom; the guest is told nothing, for publishing in Redis has
    no answer.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEmit:
    """An event for who is connected to these rooms. Without an id and a sequence: nobody finds it again in a
    history, and nobody who was away gets it.
    """

    rooms: tuple[str, ...]
    """Each once; all of one namespace."""
    event: bytes
    """The JSON array of the Socket.IO event."""


def read(message: bytes) -> ForeignEmit:
    """The emit in a message of python-socketio's. Raises `Refused`.

    The checks are ordered by cost: size before JSON, form before data. It accepts what the public protocol
    would accept of a service that emits with `store: false`, and nothing more.
    """
    if len(message) > EMIT_BYTES_MAX:
        raise Refused("too large")
    try:
        fields = orjson.loads(message)
    except ValueError as problem:
        raise Refused("no JSON") from problem
    if not isinstance(fields, dict):
        raise Refused("no object")
    if fields.get("method") != "emit":
        raise Refused("no emit")
    if fields.get("skip_sid") or fields.get("callback"):
        raise Refused("about connections of ours")
    if fields.get("binary"):
        raise Refused("binary")
    event, data = fields.get("event"), fields.get("data")
    if not isinstance(event, str) or _is_event(event) is None:
        raise Refused("no name of an event")
    if event in _OURS or event.startswith(_OUR_FAMILIES):
        raise Refused("a name that has a meaning of ours")
    if not isinstance(data, list) or unsound(data, DATA_DEPTH_MAX + 1):
        raise Refused("unsound data")
    rooms = _rooms(fields.get("room"), fields.get("namespace") or "/")
    return ForeignEmit(rooms=rooms, event=orjson.dumps([event, *data]))


def _rooms(given: Any, namespace: Any) -> tuple[str, ...]:
    """The rooms that are named, each once. Raises `Refused` for none, too many, and one that is of another
    namespace than the emit.
    """
    rooms = given if isinstance(given, list) else [given]
    if not 0 < len(rooms) <= ROOMS_MAX or not all(isinstance(room, str) and is_room(room) for room in rooms):
        # No room at all means everybody to that library. Here everybody has a name.
        raise Refused("no room of ours")
    if any(namespace_of(room) != namespace for room in rooms):
        raise Refused("a room of another namespace")
    return tuple(dict.fromkeys(rooms))


class Neighbours(Part):
    """Hears the guests' channel and has `receive` deliver what may come in. `stats` is for the metrics.

    It lives with its node. A line that breaks is taken up again by the listener; what was published meanwhile
    is lost, as `store: false` allows. Within a node the rate is one for all guests.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        receive: Receive,
        patience_seconds: float = 2.0,
        ping_seconds: float = 10.0,
        time: Callable[[], float] | None = None,
    ) -> None:
        self.stats = BusStats()
        address = RedisAddress.parse(url)
        self.channel = f"{prefix}:{address.database}:socketio"
        """Such as `"bellhop:0:socketio"`: the prefix, the number of the database, and a name that no frame of ours has."""
        self._receive = receive
        self._patience = patience_seconds
        self._time = time or asyncio.get_running_loop().time
        self._allowance = float(EMITS_PER_SECOND)
        """Rooms that may be emitted to now; it grows with time up to a second's worth."""
        self._allowed_at = self._time()
        self._heard = asyncio.Event()
        self._tasks = Tasks()
        self._refusals = Seldom(logger, "a guest's message is refused")
        self._excess = Seldom(logger, "guests emit too much: some of it is dropped")
        self._listener = Listener(
            address,
            self.stats,
            part="guests' channel",
            on_message=self._message,
            back=self._back,
            patience_seconds=patience_seconds,
            ping_seconds=ping_seconds,
        )

    def measure(self, meters: Meters) -> None:
        stats = self.stats
        meters.watch_counter(
            "bellhop_foreign_emits", "Emits taken from other processes", lambda: stats.received
        )
        meters.watch_counter(
            "bellhop_foreign_refused",
            "Messages of other processes that were no emit, or too many",
            lambda: stats.unreadable + stats.dropped,
        )

    async def start(self) -> None:
        """Listen; returns when subscribed, or after a bounded wait, and then goes on trying."""
        await self._listener.subscribe([self.channel.encode()])
        self._tasks.start(self._listener.run, name="neighbours")
        try:
            async with asyncio.timeout(self._patience):
                await self._heard.wait()
        except TimeoutError:
            logger.warning("started without the guests' channel")

    async def stop(self) -> None:
        await self._tasks.stop()

    def _back(self, missed: bool) -> None:  # noqa: FBT001, ARG002 - what was missed is kept nowhere
        """The line has come back, or is there for the first time."""
        self._heard.set()

    def _message(self, channel: bytes, payload: bytes) -> None:  # noqa: ARG002 - there is only one
        """Take what another emitter has published, if the rate allows it; what cannot be read is counted and dropped.

        On the loop, for every message: it neither waits nor raises.
        """
        # Before it is read: reading is what a flood would cost.
        if not self._may_have(1):
            return
        try:
            emit = read(payload)
        except Refused as refused:
            self.stats.unreadable += 1
            self._refusals.say(problem=str(refused))
            return
        # One was paid before it was read; the others are known only now.
        if len(emit.rooms) > 1 and not self._may_have(len(emit.rooms) - 1):
            return
        self.stats.received += 1
        for room in emit.rooms:
            self._receive(room, TRANSIENT, emit.event)

    def _may_have(self, rooms: int) -> bool:
        """Whether the rate allows `rooms` more; what it allows is taken from the allowance, and what it does not
        is counted.
        """
        now = self._time()
        gained = (now - self._allowed_at) * EMITS_PER_SECOND
        self._allowance = min(self._allowance + gained, float(EMITS_PER_SECOND))
        self._allowed_at = now
        if self._allowance < rooms:
            self.stats.dropped += 1
            self._excess.say()
            return False
        self._allowance -= rooms
        return True
