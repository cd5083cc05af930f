"""The words of one notification for one reader: pure, quick, and without an error for any data.

`Catalog.say` calls it for each language of a room. Phrases were checked when the catalog was loaded, and data
before this; what is too long is cut.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.catalog.kinds import Button, NotificationType
from gateway.catalog.payload import Problems
from mailer import plain
from mailer.filters import Reader
from mailer.phrases import Phrase

LONGEST_TITLE = 200
"""Characters; as of an emit, since what is made here is stored in the same place."""
LONGEST_BODY = 4000
"""Characters."""
LONGEST_LINK = 2048
"""Characters; a longer one is left out, not cut."""
LONGEST_COLLAPSE = 255
"""Characters of a key."""
LONGEST_LABEL = 40
"""Characters of a button."""


class PlannedAction(msgspec.Struct, frozen=True, gc=False):
    """A button as its reader gets it."""

    id: str
    label: str
    link: str | None
    """None: it leads nowhere."""
    style: str


class Worded(msgspec.Struct, frozen=True, gc=False):
    """The words of a notification in one language.

    A value for each language; thousands are made in a second, so it is of the kind that is made fastest.
    """

    title: str | None = None
    """None: the type has no words, and the emit must bring its title."""
    body: str = ""
    link: str | None = None
    """None: it leads nowhere."""
    actions: tuple[PlannedAction, ...] = ()
    image: str | None = None
    subject: str | None = None
    """Of a mail; None: its title."""
    collapse: str | None = None
    """The key that it collapses under, the same for all readers."""


class Planned(Worded, frozen=True, kw_only=True, gc=False):
    """The words of a notification, and what else its type says of it.

    With `problems` it must not be stored, and its words mean nothing.
    """

    locale: str
    """The one that the words are in: the best that the type has for the reader."""
    catalog_version: str
    """Of the catalog that made them."""
    category: str | None = None
    """None: the catalog does not have the type."""
    expires_in: float | None = None
    """Seconds; None: it does not."""
    problems: Problems = ()
    """What is wrong with the data; empty where they fit."""


def worded(
    known: NotificationType, data: Mapping[str, Any], reader: Reader, *, default_locale: str
) -> Worded:
    """The words of a type, for data that fit its schema.

    Never raises. A title that the data leave empty is the type's name: a notification must have something to
    see.
    """
    name, wording, collapse = known.name, known.wordings.get(reader.locale), known.collapse
    # In the default language for all: a key must not differ by reader.
    key = None if collapse is None else _line(collapse, data, Reader(default_locale), name, LONGEST_COLLAPSE)
    if wording is None:
        return Worded(collapse=key or None)
    body, link, buttons, image = wording.body, wording.link, wording.buttons, wording.image
    subject = wording.subject
    # By position, which is quicker: this is made for every language of every emit.
    return Worded(
        _line(wording.title, data, reader, name, LONGEST_TITLE) or name,
        "" if body is None else _body(body, data, reader, name),
        None if link is None else _link(link, data, reader, name),
        tuple([_action(button, data, reader, name) for button in buttons]) if buttons else (),
        None if image is None else _link(image, data, reader, name),
        None if subject is None else _line(subject, data, reader, name, LONGEST_TITLE) or None,
        key or None,
    )


def _action(button: Button, data: Mapping[str, Any], reader: Reader, type_: str) -> PlannedAction:
    """With its id for a label where the data leave nothing of that."""
    label = _line(button.label, data, reader, type_, LONGEST_LABEL) or button.id
    link = None if button.link is None else _link(button.link, data, reader, type_)
    return PlannedAction(button.id, label, link, button.style)


def _line(phrase: Phrase, data: Mapping[str, Any], reader: Reader, type_: str, longest: int) -> str:
    """A phrase as one line, cut where it is too long."""
    said = phrase.say(data, reader, type_)
    # What is short, printable and has no blanks at its ends or beside each other needs no cleaning, and is most.
    if len(said) <= longest and said.isprintable() and "  " not in said and said.strip() == said:
        return said
    line = plain.line(said, longest=longest + 1)
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _body(phrase: Phrase, data: Mapping[str, Any], reader: Reader, type_: str) -> str:
    """A phrase as paragraphs, cut where it is too long."""
    said = phrase.say(data, reader, type_).strip()
    if not said.isprintable():
        said = "\n\n".join("\n".join(lines) for lines in plain.paragraphs(said))
    return said if len(said) <= LONGEST_BODY else f"{said[: LONGEST_BODY - 1].rstrip()}…"


def _link(phrase: Phrase, data: Mapping[str, Any], reader: Reader, type_: str) -> str | None:
    """None where it has become too long for a link: half of one leads nowhere."""
    said = phrase.say(data, reader, type_)
    return said if len(said) <= LONGEST_LINK else None
