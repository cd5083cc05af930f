"""A type, or one channel of it, may be switched off: by the catalog's file, and at run time by admins."""

from collections.abc import Sequence

from gateway.catalog.switches import Flag
from gateway.notify.verdicts import Case, Gate, Moment, Skip, Sources

RULE = "switch"


def judge(case: Case, flag: Flag) -> Skip | None:
    if not flag.type_on:
        return Skip(rule=RULE, detail="the type is switched off")
    if not flag.channel_on:
        return Skip(rule=RULE, detail=f"the type's channel {case.channel} is switched off")
    return None


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    del cases
    return sources.catalog.in_use


def wants(case: Case, moment: Moment) -> bool:
    """Always: it may have been switched since."""
    del case, moment
    return True


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Flag | None]:
    live = sources.catalog
    return [live.flag(case.type, case.channel) if live.mentions(case.type) else None for case in cases]


GATE = Gate(rule=RULE, facts=Flag, judge=judge, in_use=in_use, wants=wants, gather=gather)
