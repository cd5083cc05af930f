"""The noter: it tells the store now and then what was heard in this process.

What was heard (`hearing`) is worked out (`reckoning`) and stored in batches every few seconds. What has waited so long is what
a crash takes along; a store that is away is waited for.

Where statistics are off there is no noter, and nothing is heard.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks, in_step
from gateway.notify.stats.happenings import Happening, MailHeard
from gateway.notify.stats.hearing import WAITING_MAX, Hearing
from gateway.notify.stats.names import Names
from gateway.notify.stats.reckoning import Reckoner
from storage.errors import StorageError
from storage.events import Event, Happened, Series, key_of_many, number_of
from storage.stats import Stats
from storage.streams import Streams

FLUSH_SECONDS = 2.0
"""What happened within so long, a crash takes along."""
STEP = 500
"""How much is worked out at once, by weight; between two steps others have their turn."""
NOTED_AT_ONCE = 1000
"""Events in one write."""
OLDEST = timedelta(hours=12)
"""What could not be stored for so long is lost: roll-ups are counted by then."""

logger = logging.getLogger(__name__)


class Noter(Part):
    """Takes what was heard to the store.

    One flush is under way at a time, by its task or by `stop`. What waits is taken out of the queue only when
    its events are worked out, and these go only when they are stored: so an error in between repeats, and
    repeating changes nothing. Only the counts of emits have keys of this process's own (`_process`,
    `_batches`).
    """

    def __init__(
        self,
        shelf: Stats,
        streams: Streams,
        secret: Callable[[], Awaitable[bytes]],
        clock: Clock,
        *,
        varies: Callable[[str], bool],
    ) -> None:
        """`varies` tells whether a type has variants."""
        self.heard = Hearing(clock, varies=varies)
        """What happens in this process, until it is told."""
        self._shelf = shelf
        self._streams = streams
        self._secret = secret
        self._clock = clock
        self._varies = varies
        self._reckoner: Reckoner | None = None
        """Made at the first flush, for it needs the store's secret; None until then."""
        self._unnoted: list[Happened] = []
        """Events that were worked out and are not stored yet."""
        # By both a count is told apart from those of other processes, and of other runs of this one.
        self._process, self._batches = os.urandom(12), 0
        self._names = Names()
        self._one_at_a_time = asyncio.Lock()
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_stats_lost", "Happenings that the statistics do not know of", lambda: self.heard.lost
        )

    def start(self) -> None:
        self._tasks.start(self._flush_forever, name="statistics")

    async def stop(self) -> None:
        """Store what still waits, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            await self.flush()

    # Telling the store

    async def flush(self) -> None:
        """Store all that happened until now; what cannot be stored waits, within bounds. Raises nothing.

        What is worked out and stored is gone from the queue; the rest is there for the next.
        """
        # Two at once would each let go of what the other has stored.
        async with self._one_at_a_time:
            await self._flush()

    async def _flush(self) -> None:
        self._gather_counts(self._clock())
        try:
            # First what is left over from a store that was away: it is the oldest, and bounded together with
            # the counts.
            await self._note()
            while self.heard.waiting:
                step = self.heard.step(STEP)
                # What is heard of a mail has its series from the store, which must know of what was sent before.
                if self._unnoted and any(isinstance(each, MailHeard) for each in step):
                    await self._note()
                try:
                    await self._reckon(step)
                except StorageError:
                    raise
                except Exception:
                    # What cannot be worked out is lost, and not what was before it.
                    await self._note()
                    raise
                # Full writes: each is a commit.
                if self._number() >= NOTED_AT_ONCE or not self.heard.waiting:
                    await self._note()
        except StorageError as error:
            logger.info(
                "statistics wait: the store is away",
                extra={"happenings": self.heard.waiting, "reason": str(error)},
            )

    async def _reckon(self, step: Sequence[Happening]) -> None:
        """Work a step out, and only then take it out of the queue. Raises `StorageError`."""
        if self._reckoner is None:
            self._reckoner = Reckoner(self._streams, self._shelf, await self._secret(), self._varies)
        events = await self._reckoner.events(step)
        # After the question: what came meanwhile stands behind these.
        self.heard.drop(len(step))
        self._unnoted += self._named(events)

    async def _note(self) -> None:
        """Store what was worked out, a thousand at a time; what is too old by now is lost. Raises `StorageError`."""
        oldest = self._clock() - OLDEST
        if late := sum(each.count * number_of(each) for each in self._unnoted if each.at < oldest):
            self._unnoted = [each for each in self._unnoted if each.at >= oldest]
            self.heard.lose(late)
        while self._unnoted:
            step, number = 0, 0
            while step < len(self._unnoted) and number < NOTED_AT_ONCE:
                number += number_of(self._unnoted[step])
                step += 1
            # Whether or not a lost answer was a yes: what is told again changes nothing.
            await self._shelf.note(self._unnoted[:step])
            del self._unnoted[:step]

    def _gather_counts(self, now: datetime) -> None:
        """What was counted of emits since the last time, as events of their own.

        Where there is no room for them they are lost, and not the events that wait.
        """
        counts = self.heard.taken()
        if self._number() + len(counts) > WAITING_MAX:
            self.heard.lose(sum(counts.values()))
            return
        if counts:
            self._batches += 1
        batch = self._process + self._batches.to_bytes(6)
        self._unnoted += self._named(
            Event(key=key_of_many(batch, n), at=now, series=series, outcome=outcome, count=count)
            for n, ((series, outcome), count) in enumerate(counts.items())
        )

    def _number(self) -> int:
        """How many events were worked out and are not stored yet."""
        return sum(map(number_of, self._unnoted))

    def _named(self, events: Iterable[Happened]) -> Iterator[Happened]:
        """The events under names that the statistics have."""
        given: Series | None = None
        bound: Series | None = None
        for event in events:
            # Those of one moment share theirs.
            if bound is None or event.series is not given:
                given, bound = event.series, self._names.bound(event.series, event.at)
            yield event if bound is event.series else structs.replace(event, series=bound)

    async def _flush_forever(self) -> None:
        """Flush every `FLUSH_SECONDS`. What fails otherwise than by the store is thrown away, or it would fail for ever."""
        while True:
            await asyncio.sleep(in_step(FLUSH_SECONDS))
            try:
                await self.flush()
            except Exception:
                logger.exception("statistics cannot be told")
                # What cannot be worked out once cannot be later.
                self.heard.lose(self.heard.forget() + self._number())
                self._unnoted.clear()
