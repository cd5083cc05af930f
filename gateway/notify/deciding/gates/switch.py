"""A type, or one channel of it, may be switched off: by the catalog's file, and at run time by admins or the shop's flag service.

It stands first: what is switched off goes to nobody, whatever anybody has chosen, and critical or not. Flags
are read from the live catalog, so nothing is asked of the store.
"""

from collections.abc import Sequence

from gateway.catalog.switches import Flag
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Skip

RULE = "switch"


def judge(case: Case, flag: Flag) -> Skip | None:
    """Nothing while the type or the channel is off."""
    by = " by the flag service" if flag.by_flag else ""
    if not flag.type_on:
        return Skip(rule=RULE, detail=f"the type is switched off{by}")
    if not flag.channel_on:
        return Skip(rule=RULE, detail=f"the type's channel {case.channel} is switched off{by}")
    return None


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether a channel that is asked for is not on for everybody."""
    return not sources.are_open(cases)


def wants(case: Case, moment: Moment) -> bool:
    """Always: it may have been switched since."""
    del case, moment
    return True


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Flag | None]:
    """The flag of each case whose type is mentioned anywhere; of all others all is on."""
    live = sources.catalog
    return [live.flag(case.type, case.channel) if live.mentions(case.type) else None for case in cases]


GATE = Gate(rule=RULE, facts=Flag, judge=judge, in_use=in_use, wants=wants, gather=gather)
