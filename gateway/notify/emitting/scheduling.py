"""Scheduling: what is to be emitted later waits in the store.

Until then it is in no stream and has no sequence, so that what is cancelled leaves no hole. When it is due it is emitted by
`schedule_running`.

The zone of a reader is looked up once, as it is accepted: whoever moves afterwards is told at the time of the
old zone. What the type says, and whether it is switched on, is looked up as it is emitted.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from gateway.ground.clock import Clock
from gateway.ground.rooms import user_of
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.whereabouts import zones_of
from gateway.notify.emitting.planning import Planner
from gateway.notify.emitting.schedule_running import written
from gateway.notify.requests import EmitRequest, Timing
from storage.errors import IdempotencyMismatch
from storage.ids import uuid7
from storage.schedule import Added, Cancelled, Schedule, Scheduled, SchedulePage

KEPT_AT_ONCE = 1000
"""Items that one write keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """What was accepted for later.

    It is the answer to its caller, made as the items are durable.
    """

    items: tuple[Scheduled, ...]
    """One a room, with the time at which each is due."""
    held: Mapping[str, datetime]
    """By room, until when a rule would hold its mail, by what is known now."""
    duplicate: bool
    """Whether all of it was accepted before, under the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """What is not to be emitted: all of a key, or what of it is for one room."""

    cancel_key: str
    room: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRequest:
    """A page of what is still to come, the earliest first."""

    after: str | None = None
    limit: int = 50
    missed: bool = False
    """What was missed instead."""


class Scheduler:
    """The use cases of what is emitted later. They raise `StoreUnavailable`."""

    def __init__(
        self,
        schedule: Schedule,
        *,
        planner: Planner,
        sources: Sources,
        clock: Clock,
        due_clock: Clock,
        epoch: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        """What is due is judged by `due_clock`; `epoch` tells the store's. `wake` says that something may be due."""
        self._epoch = epoch
        self._schedule = schedule
        self._planner = planner
        self._sources = sources
        self._clock = clock
        self._due_clock = due_clock
        self._wake = wake

    async def accept(self, requests: Sequence[EmitRequest], *, scope: str) -> list[PutOff | Exception]:
        """Keep what is to be emitted later; when this returns it cannot be lost.

        Of each request it answers what it became, or what an emit would raise of it; another under its key is
        `IdempotencyMismatch`. What is to be kept is kept together.

        Items that are stored before an error is raised stay: asked again under a key, they are the same;
        without one they are others.
        """
        now = self._clock()
        vetted = await self._planner.vet(requests)
        wanted = [
            [] if isinstance(each, Exception) else await self._items(request, scope, now)
            for request, each in zip(requests, vetted, strict=True)
        ]
        # Before anything is kept: should the store be away, nothing was.
        held = iter(
            await self._planner.held_of_each(
                [
                    (each, {item.room: max(item.due_at, now) for item in items})
                    for each, items in zip(vetted, wanted, strict=True)
                    if not isinstance(each, Exception)
                ]
            )
        )
        flat = [item for items in wanted for item in items]
        added: list[Added] = []
        for start in range(0, len(flat), KEPT_AT_ONCE):
            added += await self._schedule.add(flat[start : start + KEPT_AT_ONCE], now=now)
        # Something may be due before the rest is over: at once, if its time is past.
        self._wake()
        answers = iter(added)
        return [
            each
            if isinstance(each, Exception)
            else _accepted(items, [next(answers) for _ in items], next(held))
            for items, each in zip(wanted, vetted, strict=True)
        ]

    async def _items(self, request: EmitRequest, scope: str, now: datetime) -> list[Scheduled]:
        """What is to be emitted, room by room.

        The request goes along whole, with one room, so that each is emitted, cancelled and counted for
        itself.
        """
        timing = request.timing
        assert timing is not None
        lateness = timing.max_lateness_seconds
        return [
            Scheduled(
                id=_id(scope, request, room),
                due_at=due_at,
                room=room,
                scope=scope,
                request=written(request, room),
                fingerprint=request.fingerprint,
                cancel_key=request.cancel_key,
                latest_at=None if lateness is None else due_at + timedelta(seconds=lateness),
                epoch=self._epoch(),
                created_at=now,
            )
            for room, due_at in (await self._times(request.rooms, timing)).items()
        ]

    async def cancel(self, asked: CancelRequest, *, scope: str) -> Cancelled:
        """Emit nothing of this key any more; answers how many that were, and how many were too late. Only of
        the caller's own scope.
        """
        return await self._schedule.cancel(scope, asked.cancel_key, room=asked.room, now=self._clock())

    async def not_cancelled(self, requests: Sequence[EmitRequest], *, scope: str) -> list[EmitRequest | None]:
        """Each request for now without the rooms in which its key was cancelled a moment before; None where none is left.

        The two may have overtaken each other. One question for all keys, and none where there are none.
        """
        asked = {
            (each.cancel_key, room) for each in requests if each.cancel_key is not None for room in each.rooms
        }
        if not asked:
            return list(requests)
        cancelled = await self._schedule.cancelled(scope, asked, now=self._clock())
        return [_without(each, cancelled) for each in requests]

    async def page(self, asked: ScheduledRequest) -> SchedulePage:
        """What is still to come, or was missed. Raises `InvalidCursor`."""
        return await self._schedule.page(after=asked.after, limit=asked.limit, missed=asked.missed)

    async def drop(self, ids: Sequence[str]) -> list[str]:
        """Emit none of these; answers which were still to come, or missed."""
        return await self._schedule.drop(ids, now=self._clock())

    async def hasten(self, ids: Sequence[str]) -> list[str]:
        """Emit these now; answers which were still to come, or missed."""
        hastened = await self._schedule.hasten(ids, now=self._due_clock())
        self._wake()
        return hastened

    async def of_room(self, room: str, *, limit: int) -> tuple[Scheduled, ...]:
        """What is still to come for the room, the earliest first."""
        return await self._schedule.of_room(room, limit=limit)

    async def _times(self, rooms: Sequence[str], timing: Timing) -> dict[str, datetime]:
        """When each room is due; a room of many goes by the gateway's zone. Raises `StorageError`.

        A time that the wall of a zone skips moves forward; of one that comes twice the first counts (fold 0).
        """
        if timing.at is not None:
            return dict.fromkeys(rooms, timing.at)
        assert timing.local_date is not None
        assert timing.local_time is not None
        zones = await zones_of(self._sources, [user for room in rooms if (user := user_of(room)) is not None])
        wall = datetime.combine(timing.local_date, timing.local_time)
        return {
            room: wall.replace(tzinfo=zones.get(user_of(room) or "", self._sources.zone)).astimezone(UTC)
            for room in rooms
        }


def _accepted(
    items: Sequence[Scheduled], added: Sequence[Added], held: Mapping[str, datetime]
) -> PutOff | IdempotencyMismatch:
    """What the request became; a mismatch where its key was used for something else in any of its rooms."""
    if not all(each.is_same for each in added):
        return IdempotencyMismatch("the idempotency key was used before with another content")
    return PutOff(items=tuple(items), held=held, duplicate=not any(each.is_new for each in added))


def _without(request: EmitRequest, cancelled: Collection[tuple[str, str]]) -> EmitRequest | None:
    """The request without the rooms in which its key is among the cancelled; None where none is left."""
    left = tuple(room for room in request.rooms if (request.cancel_key, room) not in cancelled)
    if len(left) == len(request.rooms):
        return request
    return msgspec.structs.replace(request, rooms=left) if left else None


def _id(scope: str, request: EmitRequest, room: str) -> str:
    """Of a request under a key always the same, so that a repetition is known by it: `k-` and 40 hex digits. Else a new id."""
    if request.idempotency_key is None:
        return uuid7()
    named = f"{scope}\0{request.idempotency_key}\0{room}"
    return f"k-{sha256(named.encode()).hexdigest()[:40]}"
