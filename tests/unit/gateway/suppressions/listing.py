"""A list of suppressions over a real store, and a time that stands still."""

from datetime import UTC, datetime
from typing import Any

from gateway.notify.suppressions.listing import SuppressionList, SuppressionsRequest
from mailer.bounces import Bounce, BounceSeverity
from storage.mail import Mail, MailOrder, MailState
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Subject
from storage.suppressions import Reason

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
HARD = Bounce(severity=BounceSeverity.HARD, status="5.1.1", diagnostic="recipient refused: 550 5.1.1 unknown")
SOFT = Bounce(severity=BounceSeverity.SOFT, status="4.2.2", diagnostic="recipient refused: 452 4.2.2 full")
ANN = "Ann@Example.org"


class HeldClock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW
        self.may_delete = True

    def __call__(self) -> datetime:
        return self.now


def lease(to: str = ANN) -> Lease:
    mail = Mail(order=MailOrder(to=to, due_at=NOW), state=MailState.LEASED, due_at=NOW, updated_at=NOW)
    news = Notification(id="m1", room="user:ann", type="T", title="x", created_at=NOW, data={}, mail=mail)
    of = Subject(kind=Kind.NOTIFICATION, id="m1")
    return Lease(id="m1", of=of, notification=news, mail=mail, token="t", until=NOW)


async def listed(suppressed: SuppressionList, **asked: Any) -> list[tuple[str, str, Reason]]:
    page = await suppressed.page(SuppressionsRequest(**asked))
    return [(each.address, each.scope, each.reason) for each in page.items]
