"""A channel of a type may be on for a part of the users only: by the bucket of each, or of a shared room.

A bucket is made of the type, the channel, a salt and the user's id or the room's name
(`gateway.catalog.switches.Share`): so a larger part has all that were in the smaller one. Nobody is asked,
and nothing is stored.

What is critical is on for everybody or, at 0 %, for nobody. Neither the catalog nor `types` takes another
percentage for it; one that was set before a type became critical counts as all.
"""

from collections.abc import Sequence

from gateway.catalog.switches import Share
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Skip

RULE = "rollout"


def judge(case: Case, share: Share) -> Skip | None:
    """Nothing for a bucket that is not among those that it is on for; of what is critical only 0 % holds anything back."""
    if share.is_in or (case.critical and share.percent > 0):
        return None
    return Skip(
        rule=RULE, detail=f"it is on for {share.percent:g} %, and bucket {share.bucket} is not among them"
    )


def in_use(sources: Sources, cases: Sequence[Case]) -> bool:
    """Whether a channel that is asked for is not on for everybody."""
    return not sources.are_open(cases)


def wants(case: Case, moment: Moment) -> bool:
    """Always: the percentage may have been changed since."""
    del case, moment
    return True


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Share | None]:
    """The share of each case whose type is mentioned anywhere; of all others all is on."""
    live = sources.catalog
    return [
        live.share(case.type, case.channel, case.user or case.room, case.now)
        if live.mentions(case.type)
        else None
        for case in cases
    ]


GATE = Gate(rule=RULE, facts=Share, judge=judge, in_use=in_use, wants=wants, gather=gather)
