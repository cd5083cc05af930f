"""What an export tells of an event: a row, with the same columns wherever it goes.

Columns are part of what others build upon: they may become more, and keep their names.
"""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from storage.events import DIMENSIONS, Event

if TYPE_CHECKING:
    # Only the type: whoever asks for rows has none of the store's.
    from storage.stats import NumberedEvent

COLUMNS = ("id", "at", "outcome", "count", "about", *DIMENSIONS)
ExportRow = tuple[str, datetime, str, int, str | None, *tuple[str | None, ...]]
"""In the order of `COLUMNS`; None is what does not apply."""


def row(event: Event) -> ExportRow:
    """An event as a row; an empty name of a series does not apply."""
    names = (name or None for name in event.series)
    return (id_of(event), event.at, event.outcome.value, event.count, event.about, *names)


def id_of(event: Event) -> str:
    """The id of the event: the same whenever and wherever it is exported.

    Made from the event's own key, so that the store need not keep one.
    """
    return str(uuid.UUID(bytes=hashlib.blake2b(event.key, digest_size=16).digest()))


class Sink(Protocol):
    """Where rows go; whoever opens one has it alone. Pages come one after the other, in the order of their cursors."""

    @property
    def after(self) -> str | None:
        """The cursor of the last event that is there; None where there is none."""
        ...

    async def write(self, page: "Sequence[NumberedEvent]") -> None:
        """Put these behind what is there. What a crash cuts off is not there the next time, and nor is it half there."""
        ...


class SinkError(Exception):
    """What is there cannot be written to, or is none of ours: a sentence for people."""
