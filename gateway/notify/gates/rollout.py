"""A channel of a type may be on for a part of the users only: by the bucket of each, or of a shared room."""

from collections.abc import Sequence

from gateway.catalog.switches import Share
from gateway.notify.verdicts import Case, Gate, Moment, Skip, Sources

RULE = "rollout"


def judge(case: Case, share: Share) -> Skip | None:
    del case
    if share.is_in:
        return None
    return Skip(
        rule=RULE, detail=f"it is on for {share.percent:g} %, and bucket {share.bucket} is not among them"
    )


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    del cases
    return sources.catalog.in_use


def wants(case: Case, moment: Moment) -> bool:
    """Always: the percentage may have been changed since."""
    del case, moment
    return True


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Share | None]:
    live = sources.catalog
    return [
        live.share(case.type, case.channel, case.user or case.room, case.now)
        if live.mentions(case.type)
        else None
        for case in cases
    ]


GATE = Gate(rule=RULE, facts=Share, judge=judge, in_use=in_use, wants=wants, gather=gather)
