"""Scheduling: what is to be emitted later waits in the store, and is emitted by whichever node sees first that it is due.

Until then it is in no stream and has no sequence, so that what is cancelled leaves no hole. A node that dies
while it emits loses its lease, and another emits again, under the same idempotency key: it is one
notification.

What nobody came to in its time is missed, and so is what may have been emitted before the store was put back,
and what cannot be emitted any more as it was asked: it waits for somebody who decides.

The zone of a reader is looked up once, as it is accepted: whoever moves afterwards is told at the time of the
old zone. What the type says, and whether it is switched on, is looked up as it is emitted.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

import msgspec

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of
from gateway.ground.tasks import Tasks
from gateway.notify.emitting import Emitter
from gateway.notify.planning import Planner
from gateway.notify.requests import EmitRequest, Timing
from gateway.notify.rounds import Rounds, rest_until
from gateway.notify.sources import Sources
from gateway.notify.whereabouts import zones_of
from storage.errors import IdempotencyMismatch, StoreUnavailable
from storage.ids import uuid7
from storage.schedule import Added, Cancelled, Missed, Schedule, Scheduled, SchedulePage
from storage.streams import Appended

KEPT_AT_ONCE = 1000
"""Items that one write keeps."""
LEASED_AT_ONCE = 500
"""Items that one round emits."""
LEASE_SECONDS = 15.0
"""How long another node waits before it emits what a node had in its hands that has died."""
POLL_SECONDS = 5.0
"""The longest rest between two looks: so long may it stay unnoticed here what another node was asked, should that node die."""
SHORTEST_REST_SECONDS = 0.02
"""The shortest rest between two looks, also where something is due sooner."""
KEPT = timedelta(days=7)
"""How long it is known that something was emitted, cancelled or missed."""
OVERDUE = timedelta(minutes=1)
"""How long after its time something that was scheduled before the store was put back counts as missed: it may
have been emitted in what was lost by that.
"""
PRUNED_AT_ONCE = 5_000
"""How much one keeping of the house forgets at most."""

logger = logging.getLogger(__name__)


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


class Scheduler(Part):
    """The use cases of what is emitted later, and the work of emitting it. They raise `StoreUnavailable`.

    Every node has one. The lease keeps them from emitting the same at once, and the idempotency key makes it
    one notification should they all the same. While the store is away nothing is emitted; what became too
    late meanwhile (`latest_at`) is missed then, and kept as such.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        planner: Planner,
        emitter: Emitter,
        sources: Sources,
        clock: Clock,
        due_clock: Clock,
        epoch: Callable[[], str],
    ) -> None:
        """What is due is judged by `due_clock`: what went out early cannot be called back. `epoch` tells the store's."""
        self.emitted = 0
        """How many this process has emitted since its start; repetitions are not counted."""
        self.missed: dict[str, int] = dict.fromkeys(Missed, 0)
        """How many this process has found to be missed, by reason."""
        self._epoch = epoch
        self._schedule = schedule
        self._planner = planner
        self._emitter = emitter
        self._sources = sources
        self._clock = clock
        self._due_clock = due_clock
        self._rounds = Rounds(self._emit_due, logger, "what is scheduled could not be emitted")
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_scheduled_emitted", "Scheduled notifications emitted here", lambda: self.emitted
        )
        meters.watch_counts(
            "bellhop_scheduled_missed",
            "Scheduled notifications that were not emitted in their time",
            "reason",
            self.missed,
        )

    def start(self) -> None:
        self._tasks.start(self._rounds.run, name="scheduler")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        """Forget a bounded part of what ended long ago."""
        await self._schedule.prune(before=self._clock() - KEPT, limit=PRUNED_AT_ONCE)

    # What is asked

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
        self._rounds.wake()
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
                request=_written(request, room),
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
        self._rounds.wake()
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

    # What is due

    async def _emit_due(self) -> float:
        """Emit what is due, a batch of it; answers for how many seconds there is nothing to do then.

        What cannot be emitted because the store is away is not ended, and comes again with its lease.
        """
        now = self._due_clock()
        token, items = await self._schedule.lease(limit=LEASED_AT_ONCE, lease_seconds=LEASE_SECONDS, now=now)
        if items:
            missed = {item.id: why for item in items if (why := self._missed(item, now)) is not None}
            ended, refused = await self._emit([item for item in items if item.id not in missed])
            # After the emit: a crash in between emits again, under the same key.
            await self._schedule.end(ended, token=token, now=now)
            missed |= dict.fromkeys(refused, Missed.REFUSED)
            if missed:
                await self._schedule.miss(missed, token=token, now=now)
                self._tell_of_missed(missed)
            return 0
        due = await self._schedule.next_due()
        return rest_until(due, self._due_clock(), shortest=SHORTEST_REST_SECONDS, longest=POLL_SECONDS)

    def _missed(self, item: Scheduled, now: datetime) -> Missed | None:
        """Why it is not to be emitted by itself any more; None where it is. Of an item without an epoch
        nobody knows whether it was lost, so it is emitted.
        """
        if item.latest_at is not None and item.latest_at < now:
            return Missed.LATE
        if item.epoch not in ("", self._epoch()) and now - item.due_at > OVERDUE:
            return Missed.RESTORED
        return None

    def _tell_of_missed(self, missed: Mapping[str, Missed]) -> None:
        """Count them, and log each reason once for the round: somebody has to hasten or drop them."""
        for why, count in Counter(missed.values()).items():
            self.missed[why] += count
            logger.error(
                "what was scheduled is missed: somebody has to decide", extra={"reason": why, "count": count}
            )

    async def _emit(self, items: Sequence[Scheduled]) -> tuple[list[str], list[str]]:
        """Emit each; answers those that are emitted, and those that cannot be. Of the others the lease runs out, and they come again.

        By scope, since an emission has one; within a scope in the order in which they are due.
        """
        ended: list[str] = []
        refused: list[str] = []
        by_scope: Callable[[Scheduled], str] = attrgetter("scope")
        # The sort is stable: the store gave them oldest first.
        for scope, group in groupby(sorted(items, key=by_scope), key=by_scope):
            of_scope = list(group)
            outcomes = await self._emitter.emit_many([_read(item) for item in of_scope], scope=scope)
            for item, outcome in zip(of_scope, outcomes, strict=True):
                if isinstance(outcome, Appended):
                    self.emitted += not outcome.duplicate
                    ended.append(item.id)
                elif not isinstance(outcome, StoreUnavailable):
                    logger.error(
                        "a scheduled notification cannot be emitted",
                        extra={"scheduled": item.id, "reason": type(outcome).__name__},
                    )
                    refused.append(item.id)
        return ended, refused


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


_decoder = msgspec.json.Decoder(EmitRequest)


def _written(request: EmitRequest, room: str) -> str:
    """The request as it is kept: of one room, and without its timing, which the item has."""
    kept = msgspec.structs.replace(request, rooms=(room,), timing=None, cancel_key=None)
    return msgspec.json.encode(kept).decode()


def _read(item: Scheduled) -> EmitRequest:
    """The request as it is to be emitted, under a key of its own: `scheduled:<id>`."""
    request = _decoder.decode(item.request)
    # Whoever emits it again emits the same.
    return msgspec.structs.replace(
        request, idempotency_key=f"scheduled:{item.id}", fingerprint=item.id.encode()
    )
