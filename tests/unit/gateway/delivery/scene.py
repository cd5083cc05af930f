"""A delivery with a store of one room, an engine that writes down what each session was given, and no bus to trust."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from gateway.cluster.bus.local import LocalBus
from gateway.engine import Packet
from gateway.notify.delivery import events
from gateway.notify.delivery.cursors import Delivery
from storage.errors import StoreUnavailable
from storage.notifications import Notification

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = "topic:deals"


def clock() -> datetime:
    return NOW


def notification(seq: int, room: str = ROOM) -> Notification:
    return Notification(id=f"{room}-{seq}", room=room, seq=seq, type="T", title="t", created_at=NOW, data={})


def frame(seq: int, room: str = ROOM) -> bytes:
    return events.notification_event(notification(seq, room))


class Stream:
    """A store with one room, whose next sequences are appended by the test."""

    def __init__(self) -> None:
        self.head = 0
        self.gone: set[int] = set()
        self.away = False
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.asking = 0
        self.questions = 0
        self.reading = asyncio.Event()
        self.spans = asyncio.Event()
        self.spans.set()

    def append(self) -> int:
        self.head += 1
        return self.head

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        self.asked.set()
        self.asking += 1
        self.questions += 1
        head = self.head
        await self.gate.wait()
        self.asking -= 1
        if self.away:
            raise StoreUnavailable("away")
        return dict.fromkeys(rooms, head)

    async def span(self, room: str, *, after: int, limit: int, now: datetime) -> list[Notification]:
        if self.away:
            raise StoreUnavailable("away")
        kept = [seq for seq in range(after + 1, self.head + 1) if seq not in self.gone]
        self.reading.set()
        await self.spans.wait()
        return [notification(seq, room) for seq in kept[:limit]]


class Sockets:
    """An engine that writes down what each session was given."""

    def __init__(self) -> None:
        self.given: dict[str, list[int | None]] = defaultdict(list)
        self.members_of: dict[str, set[str]] = defaultdict(set)
        self.closed: set[str] = set()
        self.changed = asyncio.Condition()

    def write(self, sid: str, packet: Packet) -> None:
        if sid in self.closed:
            return
        self.given[sid].append(json.loads(packet.text[2:])[1].get("seq"))

    def fan_out(self, namespace: str, room: str, packet: Packet) -> int:
        for sid in self.members_of[room]:
            self.write(sid, packet)
        return len(self.members_of[room])

    def fan_out_each(self, namespace: str, room: str, packet_of: Callable[[str], Packet]) -> int:
        for sid in self.members_of[room]:
            self.write(sid, packet_of(sid))
        return len(self.members_of[room])

    def admit(self, sid: str, namespace: str, room: str) -> None:
        if sid not in self.closed:
            self.members_of[room].add(sid)

    def expel(self, sid: str, namespace: str, room: str) -> None:
        self.members_of[room].discard(sid)

    def members(self, namespace: str, room: str) -> set[str]:
        return self.members_of[room]


class Scene:
    def __init__(self, delivery: Delivery, sockets: Sockets, stream: Stream) -> None:
        self.delivery = delivery
        self.sockets = sockets
        self.stream = stream

    async def enter(self, sid: str) -> int:
        """Join and open as a connection does; answers the head it was given."""
        await self.delivery.rooms.join(sid, [ROOM])
        head = self.stream.head
        assert self.delivery.open(sid, {ROOM: head})
        return head

    def emit(self) -> int:
        """Append and hand to delivery, as an emit on this node does."""
        seq = self.stream.append()
        self.delivery.receive(ROOM, seq, frame(seq))
        return seq

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def scene(**options: float) -> AsyncIterator[Scene]:
    sockets, stream = Sockets(), Stream()
    delivery = Delivery(sockets, stream, LocalBus(), clock, **options)
    delivery.start()
    try:
        yield Scene(delivery, sockets, stream)
    finally:
        await delivery.stop()
