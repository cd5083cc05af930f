"""The noter: it hears what happens in this process, and tells the store of it now and then.

Beside the path of an emit a number is raised, and nothing else. All else waits in a queue that has an end, and is worked out
and stored in batches every few seconds. What has waited so long is what a crash takes along; a store that is away is waited
for, and what the queue has no room for then is counted.

What it hears is said by the emitter, delivery, readers, clicks, and the mail workers of its process, as
`gateway.process` connects them. Where statistics are off there is no noter, and nobody says anything.
"""

import asyncio
import logging
import os
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
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
)
from gateway.notify.stats.names import Names
from mailer.courier import Result
from mailer.worker import Outcome as MailOutcome
from storage import inboxes
from storage.clicks import HitKind
from storage.errors import StorageError
from storage.mail import LaneName, MailState
from storage.notifications import Notification
from storage.stats import Event, Outcome, Series, Stats, StatsChannel, key_of_many
from storage.streams import Placed, Streams

FLUSH_SECONDS = 2.0
"""What happened within so long, a crash takes along."""
STEP = 500
"""How much is worked out at once, by weight; between two steps others have their turn."""
NOTED_AT_ONCE = 1000
"""Events in one write."""
FRAMES_TOGETHER = 100
"""How much of what is written in one turn of the loop stands together, by weight: less than is worked out at once."""
WAITING_MAX = 20_000
"""How much may wait, by weight, and how many events. It bounds the memory, whatever the store does."""
OLDEST = timedelta(hours=12)
"""What could not be stored for so long is lost: roll-ups are counted by then."""

_OF_RESULT = {Result.SENT: Outcome.SENT, Result.SKIPPED: Outcome.SKIPPED, Result.BURIED: Outcome.DEAD}
"""What a mail worker calls it, and which outcome that is; other results are no end."""

_USER = user_room("")
"""How the name of a user's own room begins."""

logger = logging.getLogger(__name__)


class Noter(Part):
    """Its methods that are no coroutines neither wait nor raise; where statistics are off, nobody calls them.

    One flush is under way at a time, by its task or by `stop`. What waits is taken out of the queue only when
    its events are worked out, and these go only when they are stored: so an error in between repeats, and
    repeating changes nothing. Only the counts of emits have keys of this process's own (`_process`,
    `_batches`).

    Loss is counted and logged, and is nobody's error: statistics hold up nothing.
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
        self.lost = 0
        """Happenings for which there was no room."""
        self._shelf = shelf
        self._streams = streams
        self._secret = secret
        self._clock = clock
        self._varies = varies
        self._reckoner: Reckoner | None = None
        """Made at the first flush, for it needs the store's secret; None until then."""
        self._own: defaultdict[str, int] = defaultdict(int)
        """What was stored alone in a room of one person and owes no mail, which is most: how many, by type."""
        self._shared: defaultdict[str, int] = defaultdict(int)
        """The same of rooms of many."""
        self._counts: dict[tuple[Series, Outcome], int] = {}
        """All other emits that were counted, by series and outcome."""
        self._waiting: deque[Happening] = deque()
        """Happenings in the order in which they came, `WAITING_MAX` by weight; the last frame may be heavier than there was
        room for.
        """
        self._weight = 0
        """The weight of all that waits."""
        self._written: Written | None = None
        """The happening to which frames of this turn of the loop are added: the last one that waits. None:
        the next frame begins one.
        """
        self._unnoted: list[Event] = []
        """Events that were worked out and are not stored yet."""
        # By both a count is told apart from those of other processes, and of other runs of this one.
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
        self._tasks.start(self._flush_forever, name="statistics")

    async def stop(self) -> None:
        """Store what still waits, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            await self.flush()

    # What happens

    def emitted(self, notifications: Sequence[Notification], scope: str) -> None:
        """Of one emit: all are of one type. What is not stored is not told of: nobody could have missed it.

        It is called for every emit, and the usual one costs a single addition.
        """
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
        """The same, while there are types with variants: each under its own.

        `trials.taking_part` puts it in the place of `emitted`, and takes it away again.
        """
        if self._varies(notifications[0].type):
            for each in notifications:
                self._count_emitted(each)
        else:
            self.emitted(notifications, scope)

    def written(self, room: str, frame: bytes) -> None:
        """A frame that has a sequence was written to the room's connections here.

        It is called for every frame, so it does next to nothing: which event that is, is read later.
        """
        if self._weight >= WAITING_MAX:
            self._lose(1)
            return
        written = self._written
        if written is None or written.weight >= FRAMES_TOGETHER:
            written = self._begin()
        self._weight += written.add(room, frame)

    def _begin(self) -> Written:
        """Have what is written from now on until the loop's next turn stand together, with the time of now."""
        written = self._written = Written(self._clock())
        self._waiting.append(written)
        # At the end of this turn: frames of the next have another time.
        asyncio.get_running_loop().call_soon(self._close)
        return written

    def _close(self) -> None:
        """Have the next frame begin another `Written`."""
        self._written = None

    def replayed(self, notifications: Sequence[Notification]) -> None:
        """A session was given these, which it had missed; it counts as a delivery like any other."""
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
        """Some were marked, or, without ids, all were read.

        What changed nothing is not told.
        """
        if not marked.changed:
            return
        if ids is None:
            self._put(ReadAll(self._clock(), user, marked.read_from, marked.heads))
        else:
            self._put(Marked(self._clock(), outcome, user, rooms, ids))

    def mailed(self, lane: LaneName, ended: MailOutcome) -> None:
        """A mail of this process's worker has come to an end; a postponement is none."""
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
        """`told` is what the mail told, under the mail's id.

        `outcome` is what a report has said of it.
        """
        self._put(MailHeard(self._clock(), outcome, told.id, told.type, lane.value, _variant(told)))

    def clicked(self, click: Clicked) -> None:
        """A link was followed. Of one in the app its reader's marks tell; of one in a mail, a person's, this.

        It may come twice, as it is judged and as it is confirmed: the event has one key.
        """
        if click.mail is None or not (click.kind is HitKind.HUMAN or click.is_confirmed):
            return
        self._put(MailHeard(click.at, Outcome.CLICKED, click.mail, click.type))
        if click.notification is not None:
            self._put(Marked(click.at, Outcome.CLICKED, click.user, None, [click.notification]))

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
            while self._waiting:
                await self._reckon(self._step())
                await self._note()
        except StorageError as error:
            logger.info(
                "statistics wait: the store is away",
                extra={"happenings": len(self._waiting), "reason": str(error)},
            )

    def _step(self) -> Sequence[Happening]:
        """The first of what waits: one, and as many more as `STEP` has room for. They stay in the queue."""
        # What is being worked out must not be added to.
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
        """Work a step out, and only then take it out of the queue. Raises `StorageError`."""
        if self._reckoner is None:
            self._reckoner = Reckoner(self._streams, self._shelf, await self._secret(), self._varies)
        events = await self._reckoner.events(step)
        # After the question: what came meanwhile stands behind these.
        for _ in step:
            self._weight -= weight(self._waiting.popleft())
        self._unnoted += self._named(events)

    async def _note(self) -> None:
        """Store what was worked out, a thousand at a time; what is too old by now is lost. Raises `StorageError`."""
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
        """What was counted since the last time, as events of their own.

        Where there is no room for them they are lost, and not the events that wait.
        """
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
        self._unnoted += self._named(
            Event(key=key_of_many(batch, n), at=now, series=series, outcome=outcome, count=count)
            for n, ((series, outcome), count) in enumerate(counts.items())
        )

    def _count_emitted(self, notification: Notification) -> None:
        """Count one notification: shown or hidden in-app, and its mail accepted or skipped at once."""
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

    def _named(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events under names that the statistics have."""
        given: Series | None = None
        bound: Series | None = None
        for event in events:
            # Those of one moment share theirs.
            if bound is None or event.series is not given:
                given, bound = event.series, self._names.bound(event.series, event.at)
            yield event if bound is event.series else structs.replace(event, series=bound)

    def _put(self, happening: Happening) -> None:
        """Queue a happening, if there is room for it."""
        heavy = weight(happening)
        if self._weight + heavy <= WAITING_MAX:
            self._waiting.append(happening)
            self._weight += heavy
        else:
            self._lose(1)

    def _lose(self, number: int) -> None:
        """Count what the statistics will not know of; the log is told once a minute at most."""
        self.lost += number
        self._told_of_loss.say(lost=number)

    async def _flush_forever(self) -> None:
        """Flush every `FLUSH_SECONDS`. What fails otherwise than by the store is thrown away, or it would fail for ever."""
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
    """The variant of a notification; empty where it is said in one way."""
    return "" if notification.entry is None else notification.entry.variant or ""
