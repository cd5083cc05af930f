"""What providers tell, read: of Amazon SES and of Postmark, and what anybody may post instead."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer import postmark, ses
from mailer.bounces import BounceSeverity, severity
from mailer.reports import DeliveryAction, Report, ReportKind
from mailer.telling import JsonObject, Unreadable, diagnostic_in, status_in
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


# Amazon SES


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
        ({"complaintFeedbackType": None}, "abuse"),
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


# Postmark


def of_postmark(kind: str, **changed: Any) -> Report | None:
    body = {
        "RecordType": kind, "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "ServerID": 23, "MessageStream": "outbound",
        "Metadata": {"bellhop": "01a21671-7f99-77ac-8a63-ca2c5de100d2"}, "Email": ANN, "From": "orders@shop.example",
    } | changed  # fmt: skip
    return postmark.read(json.dumps(body).encode())


def a_bounce(type_: str, details: str = "") -> Report | None:
    return of_postmark(
        "Bounce", Type=type_, Details=details, BouncedAt="2025-11-26T05:59:58.2735393-04:00", Inactive=True
    )


def test_a_bounce_of_postmark_says_of_which_mail_and_of_whom():
    report = a_bounce("HardBounce", f"smtp;550 5.1.1 The account {ANN} does not exist")

    assert report is not None
    assert (report.kind, report.about, report.subject) == (ReportKind.DELIVERY, (ANN,), "Postmark: Bounce")
    assert report.marks == ("01a21671-7f99-77ac-8a63-ca2c5de100d2",)
    assert report.relay_ids == ("883953f4-6105-42a2-a16a-77a8eac79483",)
    assert (report.message_ids, report.paths) == ((), ())
    assert report.happened_at == datetime(2025, 11, 26, 9, 59, 58, 273539, tzinfo=UTC)
    assert report.outcomes[0].diagnostic == "550 5.1.1 The account <address> does not exist"


@pytest.mark.parametrize(
    ("type_", "details", "said"),
    [
        ("HardBounce", "smtp;550 5.1.1 unknown", ("failed", "5.1.1", "hard")),
        ("HardBounce", "Test bounce details", ("failed", "5.1.1", "hard")),
        # The code counts, and not what Postmark calls it.
        ("HardBounce", "smtp;550 5.7.1 we do not like you", ("failed", "5.7.1", "neither")),
        ("Blocked", "smtp;550 5.1.1 unknown", ("failed", "5.1.1", "hard")),
        ("BadEmailAddress", "", ("failed", "5.1.3", "hard")),
        ("SoftBounce", "smtp;452 4.2.2 full", ("failed", "4.2.2", "soft")),
        ("SoftBounce", "", ("failed", "4.2.0", "soft")),
        ("DnsError", "", ("failed", "5.4.4", "neither")),
        ("SpamNotification", "", ("failed", "5.7.1", "neither")),
        ("ManuallyDeactivated", "", ("failed", "5.7.0", "neither")),
        ("Unknown", "", ("failed", "", "neither")),
        ("Transient", "smtp;451 4.7.1 greylisted", ("delayed", "", "neither")),
        ("AutoResponder", "I am away", ("delayed", "", "neither")),
        ("Subscribe", "", ("delayed", "", "neither")),
        ("Unconfirmed", "", ("delayed", "", "neither")),
        ("", "", ("delayed", "", "neither")),
    ],
)
def test_a_bounce_of_postmark_goes_by_its_code_and_else_by_its_type(
    type_: str, details: str, said: tuple[str, str, str]
):
    assert verdict(a_bounce(type_, details)) == said


@pytest.mark.parametrize(
    "report",
    [
        of_postmark("SpamComplaint", Type="SpamComplaint"),
        a_bounce("SpamComplaint"),
        of_postmark(
            "SubscriptionChange", SuppressSending=True, SuppressionReason="SpamComplaint", Origin="Recipient"
        ),
    ],
)
def test_a_complaint_of_postmark_is_one_however_it_comes(report: Report | None):
    assert report is not None
    assert (report.kind, report.feedback, report.about) == (ReportKind.COMPLAINT, "abuse", (ANN,))


def test_a_delivery_of_postmark_says_so():
    report = of_postmark(
        "Delivery",
        Email=None,
        Recipient=ANN,
        DeliveredAt="2025-11-26T09:59:58Z",
        Details="250 2.0.0 Ok: queued as 4ABC",
    )

    assert verdict(report) == ("delivered", "", "neither")
    assert report is not None
    assert (report.about, report.happened_at) == ((ANN,), datetime(2025, 11, 26, 9, 59, 58, tzinfo=UTC))


@pytest.mark.parametrize(
    ("reason", "origin", "suppresses", "kind"),
    [
        ("ManualSuppression", "Recipient", True, ReportKind.UNSUBSCRIBE),
        ("HardBounce", "Recipient", True, ReportKind.DELIVERY),
        # What somebody did in Postmark's own list is theirs to do here.
        ("ManualSuppression", "Customer", True, None),
        ("ManualSuppression", "Admin", True, None),
        ("Other", "Recipient", True, None),
        (None, "Customer", False, None),
        ("ManualSuppression", "Recipient", None, None),
        ("ManualSuppression", "Recipient", "true", None),
    ],
)
def test_a_change_of_subscription_counts_where_the_reader_made_it(
    reason: str | None, origin: str, suppresses: Any, kind: ReportKind | None
):
    report = of_postmark(
        "SubscriptionChange",
        Email=None,
        Recipient=ANN,
        SuppressionReason=reason,
        Origin=origin,
        SuppressSending=suppresses,
    )

    assert (None if report is None else report.kind) is kind
    if kind is ReportKind.DELIVERY:
        assert verdict(report) == ("failed", "5.1.1", "hard")


@pytest.mark.parametrize("kind", ["Open", "Click", "Inbound", "SMTPAPIError"])
def test_what_postmark_tells_besides_is_nothing(kind: str):
    assert of_postmark(kind) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"RecordType": 1}', b"\xff\xfe", b"<xml/>"])
def test_what_is_no_event_of_postmark_is_unreadable(body: bytes):
    with pytest.raises(Unreadable):
        postmark.read(body)


# Whatever is posted


ANYTHING: list[Any] = [
    None, True, 0, -1, 1e300, 10**30, "", "x", "x" * 5000, "half \ud800", "\0", [], [None, True, 1, "x", [], {}], ["\ud800"] * 500,
    {}, {"": 1}, {"text": {"a": []}}, [{"name": "Message-ID", "value": "\ud800"}], [{"emailAddress": ["x"], "status": {}}],
]  # fmt: skip
NAMES = (
    "mail", "bounce", "complaint", "delivery", "deliveryDelay", "Type", "Details", "Metadata", "Email", "Recipient", "MessageID",
    "BouncedAt", "DeliveredAt", "ChangedAt", "SuppressSending", "SuppressionReason", "Origin",
)  # fmt: skip
PARTS = {
    "mail": ("headers", "destination", "source", "messageId", "timestamp"),
    "bounce": ("bounceType", "bounceSubType", "bouncedRecipients"),
    "complaint": ("complaintFeedbackType", "complainedRecipients"),
    "delivery": ("recipients", "smtpResponse"),
    "deliveryDelay": ("delayedRecipients",),
}


def texts_of(report: Report | None) -> list[str]:
    if report is None:
        return []
    said = [each for o in report.outcomes for each in (o.status, o.diagnostic, *o.recipients)]
    known_by = (*report.about, *report.message_ids, *report.relay_ids, *report.paths, *report.marks)
    return [report.subject, report.feedback, *said, *known_by]


@pytest.mark.parametrize(
    "kind", ["Bounce", "Complaint", "Delivery", "DeliveryDelay", "SpamComplaint", "SubscriptionChange"]
)
def test_an_event_of_whatever_is_read_or_told_to_be_none(kind: str):
    """Whatever stands where something else should: what is read of it can be stored."""
    odd = [{name: value} for name in NAMES for value in ANYTHING]
    odd += [{part: {name: value}} for part, names in PARTS.items() for name in names for value in ANYTHING]

    for members in odd:
        text = json.dumps({"Type": "HardBounce", "notificationType": kind, "RecordType": kind} | members)
        for report in (ses.read(text), postmark.read(text.encode())):
            for each in texts_of(report):
                assert each.encode().decode() == each


def test_a_member_is_what_it_should_be_or_nothing():
    told = JsonObject(
        {"text": "a\ud800\r\nb\0", "flag": 1, "time": "2025-11-26T10:00:00", "list": [1, "a", {"b": "c"}]}
    )

    assert (told.text("text"), told.text("flag"), told.flag("flag")) == ("a?  b ", "", None)
    assert told.time("time") == datetime(2025, 11, 26, 10, tzinfo=UTC)
    assert (told.time("text"), told.time("list")) == (None, None)
    assert list(told.texts("list")) == ["", "a", ""]
    assert [each.text("b") for each in told.parts("list")] == ["", "", "c"]
    assert list(told.parts("text")) == []
    assert told.part("list").text("x") == ""


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("smtp;550 5.1.1 no such user", "5.1.1"),
        ("smtp; 550-5.1.10 no such user", "5.1.10"),
        ("550 5.7.1 blocked", "5.7.1"),
        ("5.2.2", "5.2.2"),
        # The basic code says the class.
        ("smtp;450 5.2.1 later", "4.2.1"),
        ("x-notes; 554 (#5.7.1)", "5.7.1"),
        ("connection from 5.1.1.2 refused", ""),
        ("version 15.1.1", ""),
        ("550 no", ""),
        ("", ""),
    ],
)
def test_the_code_is_found_in_what_a_server_said(said: str, status: str):
    assert status_in(said) == status
    assert severity(status) in BounceSeverity


def test_what_a_server_said_is_kept_without_its_kind_and_addresses():
    assert diagnostic_in(f"smtp; 550 <{ANN}> unknown") == "550 <address> unknown"
    assert diagnostic_in("550 a; b") == "550 a; b"
