"""The book of trials: who takes part in the experiments of types, what came of it, and what is settled by that.

Who takes part is written down before anything is said to them. What they do then is heard by `marks`. While no type has an
experiment nothing is asked of the store.

Every node has one, and each mail process. Admins ask it through `types`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.catalog.live import LiveCatalog
from gateway.cluster.commands import Erased
from gateway.experiments.bounds import SHORTEST
from gateway.experiments.findings import Arm
from gateway.experiments.results import Results, outcome, results
from gateway.ground.clock import Clock
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks
from gateway.notify.requests import Unfit
from gateway.notify.rounds import Rounds
from gateway.notify.switching import Switching
from storage import trials as shelf
from storage.trials import ArmCount, Participant, Reported

if TYPE_CHECKING:
    from gateway.catalog.kinds import Trial

FINDINGS_SECONDS = 60.0
"""The rest between two looks at what the experiments have found."""
ENROLLED_MAX = 50_000
"""How many people are remembered here as written down; at one more all are forgotten, and written down again to no effect."""
PRUNED_AT_ONCE = 2_000
"""How much one keeping of the house forgets at most."""
BY = "experiment"
"""The name under which an experiment that is over is settled."""
NOTHING = ArmCount()

logger = logging.getLogger(__name__)


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
    """The use cases of the experiments of types. They raise `StoreUnavailable`."""

    def __init__(
        self,
        trials: shelf.Trials,
        *,
        live: LiveCatalog,
        switching: Switching,
        clock: Clock,
        history_days: int,
        may_delete: Callable[[], bool],
    ) -> None:
        self._shelf = trials
        self._live = live
        self._switching = switching
        self._clock = clock
        self._history_days = history_days
        self._may_delete = may_delete
        self._enrolled: set[tuple[str, str]] = set()
        """By experiment and user: who was reached when they were written down."""
        self._tasks = Tasks()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {Erased: self._erased}

    def start(self) -> None:
        """Begin to settle what is over. It waits for the store as `Rounds` does."""
        self._tasks.start(
            Rounds(self._settle_all, logger, "experiments cannot be settled").run, name="findings of trials"
        )

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        """Forget who came to take part longer ago than histories are kept, in what is settled or not there any more.

        Of what is not settled the beginning must stay known, by which it is over one day.
        """
        if self._history_days and self._may_delete():
            before = self._clock() - timedelta(days=self._history_days)
            kept = {trial.id for trial in self._live.open_trials().values()}
            await self._shelf.prune(before=before, keep=kept, limit=PRUNED_AT_ONCE)

    # Who takes part

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

    def _erased(self, command: Erased) -> None:
        """Who comes back begins anew: the store knows nothing of their taking part any more."""
        self._enrolled = {each for each in self._enrolled if each[1] != command.user}

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
        for name in self._live.open_trials():
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
