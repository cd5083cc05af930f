"""What is common to what providers tell, and what anybody may post instead."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailer import postmark, ses
from mailer.bounces import BounceSeverity, severity
from mailer.reports import Report
from mailer.telling import JsonObject, diagnostic_in, status_in

ID = "0102018b2f7d4c2a-3a1f9d6e-4b5c-4d7e-9f01-23456789abcd-000000"
ANN = "ann@example.org"


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
