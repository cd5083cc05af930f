"""What a provider, or a service, tells of a mail counts as a report does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.notify.returns.fates import Fate, HearsayRequest, ProviderEvent, Return
from gateway.notify.suppressions.listing import SuppressionsRequest
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.mail import LaneName, MailState
from storage.notifications import Entry
from storage.suppressions import Reason
from tests.support.corpus import RECIPIENT
from tests.support.sns import ses_event
from tests.unit.gateway.returns.desk import PATH, SES_ID, Desk


@pytest.mark.parametrize(
    ("event", "status", "fate_", "state", "listed"),
    [
        (ProviderEvent.BOUNCED, "5.1.1", Fate.BOUNCED, MailState.BOUNCED, [(RECIPIENT, "*", "hard_bounce")]),
        (ProviderEvent.BOUNCED, "5.7.1", Fate.BOUNCED, MailState.BOUNCED, []),
        (ProviderEvent.BOUNCED, "", Fate.BOUNCED, MailState.BOUNCED, []),
        (ProviderEvent.DELIVERED, "", Fate.DELIVERED, MailState.DELIVERED, []),
        (
            ProviderEvent.UNSUBSCRIBED,
            "",
            Fate.NOTED,
            MailState.SENT,
            [(RECIPIENT, "lane:bulk", "unsubscribe")],
        ),
        (
            ProviderEvent.COMPLAINED,
            "",
            Fate.COMPLAINED,
            MailState.COMPLAINED,
            [(RECIPIENT, "lane:bulk", "complaint")],
        ),
    ],
)
async def test_what_a_provider_tells_counts_as_a_report_does(
    desk: Desk, event: ProviderEvent, status: str, fate_: Fate, state: MailState, listed: list[Any]
) -> None:
    id_ = await desk.sent(lane=LaneName.BULK)
    asked = HearsayRequest(event=event, mail=id_, status=status, diagnostic=f"550 <{RECIPIENT}> no")

    dealt, again = await desk.returns.hear(asked), await desk.returns.hear(asked)

    assert (dealt.fate, again.fate) == (fate_, Fate.NOTED)
    mail = await desk.mail(id_)
    assert mail.state is state
    assert RECIPIENT not in (mail.reason or "")
    assert await desk.listed() == listed


async def test_a_provider_names_a_mail_by_its_message_id_and_no_other_is_kept(desk: Desk) -> None:
    id_ = await desk.sent()

    ours = await desk.returns.hear(
        HearsayRequest(event=ProviderEvent.DELIVERED, message_id=f"<{id_}@Shop.example>")
    )
    others = [
        await desk.returns.hear(HearsayRequest(event=ProviderEvent.BOUNCED, status="5.1.1", message_id=each))
        for each in (f"<{id_}@other.example>", "x", f"{uuid7()}@shop.example")
    ]

    assert ours.fate is Fate.DELIVERED
    assert [each.fate for each in others] == [Fate.UNATTRIBUTED] * 3
    assert await desk.strays() == []


async def test_a_service_names_a_mail_by_what_the_relay_calls_it(desk: Desk) -> None:
    id_ = await desk.sent(said="2.0.0 Ok: queued as 4ABC")

    ours = await desk.returns.hear(
        HearsayRequest(event=ProviderEvent.BOUNCED, status="5.1.1", relay_id="4ABC")
    )
    other = await desk.returns.hear(
        HearsayRequest(event=ProviderEvent.BOUNCED, status="5.1.1", relay_id="4ABD")
    )

    assert ours == Return(fate=Fate.BOUNCED, mail=id_, suppressed=True)
    assert other.fate is Fate.UNATTRIBUTED


async def test_ses_is_believed_in_what_it_calls_a_mail(desk: Desk) -> None:
    id_ = await desk.sent(said=f"Ok {SES_ID}")

    dealt = await desk.hear(ses_event("Bounce", message_id=SES_ID, to=RECIPIENT))
    again = await desk.hear(ses_event("Bounce", message_id=SES_ID, to=RECIPIENT))

    assert (dealt, again.fate) == (Return(fate=Fate.BOUNCED, mail=id_, suppressed=True), Fate.NOTED)
    [entry] = (await desk.suppressed.page(SuppressionsRequest())).items
    assert (entry.source, entry.reason, entry.evidence.mail, entry.evidence.code) == (
        "ses",
        Reason.HARD_BOUNCE,
        id_,
        "5.1.1",
    )
    assert (await desk.mail(id_)).reason == "came back: 5.1.1 550 5.1.1 <address> User unknown"


@pytest.mark.parametrize("known_by", ["message id", "source"])
async def test_ses_is_believed_in_what_it_was_given(desk: Desk, known_by: str) -> None:
    """It sends back the head of the mail, where it is asked to, and names the envelope's sender."""
    id_ = await desk.sent()
    headers = [{"name": "Message-ID", "value": f"<{id_}@shop.example>"}]
    given_ = {"headers": headers} if known_by == "message id" else {"source": PATH.address(id_)}

    dealt = await desk.hear(ses_event("Delivery", message_id="x", to=RECIPIENT, mail=given_))

    assert dealt.fate is Fate.DELIVERED
    assert (await desk.mail(id_)).state is MailState.DELIVERED


async def test_what_ses_tells_of_another_recipient_is_of_no_mail_of_ours(desk: Desk) -> None:
    id_ = await desk.sent(said=f"Ok {SES_ID}")

    for kind in ("Bounce", "Complaint", "Delivery"):
        dealt = await desk.hear(ses_event(kind, message_id=SES_ID, to="bob@example.org"))
        assert dealt.fate is Fate.UNATTRIBUTED

    assert (await desk.mail(id_)).state is MailState.SENT
    # That other mail arrived is nothing to look at.
    assert len(await desk.strays()) == 2


async def test_a_complaint_that_ses_tells_ends_bulk_mail(desk: Desk) -> None:
    id_ = await desk.sent(lane=LaneName.BULK, said=f"Ok {SES_ID}")

    dealt = await desk.hear(ses_event("Complaint", message_id=SES_ID, to=RECIPIENT))

    assert dealt == Return(fate=Fate.COMPLAINED, mail=id_, suppressed=True)
    assert await desk.listed() == [(RECIPIENT, "lane:bulk", "complaint")]


async def test_what_is_told_of_a_mail_that_is_about_to_be_written_down_is_to_be_told_again(
    desk: Desk,
) -> None:
    """A provider may be quicker than the worker, who has just had its answer."""
    desk.clock.now = datetime(2025, 11, 26, 10, 0, 10, tzinfo=UTC)
    event = ses_event("Bounce", message_id=SES_ID, to=RECIPIENT)

    with pytest.raises(StoreUnavailable) as caught:
        await desk.hear(event)
    assert caught.value.retry_after == 20
    assert await desk.strays() == []

    desk.clock.now += timedelta(minutes=1)
    assert (await desk.hear(event)).fate is Fate.UNATTRIBUTED
    assert await desk.strays() == [None]


def of_postmark(kind: str, id_: str, **changed: Any) -> dict[str, Any]:
    return {
        "RecordType": kind, "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "Metadata": {"bellhop": id_},
        "Email": RECIPIENT,
    } | changed  # fmt: skip


async def test_postmark_is_believed_in_what_it_was_given(desk: Desk) -> None:
    id_ = await desk.sent()
    bounce = of_postmark("Bounce", id_, Type="HardBounce", Details=f"smtp;550 5.1.1 <{RECIPIENT}> unknown")

    other = await desk.hear(bounce | {"Email": "bob@example.org"})
    dealt = await desk.hear(bounce)

    assert (other.fate, dealt) == (Fate.UNATTRIBUTED, Return(fate=Fate.BOUNCED, mail=id_, suppressed=True))
    [entry] = (await desk.suppressed.page(SuppressionsRequest())).items
    assert (entry.source, entry.evidence.diagnostic) == ("postmark", "550 5.1.1 <address> unknown")


async def test_postmark_is_believed_in_what_it_calls_a_mail(desk: Desk) -> None:
    id_ = await desk.sent(said="Ok 883953f4-6105-42a2-a16a-77a8eac79483")

    dealt = await desk.hear(of_postmark("Delivery", "", Email=None, Recipient=RECIPIENT))

    assert (dealt.fate, dealt.mail) == (Fate.DELIVERED, id_)


@pytest.mark.parametrize("provider", ["ses", "postmark"])
async def test_that_somebody_is_away_changes_nothing_whoever_tells_it(desk: Desk, provider: str) -> None:
    id_ = await desk.sent(said=f"Ok {SES_ID}")
    away = {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": RECIPIENT}]}
    told = (
        ses_event("Bounce", message_id=SES_ID, to=RECIPIENT, bounce=away)
        if provider == "ses"
        else of_postmark("Bounce", id_, Type="AutoResponder", Details="I am away, 5.1.1")
    )

    assert await desk.hear(told) == Return(fate=Fate.NOTED, mail=id_)
    assert (await desk.mail(id_)).state is MailState.SENT
    assert await desk.listed() == []


@pytest.mark.parametrize(
    ("lane", "entry", "listed"),
    [
        (LaneName.BULK, None, [(RECIPIENT, "lane:bulk", "unsubscribe")]),
        (
            LaneName.TRANSACTIONAL,
            Entry(category="offers", locale="en"),
            [(RECIPIENT, "category:offers", "unsubscribe")],
        ),
        (LaneName.TRANSACTIONAL, None, []),
    ],
)
async def test_who_unsubscribes_at_postmark_gets_no_more_of_it(
    desk: Desk, lane: LaneName, entry: Entry | None, listed: list[Any]
) -> None:
    id_ = await desk.sent(lane=lane, entry=entry)
    change = of_postmark(
        "SubscriptionChange",
        id_,
        SuppressSending=True,
        SuppressionReason="ManualSuppression",
        Origin="Recipient",
    )

    dealt, again = await desk.hear(change), await desk.hear(change)

    assert (dealt, again) == (Return(fate=Fate.NOTED, mail=id_, suppressed=bool(listed)),) * 2
    assert await desk.listed() == listed
    # It is no complaint, and does not count as one.
    assert (await desk.mail(id_)).state is MailState.SENT
