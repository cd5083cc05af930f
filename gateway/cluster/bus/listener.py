"""The receiving half of the bus on Redis: a connection of its own, and what it is subscribed to.

It knows channels, not rooms. When the connection goes, for whatever reason, it makes another, subscribes everything
again, and only then says that it is back.

`gateway.cluster.bus.redis` has one, and so has the guests' channel of `gateway.sockets.neighbours`. It has a
connection of its own since Redis allows little but subscribing on one that has subscribed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from gateway.cluster.bus.stats import BusStats
from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.backoff import reconnect_pause_seconds
from gateway.cluster.redis.resp import OnMessage, Reply, ServerError, Wire, pack
from gateway.cluster.redis.trouble import Trouble

_log = logging.getLogger(__name__)

CHANNELS_PER_COMMAND = 1000
"""Names in one SUBSCRIBE; Redis answers each, and others wait meanwhile."""
SUBSCRIBE_SECONDS = 2.0
"""How long `subscribe` waits for Redis to confirm."""
RESUBSCRIBE_SECONDS = 20.0
"""How long a new connection may take to confirm everything; 26 µs a channel in Redis, so this is far off."""


@dataclass(slots=True)
class _Asked:
    """A SUBSCRIBE or UNSUBSCRIBE under way: Redis confirms each of its channels, in order."""

    missing: int
    """Confirmations still to come."""
    confirmed: asyncio.Future[None]
    """Done when the last has come, or the connection went."""


class Listener:
    """Keeps `channels` subscribed. `back` is called whenever they are, with whether anything may have been missed.

    `part` names it in the log. With `ping_seconds` it asks that often whether the server is still there, and replaces a
    connection whose last ping was not answered by the next. An owner who has a canary needs none.

    It lives as long as `run`, which its owner runs in a task. `on_message` runs while the socket is read, and
    must neither wait nor raise. Channels are kept over outages; nothing else is.
    """

    def __init__(
        self,
        address: RedisAddress,
        stats: BusStats,
        *,
        part: str,
        on_message: OnMessage,
        back: Callable[[bool], None],
        patience_seconds: float,
        ping_seconds: float | None = None,
    ) -> None:
        self.connected = False
        """Everything asked for is subscribed."""
        self.trouble = Trouble(_log, part)
        self._address = address
        self._stats = stats
        self._on_message = on_message
        self._back = back
        self._patience = patience_seconds
        self._ping_seconds = ping_seconds
        self._unanswered = False
        """A ping went out, and nothing has come since."""
        self._refusal: ServerError | None = None
        """What Redis said to a SUBSCRIBE of this connection, if not yes."""
        self._channels: set[bytes] = set()
        """What is to be subscribed, whether or not it is yet."""
        self._wire: Wire | None = None
        """The connection from its first SUBSCRIBE to its end."""
        self._asked: deque[_Asked] = deque()
        """In the order in which they were written, which is that of the confirmations."""
        self._joining: list[bytes] = []
        """The channels of `_joined`."""
        self._joined: asyncio.Future[None] | None = None
        """The confirmation of what joins within this turn of the loop."""

    async def subscribe(self, channels: Iterable[bytes]) -> None:
        """Return when Redis has confirmed, or at once while it is away, or after a bounded wait: then `back` is called when it has."""
        channels = list(channels)
        self._channels.update(channels)
        if self._wire is None or not channels:
            return
        if self._joined is None:
            # Clients that connect within one turn of the loop share one SUBSCRIBE.
            loop = asyncio.get_running_loop()
            self._joined = loop.create_future()
            loop.call_soon(self._flush)
        self._joining += channels
        joined = self._joined
        await asyncio.wait({joined}, timeout=SUBSCRIBE_SECONDS)
        if not joined.done():
            # Whoever asked goes on without: what is published before is missed.
            joined.add_done_callback(lambda _: self._back(True))  # noqa: FBT003 - as in `run`

    def unsubscribe(self, channels: Iterable[bytes]) -> None:
        """Hear these channels no more. Does not wait: messages under way may still come."""
        channels = list(channels)
        self._channels.difference_update(channels)
        # A SUBSCRIBE of the same turn goes first: the order of the calls decides, not that of the writes.
        self._flush()
        if self._wire is not None and channels:
            self._ask(self._wire, b"UNSUBSCRIBE", channels)

    def replace(self) -> None:
        """Give up the connection, which seems deaf; `run` makes another.

        For an owner who has another way to find out.
        """
        if self._wire is not None:
            self._wire.abort()

    async def run(self) -> None:
        """Connect, subscribe, listen, and connect again; until cancelled.

        Nothing but cancelling ends it. `back` is told True also where the first attempts of all had failed:
        what was published then was missed.
        """
        failures = 0
        missed = False
        while True:
            wire = Wire(on_message=self._on_message)
            try:
                await self._address.open(wire, timeout_seconds=self._patience)
                await self._subscribe_all(wire)
                # Before `back`: who is told asks at once, and must find it so.
                self.connected = True
                self.trouble.over()
                if missed:
                    self._stats.reconnects += 1
                self._back(missed)
                failures = 0
                await self._listen(wire)
            except Exception as problem:  # noqa: BLE001 - whatever it was, an ear that closes for good helps nobody
                self.trouble.found(problem)
            finally:
                self._forget(wire)
            missed = True
            await asyncio.sleep(reconnect_pause_seconds(failures))
            failures += 1

    async def _listen(self, wire: Wire) -> None:
        """Raises ConnectionError when the connection is gone, TimeoutError when it is open and dead."""
        self._unanswered = False
        while True:
            await asyncio.wait({wire.closed}, timeout=self._ping_seconds)
            if wire.closed.done():
                raise ConnectionError("Redis closed the connection")
            if self._unanswered:
                raise TimeoutError("Redis does not answer")
            self._unanswered = True
            wire.write(pack(b"PING"))

    async def _subscribe_all(self, wire: Wire) -> None:
        """Subscribe all channels on a new connection, and return when Redis has confirmed them. Raises
        `ConnectionError` and `TimeoutError`.
        """
        wire.attend(self._confirm)
        self._wire = wire
        self._refusal = None
        # A copy; what joins from here on asks for itself on the same wire, behind these.
        channels = iter(list(self._channels))
        confirmed: asyncio.Future[None] | None = None
        while batch := list(islice(channels, CHANNELS_PER_COMMAND)):
            confirmed = self._ask(wire, b"SUBSCRIBE", batch)
        if confirmed is None:
            return
        # Redis confirms in order, so the last confirmation stands for all.
        await asyncio.wait(
            {confirmed, wire.closed}, timeout=RESUBSCRIBE_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if wire.closed.done():
            raise ConnectionError("Redis closed the connection")
        if not confirmed.done():
            raise TimeoutError("Redis does not confirm the subscriptions")
        if self._refusal is not None:
            raise self._refusal

    def _flush(self) -> None:
        """Ask for what has joined within this turn of the loop."""
        joined, self._joined = self._joined, None
        if joined is None:
            return
        channels, self._joining = self._joining, []
        if self._wire is None:
            joined.set_result(None)
            return
        for first in range(0, len(channels), CHANNELS_PER_COMMAND):
            confirmed = self._ask(self._wire, b"SUBSCRIBE", channels[first : first + CHANNELS_PER_COMMAND])
        # Redis confirms in order, so the last confirmation stands for all.
        confirmed.add_done_callback(lambda _: joined.set_result(None))

    def _ask(self, wire: Wire, command: bytes, channels: list[bytes]) -> asyncio.Future[None]:
        """Write a SUBSCRIBE or UNSUBSCRIBE; the future is done when Redis has confirmed all of it."""
        asked = _Asked(len(channels), asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        wire.write(pack(command, *channels))
        return asked.confirmed

    def _confirm(self, reply: Reply) -> None:
        """Take a reply that is no message: a confirmation, a pong, or a refusal."""
        # Whatever it says, somebody is there.
        self._unanswered = False
        if not self._asked or (isinstance(reply, list) and reply[:1] == [b"pong"]):
            return
        asked = self._asked[0]
        asked.missing -= 1
        if isinstance(reply, ServerError):
            # One answer for the whole command: nothing of it is subscribed. Later than at the start, it is reconciliation
            # that makes up for it.
            self._refusal = reply
            self.trouble.found(reply)
            asked.missing = 0
        if asked.missing == 0:
            self._asked.popleft()
            if not asked.confirmed.done():
                asked.confirmed.set_result(None)

    def _forget(self, wire: Wire) -> None:
        """The connection is gone: wait for nothing on it any more."""
        self.connected = False
        self._wire = None
        wire.abort()
        # Whoever waits for a confirmation goes on: the subscription is made good before `back` is called.
        for asked in self._asked:
            if not asked.confirmed.done():
                asked.confirmed.set_result(None)
        self._asked.clear()
