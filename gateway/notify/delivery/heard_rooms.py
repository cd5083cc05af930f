"""Heard rooms: which rooms have sessions here, and so are carried here by the bus.

A room is subscribed to as its first session joins, and let go a while after its last has left: a page reload comes back to it and
costs nothing.

Knows streams by the sessions in them alone; what is written to these is `cursors`'s.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from gateway.cluster.bus.base import Bus
from gateway.ground.tasks import Tasks, in_step
from gateway.notify.delivery.streams import Guest, Stream

RELEASE_SECONDS = 5.0
"""How long a room without sessions stays subscribed: a page reload comes back to it and costs no new subscription."""


class HeardRooms:
    """The streams of one node. All of it belongs to its event loop; what is no coroutine never waits.

    A room's stream is made when its first session joins, and let go `release_seconds` or up to twice that
    after its last has left.
    """

    def __init__(self, bus: Bus, *, release_seconds: float, came_back: Callable[[], None]) -> None:
        """`came_back` is called when a room has come back that was just let go: something may have been missed."""
        self.streams: dict[str, Stream] = {}
        """Of the rooms that have sessions here, or had some until a moment ago."""
        self._bus = bus
        self._release_seconds = release_seconds
        self._came_back = came_back
        self._unheard: set[str] = set()
        """Rooms that the bus was asked to carry here, and has not said yet that it does."""
        self._empty_rooms: set[str] = set()
        """Rooms whose last session left since the last look; they are let go at the next look but one, if nobody has come."""
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._release_forever, name="delivery release")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def join(self, sid: str, rooms: Sequence[str]) -> None:
        """Hold back the rooms' live frames for this session until it is let in, and have the bus carry the rooms here.

        Join before reading the store: a repetition can be dropped, a hole cannot be seen. It returns when
        frames that are published from now on will come, or after the bus's bounded wait. Whoever has joined
        is to be let in (`Delivery.open`), or to `leave`.
        """
        # Also of a room whose first session waits for it still: a second one hears it no sooner.
        fresh = [room for room in rooms if room not in self.streams or room in self._unheard]
        for room in rooms:
            stream = self.streams.setdefault(room, Stream(room))
            stream.guests[sid] = Guest()
        # A room that is subscribed already costs nothing; that of a first user is one wait for each connect.
        if fresh:
            self._unheard.update(fresh)
            await self._bus.subscribe(fresh)
            self._unheard.difference_update(fresh)

    def leave(self, sid: str, rooms: Iterable[str]) -> None:
        """The session has gone, and with it its memberships in the engine: forget it.

        Safe to repeat, and for rooms that it never joined. The bus is told later, in `release`.
        """
        for room in rooms:
            stream = self.streams.get(room)
            if stream is None:
                continue
            if stream.guests.pop(sid, None) is None:
                stream.members.discard(sid)
            if not stream.members and not stream.guests:
                self._empty_rooms.add(room)

    async def release(self, rooms: Iterable[str]) -> None:
        """Let go of those of `rooms` that still have no session: of their cursors, and of the subscription."""
        empty = []
        for room in rooms:
            stream = self.streams.get(room)
            if stream is not None and not stream.members and not stream.guests:
                stream.forget_hole()
                # Before the wait below: a session that joins meanwhile makes a new stream, and does not
                # inherit a cursor that has stopped.
                del self.streams[room]
                self._unheard.discard(room)
                empty.append(room)
        if empty:
            await self._bus.unsubscribe(empty)
            # One that came back while the bus let go would be deaf until the next reconciliation.
            back = [room for room in empty if room in self.streams]
            if back:
                await self._bus.subscribe(back)
                self._came_back()

    async def _release_forever(self) -> None:
        """Let go of what has been empty for one whole look, so that a reload of a page finds its rooms still there."""
        aged: set[str] = set()
        while True:
            await asyncio.sleep(in_step(self._release_seconds))
            await self.release(aged)
            aged, self._empty_rooms = self._empty_rooms, set()
