"""One connection to Redis as the bus needs it: RESP2, read in one pass over what the socket gave.

redis-py reads a message of a subscription in 24 µs, with hiredis in 7.5 µs; this in 1.4 µs, because the message of a
subscription has one form only, and nothing awaits between two of them. What is not such a message goes the slow way.
https://redis.io/docs/latest/develop/reference/protocol-spec/ is the source.

It neither dials nor reconnects, and knows no command: `address` makes the connection, its owners say what
goes over it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast

from gateway.ground.logs import Seldom

Reply: TypeAlias = "bytes | int | list[Reply] | ServerError | None"
"""What Redis answers; an error is a value, as several answers may come in one read."""
OnMessage = Callable[[bytes, bytes], None]
"""Takes (channel, payload)."""

_log = logging.getLogger(__name__)
_MESSAGE = b"*3\r\n$7\r\nmessage\r\n$"
"""How every message of a subscription begins in RESP2."""
_LARGEST_MESSAGE = 1024 * 1024
"""Bytes of a message that are kept until its end has come: ours have a tenth of it at most, and others may write more."""
_LARGEST_REPLY = 64 * 1024 * 1024
"""Bytes that may wait for their end: more is no server of ours."""


class ServerError(ConnectionError):
    """Redis has refused a command.

    It is an `OSError` by its base, so that one except clause has all that keeps Redis from answering.
    """


class _Incomplete(Exception):
    """The rest of the reply has not come yet."""


def pack(*words: bytes) -> bytes:
    """A command as it goes over the wire."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def pack_publish(channel: bytes, message: bytes) -> bytes:
    """`pack` of the one command that is sent for every frame."""
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
        len(channel),
        channel,
        len(message),
        message,
    )


def parse(data: bytes, at: int) -> tuple[Reply, int]:
    """The reply that begins at `at`, and where the next begins. Raises `_Incomplete`, or ValueError for nonsense.

    It begins anew at each call: a reply that comes in many pieces is parsed as often. Large replies are rare
    here.
    """
    end = data.find(b"\r\n", at)
    if end < 0:
        raise _Incomplete
    kind, text, after = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"+":
        return text, after
    if kind == b"-":
        return ServerError(text.decode(errors="replace")), after
    number = int(text)
    if kind == b":":
        return number, after
    if kind == b"$":
        if number < 0:
            return None, after
        if len(data) < after + number + 2:
            raise _Incomplete
        return data[after : after + number], after + number + 2
    if kind == b"*":
        if number < 0:
            return None, after
        items: list[Reply] = []
        for _ in range(number):
            item, after = parse(data, after)
            items.append(item)
        return items, after
    raise ValueError(f"no reply of Redis begins with {kind!r}")


def _ignore(channel: bytes, payload: bytes) -> None:
    """For a connection that subscribes to nothing."""


def _nothing() -> None:
    """For a connection of which nobody waits to write."""


class Wire(asyncio.Protocol):
    """A connection: messages of subscriptions go to `on_message`, all other replies to `reply`, or to who attends.

    These run while the socket is read. When `on_message` raises, that is logged, and reading goes on.
    `closed` is done when the connection is gone, for whatever reason; it never raises.

    One for each connection, never used again. All of it runs on the loop that made it. Replies are not
    matched to questions: Redis answers in order, and the owner counts.
    """

    def __init__(
        self, *, on_message: OnMessage = _ignore, on_writable: Callable[[], None] = _nothing
    ) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.writable = True
        """False while the socket's send buffer is full; `on_writable` is called when it has space again."""
        self._on_writable = on_writable
        self._on_reply: Callable[[Reply], None] = self._keep
        """Takes what is no message of a subscription."""
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        """The beginning of what has not come whole."""
        self._skip = 0
        """Bytes still to come of a message that is too large."""
        self._failed = Seldom(_log, "bus receiver failed")
        self._too_large = Seldom(_log, "messages too large are dropped")
        self._replies: deque[Reply] = deque()
        """Not yet fetched by `reply`; bound by what its owner asks for."""
        self._asked: asyncio.Future[None] | None = None
        """Who waits in `reply`."""

    def write(self, data: bytes) -> None:
        """Send; to a connection that is gone, nothing. Whoever writes hears of that by `closed`."""
        # Not left to the transport: uvloop's raises RuntimeError then, and ended for good who wrote.
        if self._transport is not None and not self.closed.done():
            self._transport.write(data)

    def attend(self, on_reply: Callable[[Reply], None]) -> None:
        """Have all further replies handed to `on_reply`. Those that have come before are left where they are."""
        self._on_reply = on_reply

    async def reply(self) -> Reply:
        """The next reply, until somebody attends to them. Raises ConnectionError; `ServerError` is one."""
        while not self._replies:
            if self.closed.done():
                raise ConnectionError("Redis closed the connection")
            self._asked = asyncio.get_running_loop().create_future()
            await self._asked
        answer = self._replies.popleft()
        if isinstance(answer, ServerError):
            raise answer
        return answer

    def abort(self) -> None:
        """Cut the connection; what was written may be lost. Idempotent, also before it was made."""
        if self._transport is not None:
            self._transport.abort()
        self._end()

    def close(self) -> None:
        """Close when what is written has gone out."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        # Not asserted: the transports of uvloop are no asyncio.Transport.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it went changes nothing
        self._end()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._on_writable()

    def data_received(self, data: bytes) -> None:
        """Read what the socket gave; cut a connection that speaks anything else."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._rest:
            data = self._rest + data
        try:
            at = self._read(data)
        except ValueError:
            _log.warning("bus server speaks no RESP2")
            self.abort()
            return
        self._rest = data[at:]
        if len(self._rest) > _LARGEST_REPLY:
            _log.warning("bus reply too large")
            self.abort()

    def _read(self, data: bytes) -> int:
        """Hand on every whole reply in `data`; answers where the first one begins that is not whole."""
        at, size, find, on_message = 0, len(data), data.find, self._on_message
        while at < size:
            if data.startswith(_MESSAGE, at):
                # *3 $7 message $n <channel> $m <payload>, without a function call per part: this is the hot path.
                end = find(b"\r\n", at + 18)
                if end < 0:
                    return at
                channel = end + 2
                channel_end = channel + int(data[at + 18 : end])
                end = find(b"\r\n", channel_end + 3)
                if end < 0:
                    return at
                payload = end + 2
                payload_end = payload + int(data[channel_end + 3 : end])
                if payload_end + 2 > size:
                    if payload_end - payload <= _LARGEST_MESSAGE:
                        return at
                    self._skip = payload_end + 2 - size
                    self._too_large.say()
                    return size
                at = payload_end + 2
                try:
                    on_message(data[channel:channel_end], data[payload:payload_end])
                except Exception as problem:  # noqa: BLE001 - said below
                    # One frame that a receiver chokes on must not silence all others.
                    self._failed.say(trace=problem)
            else:
                try:
                    reply, at = parse(data, at)
                except _Incomplete:
                    return at
                self._on_reply(reply)
        return at

    def _keep(self, reply: Reply) -> None:
        """Keep a reply until it is fetched."""
        self._replies.append(reply)
        self._wake()

    def _end(self) -> None:
        """The connection is gone; who waits for a reply is woken, and finds it so."""
        if not self.closed.done():
            self.closed.set_result(None)
        self._wake()

    def _wake(self) -> None:
        """Wake who waits for a reply."""
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)
