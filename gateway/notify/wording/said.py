"""What types say of data: their words by language, made when they are asked for, and remembered until they
are asked for others.

The scribe asks it for each request. The catalog checks data and makes words; what stands here only spares it
the same work for the same news. Nothing waits.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from msgspec import Struct, structs

from storage.notifications import Action, Entry, Words

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog
    from gateway.catalog.kinds import NotificationType
    from gateway.catalog.payload import Problems

REMEMBERED = 64
"""How many types are remembered, each with the last that it said; at one more all of it is forgotten."""


class CatalogText(Struct, frozen=True, gc=False):
    """The words of one notification, and what the catalog says of it.

    It may be shared by many notifications, so nobody changes one.
    """

    words: Words
    subject: str | None
    """The subject of its mail; None where the catalog says none."""
    entry: Entry
    collapse_key: str | None = None
    """The key under which it takes the place of older notifications; None: it stands by itself."""


class Said:
    """What a type says of some data: what is wrong with them, or its words.

    It lives for one request, or in a `Memory` until its type says something else. `data` must not change
    meanwhile: it is the caller's own, and is compared as it is.
    """

    __slots__ = ("_catalog", "_data", "_texts", "_type", "problems")

    def __init__(self, catalog: "Catalog", type_: "NotificationType", data: Mapping[str, Any]) -> None:
        self._catalog = catalog
        self._type = type_
        self._data = data
        self._texts: dict[tuple[str, str | None], CatalogText] = {}
        """By language and zone: the languages that the type has, and the zones that there are, bound how many."""
        payload = type_.payload
        self.problems: Problems = () if payload is None else payload.problems(data)
        """What is wrong with the data; where there is anything, there are no words."""

    def is_of(self, type_: "NotificationType", data: Mapping[str, Any]) -> bool:
        """Whether this type says it of these data, to the letter: 1, 1.0 and true are equal, and said otherwise."""
        return self._type is type_ and self._data == data and orjson.dumps(self._data) == orjson.dumps(data)

    def text(self, locale: str | None, zone: str | None = None) -> CatalogText:
        """The words in the best language for `locale`; a zone is of types that tell the time, and of no others.

        Ask only without `problems`. What a type without words says is not kept: there is nothing to make.
        """
        catalog, type_ = self._catalog, self._type
        spoken = catalog.spoken(type_, locale)
        text = self._texts.get((spoken, zone))
        if text is None:
            text = _text(catalog, type_, self._data, spoken, zone)
            if type_.wordings:
                self._texts[spoken, zone] = text
        return text


class Memory:
    """What was said last of each type: one piece of news often goes to many, in one batch or in several.

    One belongs to one scribe, or to one arm of an experiment: two that say different things in turn would
    forget each other's.
    """

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._last: dict[str, Said] = {}

    def said(self, catalog: "Catalog", type_: "NotificationType", data: Mapping[str, Any]) -> Said:
        """What the type of this catalog says; what another said is forgotten.

        What another object of the same name has said, as another variant's type, does not count.
        """
        if catalog is not self._catalog or len(self._last) >= REMEMBERED:
            self._last.clear()
            self._catalog = catalog
        last = self._last.get(type_.name)
        if last is not None and last.is_of(type_, data):
            return last
        self._last[type_.name] = said = Said(catalog, type_, data)
        return said


def _text(
    catalog: "Catalog", type_: "NotificationType", data: Mapping[str, Any], locale: str, zone: str | None
) -> CatalogText:
    """Make the words in this language, which is one of the type's; the data have no problems."""
    said = catalog.say(type_, data, locale, timezone=zone or "UTC")
    actions = tuple([Action(each.id, each.label, each.link, each.style) for each in said.actions])
    words = Words(said.title or "", said.body, said.link, actions, said.image)
    entry = pictured(_entry(type_.category, locale, zone, catalog.version), words)
    return CatalogText(words, said.subject, entry, said.collapse)


def pictured(entry: Entry, words: Words) -> Entry:
    """The entry with the buttons and the picture of the words: those of most are the same without.

    A store writes an entry that many have once; one with buttons of its own is another.
    """
    if words.actions == entry.actions and words.image == entry.image:
        return entry
    return structs.replace(entry, actions=words.actions, image=words.image)


@lru_cache(maxsize=256)
def _entry(category: str, locale: str, zone: str | None, catalog_version: str) -> Entry:
    """The same object for the same: a store writes it once."""
    return Entry(category=category, locale=locale, timezone=zone, catalog_version=catalog_version)
