"""A campaign's mail leaves while the campaign runs: not when it is paused, and never when it is cancelled.

It is asked for campaigns' mail alone, in front of all others (`decision.OF_CAMPAIGNS`): by it a pause and a
cancellation hold for what is in the outbox already. A test mail is not asked.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Delay, Moment, Skip, Verdict
from storage.campaigns import CANCELLED_REASON, RETRIED, RULE, CampaignStanding, CampaignState

PAUSED = "the campaign is paused"
"""What is told for every state that `_WAITS` does not name."""
_WAITS = {
    CampaignState.RUNNING: "its recipient is being decided again",
    # A dead one that was revived (`is_untold`), or what its last step has left behind.
    CampaignState.FINISHED: "the campaign is finished",
}
LOOK_SECONDS = 60.0
"""How long a mail waits before its campaign is looked at again: it slipped out of the campaign as that was paused."""


def judge(case: Case, standing: CampaignStanding) -> Verdict | None:
    """Pass while it runs and the recipient is still owed the mail; never, once it is cancelled; else look again in a minute."""
    if standing.state is CampaignState.CANCELLED:
        return Skip(rule=RULE, detail=CANCELLED_REASON)
    if standing.state is CampaignState.RUNNING and standing.is_owed:
        return None
    detail = _WAITS.get(standing.state, PAUSED)
    return Delay(until=case.now + timedelta(seconds=LOOK_SECONDS), rule=RULE, detail=detail)


def holds(verdict: Verdict) -> bool:
    """Whether it is for its campaign that a mail has to wait."""
    return isinstance(verdict, Delay) and verdict.rule == RULE


def is_untold(standing: CampaignStanding) -> bool:
    """Whether a mail that has to wait was dead and revived, and its campaign does not know: whoever revived it may have died."""
    return standing.state in RETRIED and (standing.is_dead or standing.is_owed)


def wants(case: Case, moment: Moment) -> bool:
    """As a mail is about to leave. Before, the campaign itself is at work."""
    return case.campaign is not None and moment is Moment.LEASE


async def gather(sources: Sources, cases: Sequence[Case]) -> list[CampaignStanding | None]:
    """A campaign that is not there holds nothing: its mails went with it.

    One question for each mail: a worker asks for one at a time.
    """
    return [
        await sources.campaigns.standing(case.campaign or "", case.notification_id or "") for case in cases
    ]


def teach(case: Case, standing: CampaignStanding) -> Case:
    """What was read of the campaign is what was told in the app."""
    return case if standing.announced is None else replace(case, notification_id=standing.announced)


GATE = Gate(rule=RULE, facts=CampaignStanding, judge=judge, wants=wants, gather=gather, teach=teach)
