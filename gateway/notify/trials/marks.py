"""What the people do who take part in the experiments of types, heard as it happens and stored a moment later.

It waits in a queue that has an end, and is stored in a batch a second after the first of it; what has waited so long is what a crash takes along, of
all arms alike. While no type has an experiment nothing is heard, and nothing is asked of the store.

Every node has one, and each mail process for the mails that it sends. Readers and clicks tell it by
listeners, mail workers by `mailed`. Who takes part is written down by the book.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of, user_room
from gateway.ground.tasks import Tasks
from gateway.notify.clicks.news import Clicked
from gateway.notify.rounds import Rounds
from mailer.outcomes import MailOutcome, Result
from storage import trials as shelf
from storage.clicks import HitKind
from storage.errors import StorageError
from storage.events import Outcome
from storage.histories import Muted
from storage.inboxes import Marked
from storage.obligations import Kind
from storage.streams import Streams, Tried
from storage.trials import Converted, Note, Reached

if TYPE_CHECKING:
    from gateway.catalog.kinds import Trial

FLUSH_SECONDS = 1.0
"""From what is heard first to the write."""
WAITING_MAX = 20_000
"""How many marks may wait."""
AT_ONCE = 500
"""Marks that are looked up and stored together."""
READ_AT_ONCE = 1000
"""How many notifications are looked at when a reader has read all at once; if there are more, the newest are not counted."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What somebody has done with a notification, or that its mail has left.

    It waits until it is looked up which experiment the notification is of, if of any: most are of none.
    """

    id: str
    user: str | None
    """Who has done it; None: whoever the notification is for."""
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class _ReadAll:
    """All up to here was read in a person's own room.

    Of rooms of many nothing is on trial, so they do not count.
    """

    user: str
    after: int
    """Up to where it had been read before."""
    upto: int
    at: datetime


class TrialMarks(Part):
    """What is heard of people in experiments, until it is stored.

    Marks wait in their order, and are taken out of the queue when they are stored: a store that is away is
    waited for, up to `WAITING_MAX`. A mark that is told again changes nothing, for the first of each person
    counts.
    """

    def __init__(self, trials: shelf.Trials, *, live: LiveCatalog, streams: Streams, clock: Clock) -> None:
        self.lost = 0
        """Marks for which there was no room."""
        self._shelf = trials
        self._live = live
        self._streams = streams
        self._clock = clock
        self._waiting: deque[_Mark | _ReadAll] = deque()
        """What was heard and is not stored yet."""
        self._told_of_loss = Seldom(
            logger, "what came of experiments was lost: the store is away, or too slow"
        )
        self._one_at_a_time = asyncio.Lock()
        self._rounds = Rounds(self._flush_all, logger, "trials cannot be told", gather_seconds=FLUSH_SECONDS)
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_trials_lost", "Marks that the experiments of types do not know of", lambda: self.lost
        )

    def start(self) -> None:
        """Begin to store what is heard. It waits for the store as `Rounds` does."""
        self._tasks.start(self._rounds.run, name="trials")

    async def stop(self) -> None:
        """Store what still waits, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            try:
                await self.flush()
            except StorageError as error:
                logger.info("trials are not told: the store is away", extra={"reason": str(error)})

    def marked(
        self,
        outcome: Outcome,
        user: str,
        rooms: Sequence[str],
        ids: Sequence[str] | None,
        marked: Marked,
        muted: Muted | None = None,
    ) -> None:
        """A reader has done something: reading and clicking may be what an experiment counts. Never waits.

        What is muted is so in rooms of many alone, where nothing is on trial.
        """
        del rooms, muted
        if not marked.changed or outcome not in (Outcome.READ, Outcome.CLICKED):
            return
        now = self._clock()
        if ids is not None:
            for id_ in ids:
                self._put(_Mark(id_, user, outcome, now))
            return
        # Only the own room: to a room of many the type's own words are said.
        own = user_room(user)
        if own in marked.read_from:
            self._put(_ReadAll(user, marked.read_from[own], marked.heads.get(own, 0), now))

    def clicked(self, click: Clicked) -> None:
        """Of one in the app its reader's marks tell.

        Only of a person, or confirmed by the person's client. Never waits.
        """
        if click.mail is None or not (click.kind is HitKind.HUMAN or click.is_confirmed):
            return
        self._put(_Mark(click.notification or click.mail, click.user, Outcome.CLICKED, click.at))

    def mailed(self, ended: MailOutcome) -> None:
        """A mail of this process has left: by that its reader is reached, where a click counts. Never waits."""
        if ended.result is Result.SENT and ended.of.kind is Kind.NOTIFICATION and self._is_tried(ended.type):
            self._put(_Mark(ended.of.id, None, Outcome.SENT, self._clock()))

    def _is_tried(self, type_: str) -> bool:
        """Whether the type has an experiment that is not settled."""
        trial = self._live.trial(type_)
        return trial is not None and self._live.chosen(type_, trial) is None

    def _put(self, mark: _Mark | _ReadAll) -> None:
        """Have it wait, if there is room; else it is lost, and counted."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(mark)
            self._rounds.wake()
        else:
            self._lose(1)

    def _lose(self, number: int) -> None:
        """Count what the experiments will not know of; the log is told once a minute at most."""
        self.lost += number
        self._told_of_loss.say(lost=number)

    async def _flush_all(self) -> float:
        await self.flush()
        return math.inf

    async def flush(self) -> None:
        """Store what came until now. Raises `StorageError`: then it waits.

        An answer that was lost stores the same again, which changes nothing. What fails otherwise is lost and
        counted: it would fail for ever, and everything behind it with it.
        """
        # Two at once would each let go of what the other has stored.
        async with self._one_at_a_time:
            await self._flush()

    async def _flush(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            step = [first] if isinstance(first, _ReadAll) else self._marks()
            try:
                notes = await (self._read(first) if isinstance(first, _ReadAll) else self._notes(step))
                if notes:
                    await self._shelf.note(notes)
            except StorageError:
                # They stay where they are.
                raise
            except Exception:
                logger.exception("marks of an experiment cannot be told", extra={"marks": len(step)})
                self._lose(len(step))
            for _ in step:
                self._waiting.popleft()

    def _marks(self) -> list[_Mark]:
        """The first of what waits, up to what is of another kind."""
        step: list[_Mark] = []
        for each in self._waiting:
            if isinstance(each, _ReadAll) or len(step) == AT_ONCE:
                break
            step.append(each)
        return step

    async def _notes(self, marks: Sequence[_Mark | _ReadAll]) -> list[Note]:
        """What these marks say of who takes part in an experiment that is not settled; one question for all."""
        open_ = self._open()
        own = [mark for mark in marks if isinstance(mark, _Mark)]
        found = await self._streams.tried(list(dict.fromkeys(mark.id for mark in own))) if open_ else {}
        notes: list[Note] = []
        for mark in own:
            tried = found.get(mark.id)
            trial = None if tried is None else open_.get(tried.trial)
            if tried is None or trial is None:
                continue
            notes += _notes_of(trial, tried, mark)
        return notes

    async def _read(self, read: _ReadAll) -> list[Note]:
        """What somebody has converted in by reading all: in each experiment that counts reading, of which
        something was there.
        """
        open_ = self._open()
        if not open_:
            return []
        span = await self._streams.span(user_room(read.user), after=read.after, limit=READ_AT_ONCE)
        return [
            Converted(trial=each.entry.trial, user=read.user, at=read.at)
            for each in span
            if each.entry is not None
            and each.entry.trial is not None
            and (each.seq or 0) <= read.upto
            and (trial := open_.get(each.entry.trial)) is not None
            and trial.metric == "read"
        ]

    def _open(self) -> "dict[str, Trial]":
        """The experiments that are not settled, by their ids."""
        return {trial.id: trial for trial in self._live.open_trials().values()}


def _notes_of(trial: "Trial", tried: Tried, mark: _Mark) -> list[Note]:
    """What a mark says of the person whose notification it is; of another's it says nothing."""
    user = user_of(tried.room)
    if user is None or (mark.user is not None and mark.user != user):
        return []
    if mark.outcome is Outcome.SENT:
        # What is mailed is not read there.
        return [Reached(trial=tried.trial, user=user, at=mark.at)] if trial.metric != "read" else []
    if trial.metric == "conversion" or (mark.outcome is Outcome.READ and trial.metric != "read"):
        return []
    return [Converted(trial=tried.trial, user=user, at=mark.at)]
