"""Notifications and rendered mails as the tests of this package need them."""

from datetime import UTC, datetime
from typing import Any

from mailer.address import parse_ours
from mailer.letterhead import Letterhead
from mailer.press import Press
from mailer.render import Renderer
from mailer.transport import Outgoing
from storage.mail import MailOrder
from storage.notifications import Notification

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ID = "019a0c5e-7d00-7000-8000-000000000001"
LETTERHEAD = Letterhead(sender=parse_ours("Bellhop <bellhop@shop.example>"), base_url="https://shop.example")
RENDERER = Renderer(LETTERHEAD)
PRESS = Press(LETTERHEAD)


def renderer(sender: str = "a@shop.example", **fields: Any) -> Renderer:
    return Renderer(Letterhead(sender=parse_ours(sender), **fields))


def notification(**fields: Any) -> Notification:
    given: dict[str, Any] = {
        "id": ID,
        "room": "user:42",
        "type": "ORDER_UPDATE",
        "title": "Your order has shipped",
        "body": "Order 1234 left our warehouse",
        "created_at": NOW,
        "data": {},
    }
    return Notification(**(given | fields))


def order(to: str = "ann@example.org", **fields: Any) -> MailOrder:
    return MailOrder(**({"to": to, "due_at": NOW} | fields))


def letter(to: str = "ann@example.org", **fields: Any) -> Outgoing:
    return RENDERER.render(notification(**fields), order(to))
