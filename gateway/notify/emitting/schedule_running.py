"""The part that emits what was scheduled: whichever node sees first that something is due.

A node that dies while it emits loses its lease, and another emits again, under the same idempotency key: it
is one notification.

What nobody came to in its time is missed, and so is what may have been emitted before the store was put back,
and what cannot be emitted any more as it was asked: it waits for somebody who decides. What was emitted, and not ended
because its node died over it, is found by its key and is none of that.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

import msgspec

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks
from gateway.notify.emitting.emitter import Emitter
from gateway.notify.requests import EmitRequest
from gateway.notify.rounds import Due, Rounds
from storage.errors import StoreUnavailable
from storage.schedule import Missed, Schedule, Scheduled
from storage.searching import Search
from storage.streams import Appended, Streams

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


class ScheduleRunner(Part):
    """Emits what is due. What of it a crash or a store that is away leaves undone is leased again.

    Every node has one. The lease keeps them from emitting the same at once, and the idempotency key makes it
    one notification should they all the same. While the store is away nothing is emitted; what became too
    late meanwhile (`latest_at`) is missed then, and kept as such.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        streams: Streams,
        emitter: Emitter,
        clock: Clock,
        due_clock: Clock,
        epoch: Callable[[], str],
    ) -> None:
        """What is due is judged by `due_clock`: what went out early cannot be called back. `epoch` tells the store's."""
        self.emitted = 0
        """How many this process has emitted since its start; repetitions are not counted."""
        self.missed: dict[str, int] = dict.fromkeys(Missed, 0)
        """How many this process has found to be missed, by reason."""
        self._schedule = schedule
        self._streams = streams
        self._emitter = emitter
        self._clock = clock
        self._due_clock = due_clock
        self._due = Due(schedule.next_due, due_clock, shortest=SHORTEST_REST_SECONDS, longest=POLL_SECONDS)
        self._epoch = epoch
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

    def wake(self) -> None:
        """Say that something may be due sooner than it was. Never waits."""
        self._rounds.wake()

    async def keep_house(self) -> None:
        """Forget a bounded part of what ended long ago."""
        await self._schedule.prune(before=self._clock() - KEPT, limit=PRUNED_AT_ONCE)

    async def _emit_due(self) -> float:
        """Emit what is due, a batch of it; answers for how many seconds there is nothing to do then.

        What cannot be emitted because the store is away is not ended, and comes again with its lease.
        """
        if rest := await self._due.rest():
            return rest
        now = self._due_clock()
        token, items = await self._schedule.lease(limit=LEASED_AT_ONCE, lease_seconds=LEASE_SECONDS, now=now)
        if not items:
            return self._due.took_nothing()
        missed = {
            item.id: why
            for item in items
            if (why := self._missed(item, now)) is not None and not await self._is_emitted(item)
        }
        ended, refused = await self._emit([item for item in items if item.id not in missed])
        # After the emit: a crash in between emits again, under the same key.
        await self._schedule.end(ended, token=token, now=now)
        missed |= dict.fromkeys(refused, Missed.REFUSED)
        if missed:
            await self._schedule.miss(missed, token=token, now=now)
            self._tell_of_missed(missed)
        return 0

    def _missed(self, item: Scheduled, now: datetime) -> Missed | None:
        """Why it is not to be emitted by itself any more; None where it is. Of an item without an epoch
        nobody knows whether it was lost, so it is emitted.
        """
        if item.latest_at is not None and item.latest_at < now:
            return Missed.LATE
        if item.epoch not in ("", self._epoch()) and now - item.due_at > OVERDUE:
            return Missed.RESTORED
        return None

    async def _is_emitted(self, item: Scheduled) -> bool:
        """Whether a former holder of its lease has emitted it: emitted once more it is the same, and ends."""
        asked = Search(by=item.scope, key=_key(item))
        return bool((await self._streams.search(asked, before=None, limit=1)).items)

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
            outcomes = await self._emitter.emit_many([read(item) for item in of_scope], scope=scope)
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


_decoder = msgspec.json.Decoder(EmitRequest)


def written(request: EmitRequest, room: str) -> str:
    """The request as it is kept: of one room, and without its timing, which the item has."""
    kept = msgspec.structs.replace(request, rooms=(room,), timing=None, cancel_key=None)
    return msgspec.json.encode(kept).decode()


def read(item: Scheduled) -> EmitRequest:
    """The request as it is to be emitted, under a key of its own."""
    request = _decoder.decode(item.request)
    # Whoever emits it again emits the same.
    return msgspec.structs.replace(request, idempotency_key=_key(item), fingerprint=item.id.encode())


def _key(item: Scheduled) -> str:
    """Under which it is emitted: `scheduled:<id>`."""
    return f"scheduled:{item.id}"
