"""The bus on Redis: a channel per room, subscribed only while this node has members of the room.

A message is a header of 17 bytes, its seal, and the event as it came; nothing in it is parsed on the way:

    version (1)   who published (8)   sequence (8, big-endian)   seal (16)   event

What has not the seal of a node on the same store (`seal`) is counted, and dropped unread.

Channels are `<prefix>:<db>:<digest>`, so nothing that a user chooses becomes a name in Redis, and gateways on different
databases of one Redis, whose publications are not kept apart by database, do not hear each other.

Two further channels belong to every node: `control` for commands, and a canary of its own. Redis's SUBSCRIBE
survives no reconnect, and PUBLISH reaches only who is subscribed at that moment; both are made up for by the
cursors and by `returned`.
"""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes

from gateway.cluster import commands
from gateway.cluster.bus.base import BusReturned, Frame, Receive, ReceiveCommand
from gateway.cluster.bus.canary import Canary
from gateway.cluster.bus.listener import Listener
from gateway.cluster.bus.publisher import Publish, Publisher
from gateway.cluster.bus.seal import SIZE, sealer
from gateway.cluster.bus.stats import BusStats
from gateway.cluster.commands import Command
from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.resp import Reply, pack_publish
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters
from gateway.ground.tasks import Tasks

_log = logging.getLogger(__name__)

VERSION = 2
"""Nodes with another do not understand each other's frames, and repair from the store."""
_HEADER = struct.Struct(">B8sQ")
"""Version, publisher, sequence."""
_SEAL = _HEADER.size
"""Where in a message its seal begins."""
_EVENT = _SEAL + SIZE
"""Where in a message what it carries begins."""
LARGEST_COMMAND = 64 * 1024
"""Bytes of a command that is decoded; a larger one is taken for nonsense."""
STOP_SECONDS = 1.0
"""How long the last frames have to go out."""


class RedisBus:
    """Carries frames and commands through Redis, and hears itself through it every `canary_seconds`.

    `node_id` is this process's own, and no other's; `secret` tells what all nodes share, asked at the start.
    `stats` is for the metrics. The listener and the publisher have a connection each, and each replaces a
    connection that is open but dead: the publisher when Redis does not answer within `patience_seconds`, the
    listener when a canary that Redis has taken is not heard within the same.

    A node that loses Redis serves its own sessions as before.
    """

    carries = True

    def __init__(
        self,
        url: str,
        *,
        node_id: str,
        secret: Callable[[], Awaitable[bytes]],
        prefix: str = "bellhop",
        canary_seconds: float = 2.5,
        patience_seconds: float = 2.0,
        buffer_bytes: int = 8 * 1024 * 1024,
        buffer_frames: int = 20_000,
    ) -> None:
        self.stats = BusStats()
        self._address = RedisAddress.parse(url)
        self._secret = secret
        self._seal = sealer(token_bytes(32))
        """Nobody's, until the secret is known."""
        self._strange = Seldom(
            _log, "messages that no node of this store and release has written are dropped"
        )
        self._node = blake2b(node_id.encode(), digest_size=8).digest()
        """The digest of the node's id, by which it knows its own messages."""
        self._prefix = f"{prefix}:{self._address.database}:".encode()
        """What the channels begin with, such as `bellhop:0:`."""
        self._control = self._prefix + b"control"
        self._own = self._prefix + b"canary:" + self._node.hex().encode()
        """The channel of this node's canary."""
        self._patience = patience_seconds
        self._rooms: dict[bytes, str] = {}
        """The rooms that are subscribed, by channel: the way back from a digest."""
        self._receive: Receive | None = None
        self._carry_out: ReceiveCommand | None = None
        self._returned: BusReturned | None = None
        self._tasks = Tasks()
        canary_due = asyncio.Event()
        self._publisher = Publisher(
            self._address,
            self.stats,
            buffer_bytes=buffer_bytes,
            buffer_frames=buffer_frames,
            patience_seconds=patience_seconds,
            up=canary_due.set,
            lost=self._tell_of_loss,
        )
        self._listener = Listener(
            self._address,
            self.stats,
            part="bus listener",
            on_message=self._message,
            back=self._back,
            patience_seconds=patience_seconds,
        )
        self._canary = Canary(
            self._publisher,
            self._listener,
            self.stats,
            packed=lambda number: self._packed(self._own, number, b""),
            due=canary_due,
            every_seconds=canary_seconds,
            patience_seconds=patience_seconds,
        )

    async def start(self, *, receive: Receive, carry_out: ReceiveCommand, returned: BusReturned) -> None:
        """Begin; returns when the first canary came back, or after `patience_seconds` without. Raises what
        `secret` raises, as for a store that is away.
        """
        self._receive, self._carry_out, self._returned = receive, carry_out, returned
        self._seal = sealer(await self._secret())
        # The listener is not running yet, so this only notes what it will subscribe first.
        await self._listener.subscribe([self._control, self._own])
        self._tasks.start(self._publisher.run, name="bus-publisher")
        self._tasks.start(self._listener.run, name="bus-listener")
        self._tasks.start(self._canary.run, name="bus-canary")
        # Most starts find Redis there: then nothing is missed between the start and the first subscription.
        try:
            async with asyncio.timeout(self._patience):
                await self._canary.heard.wait()
        except TimeoutError:
            _log.warning("bus started without Redis")

    async def publish(self, frames: Sequence[Frame]) -> None:
        """Hand frames to the publisher, each sealed for its channel; as the Protocol says."""
        if not self._tasks:
            self.stats.dropped += len(frames)
            return
        # A stored frame may come twice: its sequence gives it away. A transient one must not.
        # A bus that was stopped drops and counts: whoever emits at that moment must not fail.
        await self._publisher.send(
            [Publish(self._packed(self._channel(room), seq, event), seq > 0) for room, seq, event in frames]
        )

    async def subscribe(self, rooms: Sequence[str]) -> None:
        """Hear these rooms. Rooms that are heard already are asked for again, which does no harm."""
        channels = {self._channel(room): room for room in rooms}
        # First: a frame may come before the confirmation does, and its channel has to be known then.
        self._rooms.update(channels)
        await self._listener.subscribe(channels)

    async def unsubscribe(self, rooms: Sequence[str]) -> None:
        """Hear these rooms no more; what still comes is passed over, as its channel is known no more."""
        channels = [self._channel(room) for room in rooms]
        for channel in channels:
            self._rooms.pop(channel, None)
        self._listener.unsubscribe(channels)

    async def order_all(self, command: Command) -> None:
        """Carry it out here, then publish it. Before the start and after the stop nothing is done."""
        if self._carry_out is not None:
            self._carry_out(command)
            await self.order_others(command)

    async def order_others(self, command: Command) -> None:
        """Publish it on the channel of commands. It may be lost, and is never sent twice."""
        if not self._tasks:
            return
        text = commands.encode(command)
        await self._publisher.send([Publish(self._packed(self._control, 0, text), repeatable=False)])

    def measure(self, meters: Meters) -> None:
        counter, stats = meters.watch_counter, self.stats
        counter("bellhop_bus_published", "Frames that Redis has taken", lambda: stats.published)
        counter(
            "bellhop_bus_dropped",
            "Frames that could not be carried: the store has them",
            lambda: stats.dropped,
        )
        counter("bellhop_bus_received", "Frames of other nodes", lambda: stats.received)
        counter("bellhop_bus_reconnects", "Connections to Redis that were replaced", lambda: stats.reconnects)
        meters.watch_gauge(
            "bellhop_bus_canary_seconds", "How long the last canary took", lambda: stats.canary_seconds
        )
        meters.watch_gauge(
            "bellhop_bus_up", "1 while the node hears itself through Redis", lambda: int(not self.reasons())
        )

    def reasons(self) -> list[str]:
        """What keeps the node from hearing or being heard, in Redis's own words where it has said any."""
        if not self._tasks:
            return ["the bus is not started"]
        reasons = []
        if not self._listener.connected:
            reasons.append(self._listener.trouble.told("the bus is not subscribed in Redis"))
        if not self._publisher.connected or self._publisher.trouble.words is not None:
            reasons.append(self._publisher.trouble.told("the bus cannot publish to Redis"))
        if self._canary.deaf:
            reasons.append("the bus does not hear itself through Redis")
        return reasons

    async def stop(self) -> None:
        """Send what waits, within `STOP_SECONDS`, and let go. Whoever is told of nothing any more asks the store."""
        if not self._tasks:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._publisher.drain()
        except TimeoutError:
            _log.warning("bus stopped with frames unsent")
        await self._tasks.stop()
        self._receive = self._carry_out = self._returned = None

    def _channel(self, room: str) -> bytes:
        """The channel of a room: 128 bits of a digest, so that two rooms never share one."""
        return self._prefix + blake2b(room.encode(), digest_size=16).hexdigest().encode()

    def _packed(self, channel: bytes, seq: int, body: bytes) -> bytes:
        """A PUBLISH with header and seal."""
        header = _HEADER.pack(VERSION, self._node, seq)
        return pack_publish(channel, header + self._seal(channel, header, body) + body)

    def _message(self, channel: bytes, payload: bytes) -> None:
        """Take a message of any channel that is subscribed here: a frame, a canary or a command. Never raises
        for what is malformed.
        """
        header, event = payload[:_SEAL], payload[_EVENT:]
        seal = self._seal(channel, header, event)
        # The seal comes before anything is read; all that is not sealed looks alike from here.
        if len(payload) < _EVENT or not compare_digest(payload[_SEAL:_EVENT], seal) or header[0] != VERSION:
            self.stats.unreadable += 1
            self._strange.say()
            return
        _, sender, seq = _HEADER.unpack(header)
        own = sender == self._node
        room = self._rooms.get(channel)
        if room is not None:
            if not own and self._receive is not None:
                self.stats.received += 1
                self._receive(room, seq, event)
        elif channel == self._own:
            if own:
                self._canary.came(seq)
        elif channel == self._control and not own:
            self._control_message(event)

    def _control_message(self, text: bytes) -> None:
        """Carry out what another node orders; nothing at all says that it has dropped frames."""
        if not text:
            # Another node had to drop frames: they are in the store, and nobody has seen them.
            self._say_returned()
            return
        try:
            command = commands.decode(text if len(text) <= LARGEST_COMMAND else b"")
        except commands.UnreadableCommand:
            self.stats.unreadable += 1
            return
        if self._carry_out is not None:
            self._carry_out(command)

    def _tell_of_loss(self) -> None:
        """Have the other nodes ask the store what this one could not tell them."""
        command = self._packed(self._control, 0, b"")
        self._publisher.put(Publish(command, repeatable=True, answered=self._told_of_loss))

    def _told_of_loss(self, reply: Reply) -> None:
        """Redis's answer to that: where it was refused, it is to be told again."""
        if not self._publisher.is_taken(reply):
            self._publisher.is_lost()

    def _back(self, missed: bool) -> None:  # noqa: FBT001 - the one thing there is to say
        """The listener is subscribed again."""
        self._canary.due.set()
        if missed:
            self._say_returned()

    def _say_returned(self) -> None:
        """Have the cursors be compared with the store."""
        if self._returned is not None:
            self._returned()
