"""What Postmark tells, read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer import postmark
from mailer.bounces import severity
from mailer.reports import Report, ReportKind
from mailer.telling import Unreadable

ANN = "ann@example.org"


def verdict(report: Report | None) -> tuple[str, str, str]:
    assert report is not None
    [outcome] = report.outcomes
    return outcome.action.value, outcome.status, severity(outcome.status).name.lower()


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
