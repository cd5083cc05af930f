"""What the person does not want is not sent, unless it is critical.

In-app and mail alike, in the person's own room. Rooms of many are left out for one reader by
`gateway.notify.inboxes.muting`. Where the catalog says that a category waits for a yes, mail of it to who has said
nothing is none either. That a type has no yes of its own is no refusal, and whether mail is owed then is seen in
`wording`; but a campaign of it goes to nobody who has not asked for it, or asks no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Skip
from gateway.notify.preferences.chosen import NOTHING, Cell, CellOrigin

RULE = "preferences"
_DETAILS = {
    CellOrigin.TYPE: "does not want it",
    CellOrigin.CATEGORY: "wants nothing of its category by this channel",
    CellOrigin.CHANNEL: "wants nothing by this channel",
    CellOrigin.OPT_IN: "has not asked for mail of its category",
}
NOT_ASKED = Skip(rule=RULE, detail="has not asked for it")
"""Of a campaign's recipient who has not chosen a type that is mailed to nobody else."""


@dataclass(frozen=True, slots=True)
class PreferenceCell:
    """What holds for the channel of the type, for this user."""

    cell: Cell


def judge(case: Case, choice: PreferenceCell) -> Skip | None:
    """Nothing of what the person has refused, with where the word stands; and no campaign without the yes that it takes."""
    cell = choice.cell
    if cell.is_refused:
        return Skip(rule=RULE, detail=f"{case.user} {_DETAILS[cell.origin]}")
    return NOT_ASKED if case.campaign is not None and not cell.value else None


def wants(case: Case, moment: Moment) -> bool:
    """Of a room of many nobody chooses for the others."""
    del moment
    return case.user is not None


async def gather(sources: Sources, cases: Sequence[Case]) -> list[PreferenceCell | None]:
    """A choice for who has made one; of all others the catalog's word holds already, unless that waits for theirs."""
    users = list(dict.fromkeys(case.user or "" for case in cases))
    chosen = await sources.preferences.of_many(users)
    if not chosen and not _may_wait(sources, cases):
        return [None] * len(cases)
    catalog = sources.catalog.current
    types = {} if catalog is None else catalog.types
    return [
        PreferenceCell(
            chosen.get(case.user or "", NOTHING).cell(types.get(case.type), case.type, case.channel)
        )
        for case in cases
    ]


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether anybody has chosen anything, or has to."""
    return sources.preferences.in_use or _may_wait(sources, cases)


def _may_wait(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether mail of any of these may wait for a yes: of its category, or of a campaign's type."""
    return sources.catalog.has_opt_ins or any(case.campaign is not None for case in cases)


GATE = Gate(
    rule=RULE,
    facts=PreferenceCell,
    judge=judge,
    wants=wants,
    gather=gather,
    in_use=in_use,
    spares_critical=True,
)
