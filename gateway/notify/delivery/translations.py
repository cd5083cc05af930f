"""Notifications in several languages: which words a reader gets, and how one frame carries those of all its readers.

A room of many has one stream, and its notifications one place in it. What differs by the reader are the words: a frame then
holds the event once for each language, encoded once, and each node gives a session the one that fits it.

`wording` makes the texts, `events.frame` the frame, `cursors` gives each session its packet. Replays and
histories are for one reader, and are translated by `spoken`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from msgspec import structs

from gateway.engine import Packet
from mailer.locales import lookup
from storage.histories import HistoryPage, InboxItem
from storage.notifications import Notification, Words

MARK = 0x0A
"""The first byte of a frame of several languages: a line end, which no event begins with, and none holds."""
_LINE = b"\n"


def spoken(notification: Notification, locale: str | None) -> Notification:
    """The notification in the best language that it has for `locale`; its own where there is none.

    It is the notification itself, and not a copy, where nothing has to be changed.
    """
    entry = notification.entry
    if entry is None or locale is None or entry.locale is None or not entry.translations:
        return notification
    best = _best(locale, (entry.locale, *entry.translations))
    return notification if best == entry.locale else _said(notification, best, entry.translations[best])


def versions(notification: Notification) -> Mapping[str, Notification]:
    """The notification, which has an entry of the catalog, in each of its languages, its own first."""
    entry = notification.entry
    assert entry is not None
    assert entry.locale is not None
    others = {locale: _said(notification, locale, words) for locale, words in entry.translations.items()}
    return {entry.locale: notification, **others}


def page_spoken(page: HistoryPage, locale: str) -> HistoryPage:
    """A page of history in a reader's language."""

    def of(items: tuple[InboxItem, ...]) -> tuple[InboxItem, ...]:
        return tuple(replace(item, notification=spoken(item.notification, locale)) for item in items)

    return replace(page, items=of(page.items), returned=of(page.returned))


def joined(events: Mapping[str, bytes]) -> bytes:
    """One frame of the same event in several languages; the first is for whom none fits.

    A line end, then `de ["notification",…]` for each language, with line ends in between. JSON has no line
    end within it, and a tag no space.
    """
    return _LINE + _LINE.join(locale.encode() + b" " + event for locale, event in events.items())


class Variants:
    """The packets of a frame of several languages, and which of them a session gets.

    It lives for one frame on one node. A packet is made for every language of the frame, before anybody is
    asked for.
    """

    def __init__(self, namespace: str, frame: bytes, locale_of: Callable[[str], str | None]) -> None:
        parts = [line.partition(b" ") for line in frame[1:].split(_LINE)]
        self._packets = {locale.decode(): Packet.event(namespace, event) for locale, _, event in parts}
        self._locales = tuple(self._packets)
        self._locale_of = locale_of

    def of(self, sid: str) -> Packet:
        """The packet of a session.

        The first language for a session whose own nobody knows, or that the frame does not have.
        """
        return self._packets[_best(self._locale_of(sid), self._locales)]


@lru_cache(maxsize=4096)
def _best(wanted: str | None, available: tuple[str, ...]) -> str:
    """The best of these languages; remembered, since the same few readers' languages are looked up in the same few lists."""
    return lookup(wanted, available, available[0])


def _said(notification: Notification, locale: str, words: Words) -> Notification:
    """The notification in these words; its entry says which language that is."""
    assert notification.entry is not None
    return structs.replace(
        notification,
        title=words.title,
        body=words.body,
        link=words.link,
        entry=structs.replace(notification.entry, locale=locale, actions=words.actions, image=words.image),
    )
