"""When the mail of a campaign's recipient is due, where its type has mail wait."""

from datetime import UTC, datetime, time, timedelta

from gateway.notify.campaigns.drafts import case_of
from gateway.notify.campaigns.plans import Imported, Plan, written
from gateway.notify.deciding.gates import quiet
from gateway.notify.deciding.verdicts import Case
from gateway.notify.preferences.chosen import QuietHours
from gateway.notify.requests import EmailRequest, EmitRequest
from storage.campaigns import Campaign, CampaignState
from storage.recipients import Recipient

START = datetime(2026, 12, 1, 8, tzinfo=UTC)
CAMPAIGN = Campaign(
    id="c", name="n", type="NEWSLETTER", plan=written(Plan(audience=Imported())), by="x", created_at=START,
    state=CampaignState.RUNNING, started_at=START, gathered=True,
)  # fmt: skip


def decided(at: datetime, *, after: timedelta) -> Case:
    request = EmitRequest(rooms=("user:ann",), type="NEWSLETTER", title=None, data={})
    email = EmailRequest(if_known=True, after_seconds=int(after.total_seconds()))
    return case_of(CAMPAIGN, Recipient(id="r", user="ann", address="ann@example.org"), request, email, at)


def test_mail_waits_from_the_beginning_of_its_campaign_and_not_from_each_readers_turn():
    """Else a large one, of which a thousand are owed at most, would send a thousand for each time that it waits."""
    hour = timedelta(hours=1)

    first, later, last = (decided(START + at, after=hour) for at in (timedelta(), hour / 2, 3 * hour))

    assert (first.due_at, later.due_at, last.due_at) == (START + hour, START + hour, START + 3 * hour)


def test_whoever_was_put_off_to_the_morning_gets_it_then():
    """Though what the mail waits for would end in the next night."""
    night = quiet.Night(QuietHours(time(22), time(7)), "UTC")

    put_off = quiet.judge(decided(START, after=timedelta(hours=16)), night)

    assert put_off is not None
    assert quiet.judge(decided(put_off.until, after=timedelta(hours=16)), night) is None
