"""What the mail of a digest tells: the newest of what was gathered, and how many there are. Pure.

`items` decides what is left, `closing` stores what is made here. The mail is rendered like any other, from a
template for the type `DIGEST`, by the press; so what a template may use is the `data` that is made here, and
is to be kept as it is.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from gateway.catalog.own import DIGEST
from gateway.ground.encoding import time
from gateway.notify.digests.words import DigestWords, words_in
from mailer.weblinks import absolute
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Entry, Notification
from storage.obligations import Digest, Kind, Obligation, Subject

LISTED: Final = 20
"""How many notifications the mail lists: the newest. The others are only counted."""
BODY_CHARACTERS: Final = 300
"""How much of the body of each listed notification is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """What is left of a digest at its closing.

    It is made page by page in `Digester._left`, and used at once. With a total of 0 there is no mail to make.
    """

    newest: Sequence[Notification]
    """With their mail; `LISTED` at most, newest first."""
    total: int
    lane: LaneName
    """The transactional lane if somebody waits for any of them, else bulk."""


def mail_of(
    digest: Digest, kept: Remainder, now: datetime, *, base_url: str | None, timezone: str
) -> Obligation:
    """The mail that tells it, under the digest's id: however often it is sent, it is the same.

    It goes to the address of the newest item, which is the last that was known. `timezone` is its reader's. Raises
    nothing; `kept.total` is above 0.
    """
    newest = kept.newest[0]
    assert newest.mail is not None
    order = MailOrder(to=newest.mail.order.to, due_at=digest.closes_at, lane=kept.lane)
    return Obligation(
        id=digest.id,
        of=Subject(kind=Kind.DIGEST, id=digest.id),
        mail=Mail(order=order, state=MailState.PENDING, due_at=digest.closes_at, updated_at=now),
        news=_news(digest, kept, now, base_url=base_url, timezone=timezone),
    )


def _news(
    digest: Digest, kept: Remainder, now: datetime, *, base_url: str | None, timezone: str
) -> Notification:
    """The notification that a digest's mail is made of: the newest of its items, and how many there are.

    It is in no stream and never shown in-app. Its category is what a reader's way out is about; its language
    is that of the newest item, in which the listed items themselves may not all be. `words` holds what needs
    no number filled in.
    """
    newest = kept.newest[0]
    entry = newest.entry or Entry()
    locale = entry.locale or "en"
    words = words_in(locale)
    more = kept.total - len(kept.newest)
    title = newest.title if kept.total == 1 else words.heading.format(total=kept.total)
    return Notification(
        id=digest.id,
        room=digest.room,
        type=DIGEST,
        title=title,
        body=_body(kept, words, more),
        data={
            "notifications": [_listed(each, base_url) for each in kept.newest],
            "total": kept.total,
            "more": more,
            "more_words": _more(words, more),
            "since": time(digest.opened_at),
            "words": {name: text for name, text in asdict(words).items() if "{" not in text},
        },
        created_at=now,
        in_app=False,
        entry=Entry(
            category=_category(kept),
            locale=locale,
            timezone=timezone,
            catalog_version=entry.catalog_version,
        ),
    )


def _category(kept: Remainder) -> str | None:
    """Of the newest that has one.

    A way out must be about something; what the catalog has no category for cannot be turned off by one.
    """
    return next((e.entry.category for e in kept.newest if e.entry is not None and e.entry.category), None)


def _listed(each: Notification, base_url: str | None) -> dict[str, Any]:
    """One item as templates see it.

    A link that is relative is joined to the public site's URL, if that is known.
    """
    link = each.link
    if link is not None:
        link = absolute(link, base_url)
    return {
        "id": each.id,
        "type": each.type,
        "title": each.title,
        "body": _cut(each.body),
        # A path alone leads nowhere from a mail.
        "link": None if link is None or link.startswith("/") else link,
        "created_at": time(each.created_at),
    }


def _body(kept: Remainder, words: DigestWords, more: int) -> str:
    """The same for a template that knows nothing of digests."""
    paragraphs = ["\n".join(filter(None, (each.title, _cut(each.body)))) for each in kept.newest]
    return "\n\n".join([*paragraphs, *filter(None, (_more(words, more),))])


def _more(words: DigestWords, more: int) -> str:
    """How the others are told of, in words; empty when all are listed."""
    if not more:
        return ""
    return words.one_more if more == 1 else words.more.format(more=more)


def _cut(text: str) -> str:
    """The text within `BODY_CHARACTERS`, its end marked where something is missing."""
    return text if len(text) <= BODY_CHARACTERS else f"{text[: BODY_CHARACTERS - 1].rstrip()}…"
