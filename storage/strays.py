"""The shelf of strays: what came back and belongs to no mail that we know, or says nothing that a rule could read.

It changes nothing. It is kept for a while, for people to look at.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

RAW_BYTES = 16 * 1024
"""Of a stray; the rest is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """Something that came back and could not be given to any mail. `id` is its maker's and new."""

    id: str
    received_at: datetime
    kind: str
    """What it seems to be: `delivery`, `complaint`, `other`."""
    subject: str
    mail: str | None = None
    """The obligation that it is about, if that is known all the same."""
    raw: bytes
    """As it came, `RAW_BYTES` at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayPage:
    """Some strays, newest first, and where the next page begins: `next` is a cursor for `page`, None at the end."""

    items: tuple[Stray, ...]
    next: str | None


class Strays(Protocol):
    """What nobody could make anything of. It is kept as bytes: whoever shows it sees to what is in it.

    When a user is erased, what quotes an address of theirs goes, and what is about mail of theirs.
    """

    async def keep(self, stray: Stray, *, most: int) -> None:
        """Keep it, durably, and no more than about the newest `most` of all: anybody can send some.

        What is longer than `RAW_BYTES` is cut off here. Not idempotent: what comes twice is kept twice, under two ids.
        """
        ...

    async def page(self, *, before: str | None, limit: int) -> StrayPage:
        """Newest first. Raises `InvalidCursor` as `history` does.

        `limit` of them at most, with all their bytes.
        """
        ...

    async def prune(self, *, before: datetime) -> int:
        """Delete those received before; answers how many.

        All of them at once: there are no more than `keep` was told to leave.
        """
        ...
