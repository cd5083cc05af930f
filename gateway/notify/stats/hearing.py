"""Hearing: what happens in this process is counted, or waits to be told.

Beside the path of an emit a number is raised, and nothing else. All else waits in a queue that has an end; what it has no room
for is lost, and counted.

What it hears is said by the emitter, delivery, readers, clicks, and the mail workers of its process, as
`gateway.process` connects them. `noting` tells the store. Where statistics are off there is none, and nobody
says anything.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.rooms import user_of
from gateway.notify.clicks.news import Clicked
from gateway.notify.delivery.streams import ToldByFrame
from gateway.notify.stats.happenings import (
    OWN_ROOMS,
    Delivered,
    Happening,
    MailEnded,
    MailHeard,
    ReadAll,
    ReceiptsMarked,
    weight,
)
from mailer.outcomes import MailOutcome, Result
from storage import inboxes
from storage.clicks import HitKind
from storage.events import Outcome, Series, StatsChannel
from storage.histories import Muted
from storage.mail import LaneName, MailState
from storage.notifications import Notification
from storage.obligations import Kind, Subject

TOGETHER = 100
"""How much of what is written in one turn of the loop stands together, by weight, but for a replay: less than is worked out at
once.
"""
WAITING_MAX = 20_000
"""How much may wait, by weight, and how many events. It bounds the memory, whatever the store does."""

_OF_RESULT = {Result.SENT: Outcome.SENT, Result.SKIPPED: Outcome.SKIPPED, Result.BURIED: Outcome.DEAD}
"""What a mail worker calls it, and which outcome that is; other results are no end."""

logger = logging.getLogger(__name__)


class Hearing:
    """What happened and is not told yet. Nothing of it waits or raises.

    What waits is taken out only by `drop`, so that an error in between repeats. Loss is counted and logged, and
    is nobody's error: statistics hold up nothing.
    """

    def __init__(self, clock: Clock, *, varies: Callable[[str], bool]) -> None:
        """`varies` tells whether a type has variants."""
        self.lost = 0
        """Happenings for which there was no room."""
        self._clock = clock
        self._varies = varies
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
        self._delivered: Delivered | None = None
        """The happening to which is added what is written in this turn of the loop: the last one that waits. None:
        the next frame begins one.
        """
        self._told_of_loss = Seldom(logger, "statistics were lost: the store is away, or too slow")

    @property
    def waiting(self) -> int:
        """How many happenings wait; of counts there is nothing in it."""
        return len(self._waiting)

    def emitted(self, notifications: Sequence[Notification], scope: str) -> None:
        """Of one emit: all are of one type. What is not stored is not told of: nobody could have missed it.

        It is called for every emit, and the usual one costs a single addition.
        """
        del scope
        first = notifications[0]
        if len(notifications) == 1 and first.mail is None:
            if first.seq is not None:
                (self._own if first.room.startswith(OWN_ROOMS) else self._shared)[first.type] += 1
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

    def written(self, room: str, frame: bytes, told: ToldByFrame | None = None) -> None:
        """A frame that has a sequence was written to the room's connections here.

        It is called for every frame, so it does next to nothing: what a frame tells of which nobody has said it is read
        later. One of which that is known is not kept.
        """
        if self._weight >= WAITING_MAX:
            self.lose(1)
            return
        delivered = self._delivered
        if delivered is None or delivered.weight >= TOGETHER:
            delivered = self._begin()
        if told is None:
            self._weight += delivered.keep(room, frame)
        else:
            delivered.add(room, *told)
            self._weight += 1

    def replayed(self, notifications: Sequence[Notification]) -> None:
        """A session was given these, which it had missed; it counts as a delivery like any other."""
        if not notifications:
            return
        if self._weight + len(notifications) > WAITING_MAX:
            self.lose(len(notifications))
            return
        delivered = self._delivered
        if delivered is None or delivered.weight >= TOGETHER:
            delivered = self._begin()
        for each in notifications:
            delivered.add(each.room, each.id, each.type)
        self._weight += len(notifications)

    def _begin(self) -> Delivered:
        """Have what is written from now on until the loop's next turn stand together, with the time of now."""
        delivered = self._delivered = Delivered(self._clock())
        self._waiting.append(delivered)
        # At the end of this turn: what is written in the next has another time.
        asyncio.get_running_loop().call_soon(self._close)
        return delivered

    def _close(self) -> None:
        """Have the next frame begin another `Delivered`."""
        self._delivered = None

    def marked(
        self,
        outcome: Outcome,
        user: str,
        rooms: Sequence[str],
        ids: Sequence[str] | None,
        marked: inboxes.Marked,
        muted: Muted | None = None,
    ) -> None:
        """Some were marked, or, without ids, all were read but what is `muted`.

        What changed nothing is not told.
        """
        if not marked.changed:
            return
        if ids is None:
            self._put(ReadAll(self._clock(), user, marked.read_from, marked.heads, muted))
        else:
            self._put(ReceiptsMarked(self._clock(), outcome, user, rooms, ids))

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

    def mail_left_out(self, told: Notification, rule: str) -> None:
        """The mail of this notification was skipped by the rule, as the digest closed that it was gathered in."""
        lane = "" if told.mail is None else told.mail.order.lane.value
        of = Subject(kind=Kind.NOTIFICATION, id=told.id)
        self._put(
            MailEnded(self._clock(), Outcome.SKIPPED, told.id, of, told.type, lane, rule, _variant(told))
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
            self._put(ReceiptsMarked(click.at, Outcome.CLICKED, click.user, None, [click.notification]))

    # What waits

    def step(self, most: int) -> Sequence[Happening]:
        """The first of what waits: one, and as many more as `most` has room for, by weight. They stay in the queue."""
        # What is being worked out must not be added to.
        self._close()
        step: list[Happening] = []
        held = 0
        for happening in self._waiting:
            held += weight(happening)
            if step and held > most:
                break
            step.append(happening)
        return step

    def drop(self, number: int) -> None:
        """Take the first so many out of the queue: they are worked out."""
        for _ in range(number):
            self._weight -= weight(self._waiting.popleft())

    def forget(self) -> int:
        """Take all of it out; answers how much that was, what was delivered for one each."""
        number = sum(each.number if isinstance(each, Delivered) else 1 for each in self._waiting)
        self._close()
        self._waiting.clear()
        self._weight = 0
        return number

    def taken(self) -> dict[tuple[Series, Outcome], int]:
        """What was counted of emits since the last time, by series and outcome."""
        for shown, channel in ((self._own, StatsChannel.IN_APP), (self._shared, StatsChannel.SHARED)):
            for type_, number in shown.items():
                self._count(Series(type_, channel.value), Outcome.EMITTED, number)
            shown.clear()
        counts, self._counts = self._counts, {}
        return counts

    # How it is counted and queued

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

    def _put(self, happening: Happening) -> None:
        """Queue a happening, if there is room for it."""
        heavy = weight(happening)
        if self._weight + heavy <= WAITING_MAX:
            self._waiting.append(happening)
            self._weight += heavy
        else:
            self.lose(1)

    def lose(self, number: int) -> None:
        """Count what the statistics will not know of; the log is told once a minute at most."""
        self.lost += number
        self._told_of_loss.say(lost=number)


def _variant(notification: Notification) -> str:
    """The variant of a notification; empty where it is said in one way."""
    return "" if notification.entry is None else notification.entry.variant or ""
