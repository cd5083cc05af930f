"""What tells lists apart for mail programs, and complaints for providers."""

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest

from mailer.labels import labels
from storage.mail import LaneName, Mail, MailState
from storage.notifications import Entry
from storage.obligations import Kind, Lease, Subject
from tests.unit.mailer.letters import ID, NOW, notification, order

DOMAIN = "shop.example"


def lease(of: Subject | None = None, *, lane: LaneName = LaneName.TRANSACTIONAL, **fields: Any) -> Lease:
    return Lease(
        id=ID,
        of=of or Subject(kind=Kind.NOTIFICATION, id=ID),
        notification=notification(**fields),
        mail=Mail(order=order(lane=lane), state=MailState.LEASED, due_at=NOW, updated_at=NOW),
        token="",
        until=NOW + timedelta(minutes=1),
    )


@pytest.mark.parametrize("entry", [None, Entry(image="https://shop.example/a.png")])
def test_mail_of_no_category_has_none(entry: Entry | None) -> None:
    assert labels(lease(entry=entry), DOMAIN, can_be_left=True) == b""


def test_what_can_be_left_names_its_list_and_all_name_what_a_complaint_is_about() -> None:
    of = lease(entry=Entry(category="orders"))

    left = message_from_bytes(labels(of, DOMAIN, can_be_left=True) + b"\r\n", policy=policy.SMTP)
    kept = message_from_bytes(labels(of, DOMAIN, can_be_left=False) + b"\r\n", policy=policy.SMTP)

    assert left["List-Id"] == "<orders.shop.example>"
    assert left["Feedback-ID"] == kept["Feedback-ID"]
    campaign, category, lane, sender = left["Feedback-ID"].split(":")
    assert (campaign, category, lane) == ("ORDER_UPDATE", "orders", "transactional")
    assert len(sender) == 15
    assert "List-Id" not in kept


def test_mail_of_a_campaign_names_that_and_each_domain_is_a_sender_of_its_own() -> None:
    of = lease(Subject(kind=Kind.CAMPAIGN, id="autumn:1"), lane=LaneName.BULK, entry=Entry(category="offers"))

    one, other = (labels(of, domain, can_be_left=False).decode() for domain in (DOMAIN, "news.shop.example"))

    assert one.startswith("Feedback-ID: autumn_1:offers:bulk:bellhop")
    assert one != other
