"""The words of one notification for one reader: pure, quick, and without an error for any data."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.catalog.kinds import Button, NotificationType, Wording
from gateway.catalog.payload import Problems
from mailer import plain
from mailer.filters import Reader
from mailer.phrases import Phrase

LONGEST_TITLE = 200
LONGEST_BODY = 4000
LONGEST_LINK = 2048
LONGEST_COLLAPSE = 255
LONGEST_LABEL = 40


class PlannedAction(msgspec.Struct, frozen=True):
    """A button as its reader gets it."""

    id: str
    label: str
    link: str | None
    style: str


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a notification, and what else its type says of it.

    With `problems` it must not be stored, and its words mean nothing.
    """

    locale: str
    """The one that the words are in: the best that the type has for the reader."""
    catalog_version: str
    category: str | None = None
    """None: the catalog does not have the type."""
    title: str | None = None
    """None: the type has no words, and the emit must bring its title."""
    body: str = ""
    link: str | None = None
    subject: str | None = None
    """Of a mail; None: its title."""
    collapse: str | None = None
    expires_in: float | None = None
    actions: tuple[PlannedAction, ...] = ()
    image: str | None = None
    problems: Problems = ()


def worded(
    known: NotificationType,
    data: Mapping[str, Any],
    reader: Reader,
    *,
    catalog_version: str,
    default_locale: str,
) -> Planned:
    """The words of a type, for data that fit its schema. The key that it collapses under is the same for all readers."""
    wording: Wording | None = known.wordings.get(reader.locale)
    title = body = link = subject = image = None
    actions: tuple[PlannedAction, ...] = ()
    if wording is not None:
        title = _line(wording.title, data, reader, known.name, LONGEST_TITLE) or known.name
        body = _body(wording.body, data, reader, known.name)
        link = _link(wording.link, data, reader, known.name)
        subject = _line(wording.subject, data, reader, known.name, LONGEST_TITLE)
        image = _link(wording.image, data, reader, known.name)
        actions = tuple([_action(button, data, reader, known.name) for button in wording.buttons])
    return Planned(
        locale=reader.locale,
        catalog_version=catalog_version,
        category=known.category,
        title=title,
        body=body or "",
        link=link,
        subject=subject or None,
        collapse=_key(known, data, default_locale),
        expires_in=known.expires_in,
        actions=actions,
        image=image,
    )


def _action(button: Button, data: Mapping[str, Any], reader: Reader, type_: str) -> PlannedAction:
    """With its id for a label where the data leave nothing of that."""
    label = _line(button.label, data, reader, type_, LONGEST_LABEL) or button.id
    return PlannedAction(button.id, label, _link(button.link, data, reader, type_), button.style)


def _line(phrase: Phrase | None, data: Mapping[str, Any], reader: Reader, type_: str, longest: int) -> str:
    if phrase is None:
        return ""
    said = phrase.say(data, reader, type_)
    # What is short, printable and has no blanks at its ends or beside each other needs no cleaning, and is most.
    if len(said) <= longest and said.isprintable() and "  " not in said and said[:1] != " " != said[-1:]:
        return said
    line = plain.line(said, longest=longest + 1)
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _key(known: NotificationType, data: Mapping[str, Any], locale: str) -> str | None:
    if known.collapse is None:
        return None
    return _line(known.collapse, data, Reader(locale), known.name, LONGEST_COLLAPSE) or None


def _body(phrase: Phrase | None, data: Mapping[str, Any], reader: Reader, type_: str) -> str:
    if phrase is None:
        return ""
    said = phrase.say(data, reader, type_).strip()
    if not said.isprintable():
        said = "\n\n".join("\n".join(lines) for lines in plain.paragraphs(said))
    return said if len(said) <= LONGEST_BODY else f"{said[: LONGEST_BODY - 1].rstrip()}…"


def _link(phrase: Phrase | None, data: Mapping[str, Any], reader: Reader, type_: str) -> str | None:
    """None where it has become too long for a link: half of one leads nowhere."""
    if phrase is None:
        return None
    said = phrase.say(data, reader, type_)
    return said if len(said) <= LONGEST_LINK else None
