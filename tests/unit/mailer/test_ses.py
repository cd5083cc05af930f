"""What Amazon SES tells, read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer import ses
from mailer.bounces import severity
from mailer.reports import DeliveryAction, Report, ReportKind
from mailer.telling import Unreadable
from tests.support.sns import ses_event

ID = "0102018b2f7d4c2a-3a1f9d6e-4b5c-4d7e-9f01-23456789abcd-000000"
ANN = "ann@example.org"
MESSAGE_ID = "01a21671-7f99-77ac-8a63-ca2c5de100d2@shop.example"


def of_ses(kind: str, **changed: Any) -> Report | None:
    return ses.read(ses_event(kind, message_id=ID, to=ANN, **changed))


def bounced(**recipient: Any) -> dict[str, Any]:
    return {"bouncedRecipients": [{"emailAddress": ANN} | recipient]}


def verdict(report: Report | None) -> tuple[str, str, str]:
    assert report is not None
    [outcome] = report.outcomes
    return outcome.action.value, outcome.status, severity(outcome.status).name.lower()


def test_a_bounce_says_of_which_mail_and_of_whom():
    headers = [
        {"name": "From", "value": "x"},
        {"name": "Message-Id", "value": f"<{MESSAGE_ID}>"},
        "odd",
        {"name": 1},
    ]

    report = of_ses("Bounce", mail={"headers": headers, "source": "b-x-y@bounces.shop.example"})

    assert report is not None
    assert (report.kind, report.about, report.subject) == (ReportKind.DELIVERY, (ANN,), "Amazon SES: Bounce")
    assert (report.relay_ids, report.message_ids) == ((ID,), (MESSAGE_ID,))
    assert report.paths == ("b-x-y@bounces.shop.example",)
    assert report.happened_at == datetime(2025, 11, 26, 9, 59, 58, tzinfo=UTC)
    [outcome] = report.outcomes
    assert (outcome.action, outcome.status, outcome.recipients) == (DeliveryAction.FAILED, "5.1.1", (ANN,))
    assert outcome.diagnostic == "550 5.1.1 <address> User unknown"


@pytest.mark.parametrize(
    ("bounce", "said"),
    [
        (bounced(status="5.1.1", action="failed"), ("failed", "5.1.1", "hard")),
        # The code counts, and not what SES calls it.
        (
            {"bounceType": "Transient"} | bounced(status="5.4.4", action="failed"),
            ("failed", "5.4.4", "neither"),
        ),
        (bounced(status="5.7.1", action="failed"), ("failed", "5.7.1", "neither")),
        ({"bounceType": "Transient"} | bounced(status="5.2.2", action="failed"), ("failed", "5.2.2", "soft")),
        (bounced(diagnosticCode="smtp; 550-5.1.1 no such user"), ("failed", "5.1.1", "hard")),
        (bounced(status="no", diagnosticCode="smtp; 550 not here"), ("failed", "", "neither")),
        ({"bounceSubType": "NoEmail"} | bounced(), ("failed", "5.1.1", "hard")),
        ({"bounceSubType": "Suppressed"} | bounced(), ("failed", "5.1.1", "hard")),
        ({"bounceSubType": "OnAccountSuppressionList"} | bounced(), ("failed", "5.1.1", "hard")),
        (
            {"bounceType": "Transient", "bounceSubType": "MailboxFull"} | bounced(),
            ("failed", "5.2.2", "soft"),
        ),
        (bounced(), ("failed", "", "neither")),
        # That somebody is away.
        ({"bounceType": "Transient"} | bounced(), ("delayed", "", "neither")),
        ({"bounceType": "Undetermined"} | bounced(), ("delayed", "", "neither")),
        (bounced(status="4.4.7", action="delayed"), ("delayed", "4.4.7", "soft")),
        ({"bouncedRecipients": [{"status": "5.1.1"}]}, ("failed", "5.1.1", "hard")),
    ],
)
def test_a_bounce_goes_by_its_code(bounce: dict[str, Any], said: tuple[str, str, str]):
    assert verdict(of_ses("Bounce", bounce=bounce)) == said


def test_a_bounce_of_many_recipients_is_read_up_to_a_bound():
    report = of_ses("Bounce", bounce={"bouncedRecipients": [{"emailAddress": ANN, "status": "5.1.1"}] * 1000})

    assert report is not None
    assert len(report.outcomes) == 20


@pytest.mark.parametrize(
    ("complaint", "feedback"),
    [
        ({}, "abuse"),
        ({"complaintFeedbackType": None, "complaintSubType": None}, "abuse"),
        ({"complaintFeedbackType": "not-spam"}, "not-spam"),
        ({"complaintFeedbackType": "Auth-Failure"}, "auth-failure"),
        ({"complaintFeedbackType": "x" * 300}, "x" * 40),
    ],
)
def test_a_complaint_says_of_what_kind_it_is(complaint: dict[str, Any], feedback: str):
    report = of_ses("Complaint", complaint=complaint)

    assert report is not None
    assert (report.kind, report.feedback, report.outcomes, report.about) == (
        ReportKind.COMPLAINT,
        feedback,
        (),
        (ANN,),
    )


def test_a_mail_that_ses_withholds_for_a_complaint_before_it_has_failed_and_is_no_complaint():
    """SES sends nothing more to who has complained once, and tells of each mail since as of a complaint."""
    report = of_ses(
        "Complaint", complaint={"complaintSubType": "OnAccountSuppressionList", "complaintFeedbackType": None}
    )

    assert report is not None
    assert (report.kind, report.feedback) == (ReportKind.DELIVERY, "")
    assert verdict(report) == ("failed", "5.1.1", "hard")
    assert report.outcomes[0].recipients == (ANN,)


def test_a_delivery_and_a_delay_say_so():
    assert verdict(of_ses("Delivery")) == ("delivered", "", "neither")
    assert verdict(of_ses("DeliveryDelay")) == ("delayed", "", "neither")


def test_the_events_of_a_configuration_set_are_read_as_well():
    event = json.loads(ses_event("Bounce", message_id=ID, to=ANN))
    event["eventType"] = event.pop("notificationType")

    assert verdict(ses.read(json.dumps(event))) == ("failed", "5.1.1", "hard")


@pytest.mark.parametrize(
    "kind",
    [
        "Send",
        "Open",
        "Click",
        "Reject",
        "Rendering Failure",
        "Subscription",
        "AmazonSnsSubscriptionSucceeded",
    ],
)
def test_what_is_not_of_the_fate_of_a_mail_is_nothing(kind: str):
    assert of_ses(kind) is None


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "1",
        '"x"',
        "{}",
        '{"notificationType": 1}',
        "Successfully validated",
        "{" * 9000,
        "[" * 90_000,
    ],
)
def test_what_is_no_event_of_ses_is_unreadable(message: str):
    with pytest.raises(Unreadable):
        ses.read(message)
