"""From a notification to a mail: headers that nobody can inject into, a text part and an HTML part from templates."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from mailer import address, composed, headers, letter, plain
from mailer.clicks import Marks
from mailer.composed import BULK_BYTES_MAX, Composed, Composition
from mailer.copies import Bodies, Copies, key_of
from mailer.errors import RenderFailure
from mailer.letterhead import Letterhead
from mailer.order import Order
from mailer.templating import Templates
from mailer.transport import Outgoing
from mailer.unseen import pictured, trapped
from mailer.weblinks import absolute, is_path, web_url
from mailer.words import words_in
from storage.mail import LaneName, MailOrder
from storage.notifications import Notification

Compose = Callable[[Composition], Composed]
_SUBJECT_LENGTH = 250
_PREVIEW_LENGTH = 140
_LINK_LENGTH = 2048
_LONGEST_URI = 900
_UNSAFE_IN_ID = re.compile(r"[^A-Za-z0-9._-]")


class Renderer:
    """Makes the mail of a notification; the same notification always becomes the same mail, byte for byte.

    Its Date is when it was first due: a mail is as old as its news, and a relay refuses one that seems older.

    A type is rendered by `<TYPE>.html` and `<TYPE>.txt`, or by `default.html` and `default.txt` where there is none;
    each is looked for in the operator's folder first. Templates run in a sandbox and cannot reach Python; HTML ones
    escape what they print. They get: `title`, `subject`, `body`, `paragraphs`, `link` (absolute, or None), `path` (a
    relative link when there is no base URL), `data`, `order`, `type`, `id`, `created_at`, `brand`, `preview`,
    `unsubscribe_url`, `words` (`mailer.words`). A name that is not there prints as nothing.

    It is asked by several threads at once. Nothing in it changes after it was made, but for templates that are compiled
    when first used.
    """

    def __init__(self, letterhead: Letterhead) -> None:
        self._letterhead = letterhead
        self._sender = sender = letterhead.sender
        self._brand = sender.name or sender.domain
        self._own_fields = tuple(letterhead.fields())
        self._templates = Templates(letterhead.templates)
        self._copies = Copies()

    def check(self, template: str) -> None:
        """Raises `TemplateFailure` for a template of the operator's that no mail could be made with."""
        self._templates.check(template)

    def render(
        self,
        notification: Notification,
        order: MailOrder,
        *,
        id_: str | None = None,
        unsubscribe_url: str | None = None,
        marks: Marks | None = None,
        compose: Compose | None = None,
    ) -> Outgoing:
        """`id_` is what the mail is called, if it is not its notification's own; `compose` makes it by a catalog's designs.

        `unsubscribe_url` stands in the place of the letterhead's URL of the web; with `marks` its links lead by way of us, or it holds
        a picture, or both.

        Raises `RenderFailure` for an address that cannot work and for bulk mail that is too large, `TemplateFailure` for
        such a template.
        """
        try:
            recipient = address.parse(order.to)
        except ValueError as error:
            raise RenderFailure("the recipient is no mail address") from error
        subject = (
            plain.line(order.subject or "", longest=_SUBJECT_LENGTH)
            or plain.line(notification.title, longest=_SUBJECT_LENGTH)
            or self._brand
        )
        unsubscribe = self._letterhead.unsubscribe_urls(notification, unsubscribe_url)
        if compose is None:
            text, html = self._bodies(notification, order.lane, subject, next(iter(unsubscribe), None))
        else:
            made = compose(self.composition(notification, subject, next(iter(unsubscribe), None)))
            text, html = made.text, made.html
        targets: tuple[str, ...] = ()
        if marks is not None and marks.clicks:
            # Only here: whoever leads no links by way of us loads no parser for it.
            from mailer.tracking import tracked

            html, targets = tracked(html, marks, spared=self._spared(unsubscribe))
            if targets:
                html = trapped(html, marks.trap(links=len(targets)))
        if marks is not None and marks.opens:
            html = pictured(html, marks.picture())
        if order.lane is LaneName.BULK and (size := len(html.encode())) > BULK_BYTES_MAX:
            raise RenderFailure(f"its HTML has {size} bytes, and bulk mail {BULK_BYTES_MAX} at most")
        id_ = id_ or notification.id
        safe_id = _UNSAFE_IN_ID.sub("_", id_)
        fields = [
            *self._own_fields,
            recipient.field("To"),
            headers.unstructured("Subject", subject),
            headers.date("Date", order.due_at),
            headers.raw("Message-ID", f"<{safe_id}@{self._sender.domain}>"),
            # RFC 3834: no out-of-office answers, please.
            headers.raw("Auto-Submitted", "auto-generated"),
            *_unsubscription(unsubscribe),
        ]
        return Outgoing(
            id=id_,
            sender=self._sender.address,
            recipient=recipient.address,
            author=f"{self._sender.name} <{self._sender.address}>".lstrip(),
            subject=subject,
            date=order.due_at.astimezone(UTC),
            text=text,
            html=html,
            targets=targets,
            # Parts are told apart by a text that must not be random, so that a repeat is the same mail.
            raw=letter.compose(fields, text=text, html=html, boundary=f"=_{safe_id[:60]}"),
        )

    def _bodies(self, notification: Notification, lane: LaneName, subject: str, url: str | None) -> Bodies:
        """The text and the HTML by the built-in templates or the operator's; of what many get at once, written once."""

        def write(url: str | None) -> Bodies:
            context = self._context(notification, subject, url)
            text, html = (
                self._templates.render(notification.type, kind, context) for kind in ("txt", "html")
            )
            return letter.body(text), letter.body(html)

        is_told_to_many = lane is LaneName.BULK and self._templates.are_built_in
        key = key_of(notification, subject) if is_told_to_many else None
        return write(url) if key is None else self._copies.of(key, url, write)

    def _spared(self, unsubscribe: Sequence[str]) -> Sequence[str]:
        """Beginnings of URLs by which a reader says no, or chooses."""
        base_url = self._letterhead.base_url
        pages = () if base_url is None else (f"{base_url}/u/", f"{base_url}/preferences/")
        return (*unsubscribe, *pages)

    def composition(
        self, notification: Notification, subject: str, unsubscribe_url: str | None
    ) -> Composition:
        """What a catalog's design is told of a notification."""
        entry = notification.entry
        return Composition(
            type=notification.type,
            context=composed.context(
                title=plain.line(notification.title, longest=_SUBJECT_LENGTH) or subject,
                body=notification.body,
                link=plain.line(notification.link or "", longest=_LINK_LENGTH) or None,
                subject=subject,
                data=notification.data,
                locale=notification.locale or "en",
                type_=notification.type,
                category=(entry and entry.category) or "",
                brand=self._brand,
                timezone=(entry and entry.timezone) or "UTC",
                base_url=self._letterhead.base_url,
                unsubscribe_url=unsubscribe_url,
            ),
        )

    def _context(
        self, notification: Notification, subject: str, unsubscribe_url: str | None
    ) -> Mapping[str, Any]:
        paragraphs = plain.paragraphs(notification.body)
        link = plain.line(notification.link or "", longest=_LINK_LENGTH)
        return {
            "id": notification.id,
            "type": notification.type,
            "title": plain.line(notification.title, longest=_SUBJECT_LENGTH) or subject,
            "subject": subject,
            "body": notification.body,
            "paragraphs": paragraphs,
            "preview": plain.line(
                " ".join(line for lines in paragraphs for line in lines), longest=_PREVIEW_LENGTH
            ),
            "link": self._absolute(link),
            "path": link if is_path(link) and self._letterhead.base_url is None else None,
            "data": notification.data,
            "order": Order.from_data(notification.data),
            "created_at": notification.created_at.astimezone(UTC),
            "brand": self._brand,
            "unsubscribe_url": unsubscribe_url,
            "words": words_in(notification.locale, brand=self._brand),
        }

    def _absolute(self, link: str) -> str | None:
        """The link as a URL of the web, or None: nothing else, `javascript:` least of all, becomes an href."""
        return web_url(absolute(link, self._letterhead.base_url))


def _unsubscription(urls: Sequence[str]) -> Iterator[str]:
    # A mail program does not look for a URI in two pieces, and a line has its bound: what is too long is left to the text.
    fitting = [url for url in urls if len(url) <= _LONGEST_URI]
    if fitting:
        yield headers.uris("List-Unsubscribe", fitting)
    if any(url.startswith("https:") for url in fitting):
        yield headers.raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")  # RFC 8058
