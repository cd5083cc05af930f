"""The book of trials: who takes part in the experiments of types, what came of it, and what is settled by that.

Who takes part is written down before anything is said to them. What they do then waits in a queue that has an end, and is stored
in batches every second; what has waited so long is what a crash takes along, of all arms alike. While no type has an experiment
nothing is heard, and nothing is asked of the store.

Every node has one, and each mail process for the mails that it sends. Readers and clicks tell it by
listeners, mail workers by `mailed`; admins ask it through `types`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.experiments.bounds import SHORTEST
from gateway.experiments.findings import Arm
from gateway.experiments.results import Results, outcome, results
from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of, user_room
from gateway.ground.tasks import Tasks
from gateway.notify.clicks.news import Clicked
from gateway.notify.requests import Unfit
from gateway.notify.rounds import Rounds
from gateway.notify.switching import Switching
from mailer.courier import Result
from mailer.worker import MailOutcome
from storage import trials as shelf
from storage.clicks import HitKind
from storage.errors import StorageError
from storage.inboxes import Marked
from storage.obligations import Kind
from storage.stats import Outcome
from storage.streams import Streams, Tried
from storage.trials import ArmCount, Converted, Note, Participant, Reached, Reported

if TYPE_CHECKING:
    from gateway.catalog.kinds import Trial

FLUSH_SECONDS = 1.0
"""The rest between two writes."""
FINDINGS_SECONDS = 60.0
"""The rest between two looks at what the experiments have found."""
WAITING_MAX = 20_000
"""How many marks may wait."""
AT_ONCE = 500
"""Marks that are looked up and stored together."""
READ_AT_ONCE = 1000
"""How many notifications are looked at when a reader has read all at once; if there are more, the newest are not counted."""
ENROLLED_MAX = 50_000
"""How many people are remembered here as written down; at one more all are forgotten, and written down again to no effect."""
PRUNED_AT_ONCE = 2_000
"""How much one keeping of the house forgets at most."""
BY = "experiment"
"""The name under which an experiment that is over is settled."""
NOTHING = ArmCount()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTrial:
    """The experiment of a type, as it stands."""

    type: str
    trial: "Trial"
    begun_at: datetime | None
    """When the first person came to take part; None while nobody has."""
    chosen: str | None
    """The variant that everybody gets, once it is settled."""
    results: Results


class TrialBook(Part):
    """The use cases of the experiments of types. They raise `StoreUnavailable`.

    Marks wait in their order, and are taken out of the queue when they are stored: a store that is away is
    waited for, up to `WAITING_MAX`. A mark that is told again changes nothing, for the first of each person
    counts.
    """

    def __init__(
        self,
        trials: shelf.Trials,
        *,
        live: LiveCatalog,
        streams: Streams,
        switching: Switching,
        clock: Clock,
        history_days: int,
        may_delete: Callable[[], bool],
    ) -> None:
        self.lost = 0
        """Marks for which there was no room."""
        self._shelf = trials
        self._live = live
        self._streams = streams
        self._switching = switching
        self._clock = clock
        self._history_days = history_days
        self._may_delete = may_delete
        self._waiting: deque[_Mark | _ReadAll] = deque()
        """What was heard and is not stored yet."""
        self._enrolled: set[tuple[str, str]] = set()
        """By experiment and user: who was reached when they were written down."""
        self._told_of_loss = Seldom(
            logger, "what came of experiments was lost: the store is away, or too slow"
        )
        self._one_at_a_time = asyncio.Lock()
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_trials_lost", "Marks that the experiments of types do not know of", lambda: self.lost
        )

    def start(self) -> None:
        """Begin to store what is heard, and to settle what is over. Both wait for the store as `Rounds` does."""
        self._tasks.start(Rounds(self._flush_often, logger, "trials cannot be told").run, name="trials")
        self._tasks.start(
            Rounds(self._settle_all, logger, "experiments cannot be settled").run, name="findings of trials"
        )

    async def stop(self) -> None:
        """Store what still waits, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            try:
                await self.flush()
            except StorageError as error:
                logger.info("trials are not told: the store is away", extra={"reason": str(error)})

    async def keep_house(self) -> None:
        """Forget who came to take part longer ago than histories are kept, in what is settled or not there any more.

        Of what is not settled the beginning must stay known, by which it is over one day.
        """
        if self._history_days and self._may_delete():
            before = self._clock() - timedelta(days=self._history_days)
            await self._shelf.prune(before=before, keep=self._open().keys(), limit=PRUNED_AT_ONCE)

    # Who takes part, and what they do

    async def enrol(self, participants: Sequence[Participant]) -> None:
        """Write down whoever is not known to be; when this returns they are. Raises `StorageError`.

        It is on the path of an emit, so whoever is known here costs nothing. An emit whose people cannot be
        written down is not stored.
        """
        new = [each for each in participants if (each.trial, each.user) not in self._enrolled]
        if not new:
            return
        await self._shelf.enrol(new)
        if len(self._enrolled) >= ENROLLED_MAX:
            self._enrolled.clear()
        # Who was not reached may be by the next.
        self._enrolled |= {(each.trial, each.user) for each in new if each.reached}

    def marked(
        self, outcome: Outcome, user: str, rooms: Sequence[str], ids: Sequence[str] | None, marked: Marked
    ) -> None:
        """A reader has done something: reading and clicking may be what an experiment counts. Never waits."""
        del rooms
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
        else:
            self._lose(1)

    def _lose(self, number: int) -> None:
        """Count what the experiments will not know of; the log is told once a minute at most."""
        self.lost += number
        self._told_of_loss.say(lost=number)

    async def _flush_often(self) -> float:
        await self.flush()
        return FLUSH_SECONDS

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
        types = {} if self._live.current is None else self._live.current.types
        return {
            type_.trial.id: type_.trial
            for name, type_ in types.items()
            if type_.trial is not None and self._live.chosen(name, type_.trial) is None
        }

    # What is found

    async def of(self, type_: str) -> TypeTrial | None:
        """How the experiment of the type stands; None where it has none.

        Three questions to the store.
        """
        trial = self._live.trial(type_)
        if trial is None:
            return None
        begun_at = await self._shelf.begun_at(trial.id)
        counts = await self._shelf.counts(trial.id)
        planned = trial.design.conversions
        # Only by the sequential rule does the order count.
        order = [] if planned is None else await self._shelf.conversions(trial.id, limit=planned)
        arms = [_arm(each.name, each.weight, counts.get(each.name, NOTHING)) for each in trial.variants]
        over_at = None if begun_at is None else begun_at + timedelta(seconds=trial.seconds)
        chosen = self._live.chosen(type_, trial)
        return TypeTrial(
            type=type_,
            trial=trial,
            begun_at=begun_at,
            chosen=None if chosen is None else chosen.name,
            results=results(trial.design, arms, order, over_at=over_at, now=self._clock()),
        )

    async def find(self, id_: str) -> TypeTrial | None:
        """The experiment of this id, or of the type of this name, as it stands; None where there is none."""
        type_ = self._type_of(id_)
        return None if type_ is None else await self.of(type_)

    async def convert(self, id_: str, users: Sequence[str]) -> bool:
        """A backend says that these have done what the experiment of this id, or of the type of this name, counts.

        When this returns it is stored, of each the first time, and of those alone who were reached before; of one that is settled
        nothing is. False where there is no such experiment. Raises `Unfit` for one that counts something else.
        """
        type_ = self._type_of(id_)
        trial = None if type_ is None else self._live.trial(type_)
        if type_ is None or trial is None:
            return False
        if trial.metric != "conversion":
            raise Unfit({"users": [f"The experiment counts by {trial.metric}, which nobody need tell."]})
        if self._live.chosen(type_, trial) is None:
            now = self._clock()
            await self._shelf.note([Reported(trial=trial.id, user=user, at=now) for user in users])
        return True

    def _type_of(self, id_: str) -> str | None:
        types = {} if self._live.current is None else self._live.current.types
        return next(
            (name for name, each in types.items() if each.trial is not None and id_ in (name, each.trial.id)),
            None,
        )

    def choice(self, type_: str, variant: str | None) -> dict[str, str] | None:
        """What is to be switched so that everybody gets this variant; None has it tried on. Raises `Unfit`."""
        trial = self._live.trial(type_)
        if trial is None:
            raise Unfit({"variant": ["The type has no experiment."]})
        if variant is None:
            return None
        if trial.variant(variant) is None:
            named = ", ".join(each.name for each in trial.variants)
            raise Unfit({"variant": [f"The experiment has no such variant: there is {named}."]})
        return {"id": trial.id, "variant": variant}

    async def _settle_all(self) -> float:
        """Look at every experiment that is not settled; on every node, once a minute."""
        types = {} if self._live.current is None else self._live.current.types
        for name, type_ in types.items():
            if type_.trial is not None and self._live.chosen(name, type_.trial) is None:
                await self.settle(name)
        return FINDINGS_SECONDS

    async def settle(self, type_: str) -> str | None:
        """Have everybody get what the experiment has found, if that is known; answers which that is.

        Two nodes may come to it at once: they come to the same, and the switch is set twice to the same.
        Raises `StorageError`.
        """
        # Another node may have.
        await self._switching.refresh()
        told, now = await self.of(type_), self._clock()
        if told is None or told.begun_at is None or told.chosen is not None:
            return None
        if now < told.begun_at + SHORTEST:
            return None
        chosen = outcome(told.results, now=now)
        if chosen is not None:
            logger.info("an experiment is over", extra={"type": type_, "variant": chosen})
            await self._switching.change(type_, {"experiment": self.choice(type_, chosen)}, by=BY)
        return chosen


def _arm(name: str, weight: int, count: ArmCount) -> Arm:
    """An arm, with what became of its people."""
    return Arm(
        name=name, weight=weight, assigned=count.assigned, people=count.reached, converted=count.converted
    )


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
