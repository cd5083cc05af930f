"""What a mail of a catalog's type is made from, and what it becomes."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mailer import plain
from mailer.weblinks import absolute
from mailer.words import words_in

LARGE_BYTES = 80 * 1024
"""From here on a mail is warned of; Gmail cuts one off at 102 KB, and its footer with it."""
BULK_BYTES_MAX = 100 * 1024
"""Of the HTML of bulk mail: its footer holds the way to unsubscribe."""
_PREVIEW_LENGTH = 140


class Composition(msgspec.Struct, frozen=True):
    type: str
    context: dict[str, Any]
    """What its templates are told: see `context`."""


class Composed(msgspec.Struct, frozen=True, tag=True):
    text: str
    html: str
    bytes: int
    """Of the HTML."""
    warnings: tuple[str, ...]
    templates: tuple[str, ...]
    """The files that it was made by."""


def warnings_of(size: int) -> tuple[str, ...]:
    """What is to be said of a mail whose HTML has so many bytes.

    The mail is sent all the same; whoever wrote the template is told.
    """
    return (f"{size} bytes: Gmail shows the first 102 KB of a mail",) if size > LARGE_BYTES else ()


def context(
    *, title: str, body: str, link: str | None, subject: str, data: Mapping[str, Any], locale: str, type_: str,
    category: str = "", brand: str = "Bellhop", timezone: str = "UTC", base_url: str | None = None,
    unsubscribe_url: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What a template may print of one notification.

    A link that is a path becomes one of the site, where that is known; else it is told as `path`. All but `data` is
    text of bounded length, or what a catalog says.
    """
    paragraphs = plain.paragraphs(body)
    link = None if link is None else absolute(link, base_url)
    is_absolute = link is not None and not link.startswith("/")
    return {
        "title": title, "subject": subject, "body": body, "paragraphs": paragraphs, "data": data, "locale": locale,
        "preview": plain.line(" ".join(line for lines in paragraphs for line in lines), longest=_PREVIEW_LENGTH),
        "link": link if is_absolute else None, "path": None if is_absolute else link, "type": type_, "category": category,
        "brand": brand, "timezone": timezone, "unsubscribe_url": unsubscribe_url, "words": words_in(locale, brand=brand),
    }  # fmt: skip


NAMES = frozenset(context(title="", body="", link=None, subject="", data={}, locale="", type_=""))
