"""What other python-socketio processes say on Redis: emits, and orders about clients, in that library's own protocol.

A backend that has a `socketio.AsyncRedisManager(url, write_only=True)` reaches Bellhop's clients without changing a
line. Its messages are JSON on one channel for all, and carry no sequence: they are delivered to who is connected, by
every node on its own, and never stored. Everybody who can publish in Redis can write them, so they are read as
untrusted input. Callbacks are not served: nobody awaits them on a `write_only` manager.
"""

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from gateway.bus.address import Address
from gateway.bus.listener import Listener
from gateway.bus.stats import BusStats
from gateway.tasks import Tasks

_log = logging.getLogger(__name__)

CHANNEL = "socketio"
"""python-socketio's default."""
LARGEST_MESSAGE = 1024 * 1024
"""Bytes; a larger one is not parsed."""
MOST_ATTACHMENTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit:
    """Send an event to a room, or to everybody in the namespace when `room` is None."""

    namespace: str
    room: str | tuple[str, ...] | None
    skip: tuple[str, ...]
    """Sids that do not get it."""
    event: str
    arguments: tuple[Any, ...]
    """JSON values, and bytes where the sender had bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    namespace: str
    sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterRoom:
    namespace: str
    sid: str
    room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveRoom:
    namespace: str
    sid: str
    room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRoom:
    namespace: str
    room: str


Order: TypeAlias = Emit | Disconnect | EnterRoom | LeaveRoom | CloseRoom


class Execute(Protocol):
    """Takes an order. Called while the socket is read: it must not block; what takes time is its own task."""

    def __call__(self, order: Order, /) -> None: ...


class Unreadable(ValueError):
    """A message that is not of the protocol."""


def read(message: bytes) -> Order | None:
    """The order in a message; None for one that is not for us (a callback). Raises `Unreadable`."""
    if len(message) > LARGEST_MESSAGE:
        raise Unreadable("too large")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as problem:
        raise Unreadable("no JSON") from problem
    if not isinstance(fields, dict):
        raise Unreadable("no object")
    method = fields.get("method")
    if method == "callback":
        return None
    reader = _READERS.get(method) if isinstance(method, str) else None
    if reader is None:
        raise Unreadable("unknown method")
    return reader(fields, _namespace(fields))


def _read_emit(fields: dict[str, Any], namespace: str) -> Emit:
    skip = fields.get("skip_sid")
    skipped = [] if skip is None else skip if isinstance(skip, list) else [skip]
    if not all(isinstance(each, str) for each in skipped):
        raise Unreadable("skip_sid is no text")
    data = fields.get("data")
    if not isinstance(data, list):
        raise Unreadable("data is no list")
    return Emit(
        namespace=namespace,
        room=_rooms(fields.get("room")),
        skip=tuple(skipped),
        event=_text(fields, "event"),
        arguments=tuple(_with_attachments(data) if fields.get("binary") else data),
    )


def _rooms(room: Any) -> str | tuple[str, ...] | None:
    if room is None or (isinstance(room, str) and room):
        return room
    if isinstance(room, list) and room and all(isinstance(each, str) and each for each in room):
        return tuple(room)
    # An empty room is never "everyone": python-socketio would make it so.
    raise Unreadable("room is no name")


def _with_attachments(data: list[Any]) -> list[Any]:
    """Put the attachments, which follow in base64, in the places of the first item that name them."""
    if not data or len(data) - 1 > MOST_ATTACHMENTS:
        raise Unreadable("attachments out of bounds")
    try:
        attachments = [base64.b64decode(each, validate=True) for each in data[1:]]
    except (binascii.Error, TypeError, ValueError) as problem:
        raise Unreadable("no base64") from problem

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.get("_placeholder") is True:
            number = value.get("num")
            if not isinstance(number, int) or not 0 <= number < len(attachments):
                raise Unreadable("placeholder out of bounds")
            return attachments[number]
        return {name: put(each) for name, each in value.items()}

    try:
        arguments = put(data[0])
    except RecursionError as problem:
        raise Unreadable("too deep") from problem
    if not isinstance(arguments, list):
        raise Unreadable("data is no list")
    return arguments


def _namespace(fields: dict[str, Any]) -> str:
    namespace = fields.get("namespace") or "/"
    if not isinstance(namespace, str):
        raise Unreadable("namespace is no text")
    return namespace


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is no text")
    return value


_READERS: dict[str, Callable[[dict[str, Any], str], Order]] = {
    "emit": _read_emit,
    "disconnect": lambda fields, namespace: Disconnect(namespace=namespace, sid=_text(fields, "sid")),
    "enter_room": lambda fields, namespace: EnterRoom(
        namespace=namespace, sid=_text(fields, "sid"), room=_text(fields, "room")
    ),
    "leave_room": lambda fields, namespace: LeaveRoom(
        namespace=namespace, sid=_text(fields, "sid"), room=_text(fields, "room")
    ),
    "close_room": lambda fields, namespace: CloseRoom(namespace=namespace, room=_text(fields, "room")),
}


class ExternalChannel:
    """Listens to python-socketio's channel and hands what it reads to `execute`. `stats` is for the metrics."""

    def __init__(
        self,
        url: str,
        *,
        execute: Execute,
        channel: str = CHANNEL,
        patience_seconds: float = 2.0,
        ping_seconds: float = 10.0,
    ) -> None:
        self.stats = BusStats()
        self._execute = execute
        self._channel = channel.encode()
        self._ready = asyncio.Event()
        self._tasks = Tasks()
        self._patience = patience_seconds
        self._listener = Listener(
            Address.parse(url),
            self.stats,
            on_message=self._message,
            back=self._back,
            patience_seconds=patience_seconds,
            ping_seconds=ping_seconds,
        )

    async def start(self) -> None:
        """Listen; returns when subscribed, or after a bounded wait, and then goes on trying."""
        await self._listener.subscribe([self._channel])
        self._tasks.start(self._listener.run(), name="bus-external")
        try:
            async with asyncio.timeout(self._patience):
                await self._ready.wait()
        except TimeoutError:
            _log.warning("external channel started without Redis")

    async def stop(self) -> None:
        await self._tasks.stop()

    def _back(self, missed: bool) -> None:  # noqa: FBT001, ARG002 - what was missed is kept nowhere
        self._ready.set()

    def _message(self, channel: bytes, payload: bytes) -> None:  # noqa: ARG002 - there is only one
        try:
            order = read(payload)
        except Unreadable as problem:
            self.stats.unreadable += 1
            _log.info("external message unreadable", extra={"problem": str(problem)})
            return
        if order is not None:
            self.stats.received += 1
            self._execute(order)
