"""The noter: it hears what happens in this process, and tells the store of it now and then.

Beside the path of an emit a number is raised, and nothing else. All else waits in a queue that has an end, and is worked out
and stored in batches every few seconds. What has waited so long is what a crash takes along; a store that is away is waited
for, and what the queue has no room for then is counted.
"""

import asyncio
import logging
import os
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from msgspec import structs

from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of, user_room
from gateway.ground.tasks import Tasks
from gateway.notify.clicks.news import Clicked
from gateway.notify.stats.happenings import (
    Happening,
    MailEnded,
    MailHeard,
    Marked,
    ReadAll,
    Reckoner,
    Replayed,
    Written,
    weight,
    weight_of_frame,
)
from gateway.notify.stats.names import Names
from mailer.courier import Result
from mailer.worker import Outcome as MailOutcome
from storage import inboxes
from storage.clicks import HitKind
from storage.errors import StorageError
from storage.mail import LaneName, MailState
from storage.stats import Event, Outcome, Series, Stats, StatsChannel, key_of_many
from storage.streams import Notification, Placed, Streams

FLUSH_SECONDS = 2.0
"""What happened within so long, a crash takes along."""
STEP = 500
"""What is worked out at once, by weight."""
NOTED_AT_ONCE = 1000
FRAMES_TOGETHER = 100
"""What is written in one turn and stands together, by weight: less than is worked out at once."""
WAITING_MAX = 20_000
"""What waits at most, by weight; and so many events."""
OLDEST = timedelta(hours=12)
"""What could not be stored for so long is lost: roll-ups are counted by then."""

_OF_RESULT = {Result.SENT: Outcome.SENT, Result.SKIPPED: Outcome.SKIPPED, Result.BURIED: Outcome.DEAD}

_USER = user_room("")

logger = logging.getLogger(__name__)


class Noter(Part):
    """Its methods that are no coroutines neither wait nor raise; where statistics are off, nobody calls them."""

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
        self.lost = 0
        """Happenings for which there was no room."""
        self._shelf = shelf
        self._streams = streams
        self._secret = secret
        self._clock = clock
        self._varies = varies
        self._reckoner: Reckoner | None = None
        self._own: defaultdict[str, int] = defaultdict(int)
        """Of what was stored alone and owes no mail, which is most: by type, in rooms of one person; then of many."""
        self._shared: defaultdict[str, int] = defaultdict(int)
        self._counts: dict[tuple[Series, Outcome], int] = {}
        self._waiting: deque[Happening] = deque()
        self._weight = 0
        """Of all that waits."""
        self._written: Written | None = None
        """What is written in this turn of the loop is put to: the last of those that wait."""
        self._unnoted: list[Event] = []
        """Worked out, and not stored."""
        self._process, self._batches = os.urandom(12), 0
        self._names = Names()
        self._told_of_loss = Seldom(logger, "statistics were lost: the store is away, or too slow")
        self._one_at_a_time = asyncio.Lock()
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_stats_lost", "Happenings that the statistics do not know of", lambda: self.lost
        )

    def start(self) -> None:
        self._tasks.start(self._flush_forever(), name="statistics")

    async def stop(self) -> None:
        """Store what still waits, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            await self.flush()

    # What happens

    def emitted(self, notifications: Sequence[Notification], scope: str) -> None:
        """Of one emit: all are of one type. What is not stored is not told of: nobody could have missed it."""
        del scope
        first = notifications[0]
        if len(notifications) == 1 and first.mail is None:
            if first.seq is not None:
                (self._own if first.room.startswith(_USER) else self._shared)[first.type] += 1
                return
            if first.entry is None:
                return
        for each in notifications:
            self._count_emitted(each)

    def emitted_in_variants(self, notifications: Sequence[Notification], scope: str) -> None:
        """The same, while there are types with variants: each under its own."""
        if self._varies(notifications[0].type):
            for each in notifications:
                self._count_emitted(each)
        else:
            self.emitted(notifications, scope)

    def written(self, room: str, frame: bytes) -> None:
        """A frame that has a sequence was written to the room's connections here."""
        heavy = weight_of_frame(frame)
        if self._weight + heavy > WAITING_MAX:
            self._lose(1)
            return
        written = self._written
        if written is None or written.weight >= FRAMES_TOGETHER:
            written = self._begin()
        written.add(room, frame, weight=heavy)
        self._weight += heavy

    def _begin(self) -> Written:
        """Have what is written from now on until the loop's next turn stand together, with the time of now."""
        written = self._written = Written(self._clock())
        self._waiting.append(written)
        asyncio.get_running_loop().call_soon(self._close)
        return written

    def _close(self) -> None:
        self._written = None

    def replayed(self, notifications: Sequence[Notification]) -> None:
        if notifications:
            self._put(
                Replayed(self._clock(), [(n.id, Placed(n.room, n.type, _variant(n))) for n in notifications])
            )

    def marked(
        self,
        outcome: Outcome,
        user: str,
        rooms: Sequence[str],
        ids: Sequence[str] | None,
        marked: inboxes.Marked,
    ) -> None:
        """Some were marked, or, without ids, all were read."""
        if not marked.changed:
            return
        if ids is None:
            self._put(ReadAll(self._clock(), user, marked.read_from, marked.heads))
        else:
            self._put(Marked(self._clock(), outcome, user, rooms, ids))

    def mailed(self, lane: LaneName, ended: MailOutcome) -> None:
        outcome = _OF_RESULT.get(ended.result)
        if outcome is not None:
            self._put(
                MailEnded(
                    self._clock(),
                    outcome,
                    ended.id,
                    ended.of,
                    ended.type,
                    lane.value,
                    ended.rule or "",
                    ended.variant or "",
                )
            )

    def mail_returned(self, outcome: Outcome, told: Notification, lane: LaneName) -> None:
        """`told` is what the mail told, under the mail's id."""
        self._put(MailHeard(self._clock(), outcome, told.id, told.type, lane.value, _variant(told)))

    def clicked(self, click: Clicked) -> None:
        """Of one in the app its reader's marks tell; of one in a mail, a person's, this."""
        if click.mail is None or not (click.kind is HitKind.HUMAN or click.is_confirmed):
            return
        self._put(MailHeard(click.at, Outcome.CLICKED, click.mail, click.type))
        if click.notification is not None:
            self._put(Marked(click.at, Outcome.CLICKED, click.user, None, [click.notification]))

    # Telling the store

    async def flush(self) -> None:
        """Store all that happened until now; what cannot be stored waits, within bounds. Raises nothing."""
        # Two at once would each let go of what the other has stored.
        async with self._one_at_a_time:
            await self._flush()

    async def _flush(self) -> None:
        self._gather_counts(self._clock())
        try:
            await self._note()
            while self._waiting:
                await self._reckon(self._step())
                await self._note()
        except StorageError as error:
            logger.info(
                "statistics wait: the store is away",
                extra={"happenings": len(self._waiting), "reason": str(error)},
            )

    def _step(self) -> Sequence[Happening]:
        """The first of what waits: one, and as many more as there is room for."""
        self._close()
        step: list[Happening] = []
        held = 0
        for happening in self._waiting:
            held += weight(happening)
            if step and held > STEP:
                break
            step.append(happening)
        return step

    async def _reckon(self, step: Sequence[Happening]) -> None:
        if self._reckoner is None:
            self._reckoner = Reckoner(self._streams, self._shelf, await self._secret(), self._varies)
        events = await self._reckoner.events(step)
        for _ in step:
            self._weight -= weight(self._waiting.popleft())
        self._unnoted += map(self._named, events)

    async def _note(self) -> None:
        oldest = self._clock() - OLDEST
        if late := sum(event.count for event in self._unnoted if event.at < oldest):
            self._unnoted = [event for event in self._unnoted if event.at >= oldest]
            self._lose(late)
        while self._unnoted:
            step = self._unnoted[:NOTED_AT_ONCE]
            # Whether or not a lost answer was a yes: what is told again changes nothing.
            await self._shelf.note(step)
            del self._unnoted[: len(step)]

    def _gather_counts(self, now: datetime) -> None:
        """What was counted since the last time, as events of their own."""
        for shown, channel in ((self._own, StatsChannel.IN_APP), (self._shared, StatsChannel.SHARED)):
            for type_, number in shown.items():
                self._count(Series(type_, channel.value), Outcome.EMITTED, number)
            shown.clear()
        counts, self._counts = self._counts, {}
        if len(self._unnoted) + len(counts) > WAITING_MAX:
            self._lose(sum(counts.values()))
            return
        if counts:
            self._batches += 1
        batch = self._process + self._batches.to_bytes(6)
        self._unnoted += [
            self._named(Event(key=key_of_many(batch, n), at=now, series=series, outcome=outcome, count=count))
            for n, ((series, outcome), count) in enumerate(counts.items())
        ]

    def _count_emitted(self, notification: Notification) -> None:
        mail, entry = notification.mail, notification.entry
        if notification.seq is not None or (entry is not None and entry.hidden_by is not None):
            channel = StatsChannel.SHARED if user_of(notification.room) is None else StatsChannel.IN_APP
            series = Series(notification.type, channel.value, variant=_variant(notification))
            if notification.seq is not None:
                self._count(series, Outcome.EMITTED)
            elif entry is not None:
                self._count(series._replace(rule=entry.hidden_by or ""), Outcome.SKIPPED)
        if mail is not None:
            series = Series(
                notification.type,
                StatsChannel.EMAIL.value,
                mail.order.lane.value,
                variant=_variant(notification),
            )
            self._count(series, Outcome.ACCEPTED)
            if mail.state is MailState.SKIPPED:
                self._count(series._replace(rule=mail.decided_by or ""), Outcome.SKIPPED)

    def _count(self, series: Series, outcome: Outcome, number: int = 1) -> None:
        self._counts[series, outcome] = self._counts.get((series, outcome), 0) + number

    def _named(self, event: Event) -> Event:
        series = self._names.bound(event.series, event.at)
        return event if series is event.series else structs.replace(event, series=series)

    def _put(self, happening: Happening) -> None:
        heavy = weight(happening)
        if self._weight + heavy <= WAITING_MAX:
            self._waiting.append(happening)
            self._weight += heavy
        else:
            self._lose(1)

    def _lose(self, number: int) -> None:
        self.lost += number
        self._told_of_loss.say(lost=number)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception:
                logger.exception("statistics cannot be told")
                # What cannot be worked out once cannot be later.
                waiting = [len(each.frames) if isinstance(each, Written) else 1 for each in self._waiting]
                self._lose(sum(waiting) + len(self._unnoted))
                self._close()
                self._waiting.clear()
                self._unnoted.clear()
                self._weight = 0


def _variant(notification: Notification) -> str:
    return "" if notification.entry is None else notification.entry.variant or ""
