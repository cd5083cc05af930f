"""Looking for what was emitted: by whom, of which type, in which room, when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.notifications import Notification, Origin

LOOKED_AT = 10_000
"""Notifications that one page looks at: what is rare takes several pages, and none takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for: all that is said must hold, and what is None is not asked.

    A search with nothing in it finds all, page by page.
    """

    room: str | None = None
    type: str | None = None
    by: str | None = None
    """Who has asked for the emission."""
    key: str | None = None
    """The text of its idempotency key; goes with `by`."""
    request_id: str | None = None
    since: datetime | None = None
    """Made then or later."""
    until: datetime | None = None
    """Made before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A notification that a search has found, and who had asked for it."""

    notification: Notification
    origin: Origin | None
    """None for what was stored before that was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPage:
    """What one page has found. `next` is a cursor also where `items` is empty: there was more to be looked at."""

    items: Sequence[Found]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """By which call a notification was emitted.

    What was stored before origins were kept names the service by its key, where it had one.
    """

    origin: Origin | None
    """None for what was stored before that was kept."""
    key: str | None
    """The text of its idempotency key, where it had one."""
