"""The gate before a campaign's mail, and the accounting of a campaign."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.catalog.channels import EMAIL
from gateway.notify.campaigns.accounts import Progress
from gateway.notify.campaigns.plans import Imported, Plan
from gateway.notify.deciding.gates import campaign as gate
from gateway.notify.deciding.sources import NO_CAMPAIGNS
from gateway.notify.deciding.verdicts import Case, Delay, Moment, Skip
from storage.campaigns import Campaign, CampaignStanding, CampaignState
from storage.mail import MailState
from storage.recipients import RecipientCounts, RecipientState

NOW = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
CASE = Case(type="NEWS", user="ann", channel=EMAIL, now=NOW, due_at=NOW, campaign="c", notification_id="m")
RUNS = CampaignStanding(state=CampaignState.RUNNING, announced="told", is_owed=True, is_dead=False)


def test_it_is_asked_of_a_campaigns_mail_as_it_leaves_and_of_no_other():
    assert gate.wants(CASE, Moment.LEASE)
    assert not gate.wants(CASE, Moment.EMIT)
    assert not gate.wants(replace(CASE, campaign=None), Moment.LEASE)


def test_what_runs_and_is_owed_leaves_and_is_judged_by_what_was_told_in_the_app():
    assert gate.judge(CASE, RUNS) is None
    assert gate.teach(CASE, RUNS).notification_id == "told"
    assert gate.teach(CASE, replace(RUNS, announced=None)) is CASE


@pytest.mark.parametrize(
    "standing",
    [
        replace(RUNS, is_owed=False),
        replace(RUNS, state=CampaignState.PAUSED),
        replace(RUNS, state=CampaignState.FINISHED, is_owed=False),
    ],
)
def test_what_may_be_sent_yet_waits(standing: CampaignStanding):
    verdict = gate.judge(CASE, standing)

    assert isinstance(verdict, Delay)
    assert (verdict.until, verdict.rule) == (NOW + timedelta(seconds=60), "campaign")


@pytest.mark.parametrize(
    ("standing", "is_untold"),
    [
        (replace(RUNS, is_owed=False, is_dead=True), True),
        (replace(RUNS, state=CampaignState.FINISHED, is_owed=False, is_dead=True), True),
        (replace(RUNS, state=CampaignState.FINISHED), True),  # one of two writes was made
        (replace(RUNS, is_owed=False), False),  # its recipient is being decided again
        (replace(RUNS, state=CampaignState.PAUSED, is_owed=False, is_dead=True), False),
    ],
)
def test_a_campaign_that_does_not_know_of_a_revived_mail_is_told_apart(
    standing: CampaignStanding, is_untold: bool
):
    assert gate.is_untold(standing) is is_untold


def test_what_is_cancelled_never_leaves():
    verdict = gate.judge(CASE, replace(RUNS, state=CampaignState.CANCELLED))

    assert isinstance(verdict, Skip)
    assert verdict.rule == "campaign"


async def test_a_campaign_that_is_not_known_holds_nothing():
    assert await NO_CAMPAIGNS.standing("c", "m") is None


@pytest.mark.parametrize(
    ("recipients", "rows", "mails", "exact"),
    [
        (None, {"pending": 3}, {}, True),
        (3, {"pending": 1, "sent": 1, "dead": 1}, {"sent": 1, "dead": 1}, True),
        (3, {"sent": 2, "skipped": 1}, {"sent": 1, "bounced": 1, "skipped": 1}, True),
        (2, {"owed": 1, "sent": 1}, {"sent": 2}, True),  # the second is told of in a moment
        (3, {"sent": 2}, {"sent": 2}, False),  # a row is lost
        (2, {"sent": 2}, {"sent": 1}, False),  # nobody sent the other
        (2, {"sent": 1, "skipped": 1}, {"sent": 2}, False),  # one was sent that should not have been
    ],
)
def test_the_accounting_says_whether_it_comes_out_even(
    recipients: int | None, rows: dict[str, int], mails: dict[str, int], exact: bool
):
    campaign = Campaign(id="c", name="n", type="T", plan="", by="b", created_at=NOW, recipients=recipients)
    counts = RecipientCounts(
        rows={RecipientState(state): number for state, number in rows.items()},
        mails={MailState(state): number for state, number in mails.items()},
    )

    progress = Progress(campaign=campaign, plan=Plan(audience=Imported()), counts=counts)

    assert progress.is_exact is exact
    assert progress.imported == (3 if recipients is None else recipients)
