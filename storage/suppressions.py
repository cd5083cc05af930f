"""The shelf of suppressions: addresses that must not be written to, with how far that goes and how it is known.

Addresses stand here in the form that they are compared by, which is their callers' to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from storage.mail import LaneName

EVERYTHING = "*"
"""The scope of what holds for all mail."""
DAY = timedelta(days=1)


def lane_scope(lane: LaneName) -> str:
    """The scope of what holds for the mail of one lane."""
    return f"lane:{lane}"


def category_scope(category: str) -> str:
    """The scope of what holds for the mail of one category."""
    return f"category:{category}"


class Reason(StrEnum):
    """Why an address is not written to."""

    HARD_BOUNCE = "hard_bounce"  # the mailbox is not there, and will not be
    SOFT_BOUNCE = "soft_bounce"  # it refused on several days, and may take mail again
    COMPLAINT = "complaint"  # its reader called a mail of ours spam
    UNSUBSCRIBE = "unsubscribe"  # its reader wants no more of it
    MANUAL = "manual"  # somebody said so


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How it is known."""

    mail: str | None = None
    """The obligation whose mail came back."""
    code: str | None = None
    """What was answered, as a code: `5.1.1`."""
    diagnostic: str | None = None
    """What was answered, in the server's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One address that must not be written to, within one scope."""

    id: str
    address: str
    scope: str = EVERYTHING
    """`*`, `lane:…` or `category:…`."""
    reason: Reason
    source: str
    """Who or what put it here: a service by its name, `admin:ann`, `server`, `report`, `ses`, `postmark`, `import`."""
    evidence: Evidence = Evidence()
    created_at: datetime
    expires_at: datetime | None = None
    """From then on it holds no more; None: until it is lifted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionPage:
    items: tuple[Suppression, ...]
    next: str | None


class Suppressions(Protocol):
    """At most one suppression of an address in a scope. What has expired is as good as not there."""

    async def add(self, suppressions: Sequence[Suppression]) -> int:
        """Keep these, durably; answers how many were not held by what was there.

        Of two of the same address and scope the one that lasts longer stays, and the first of two that last equally long:
        so what is repeated changes nothing, and a mailbox that is gone is not back when a full one would be.
        """
        ...

    async def matching(
        self, addresses: Sequence[str], *, now: datetime
    ) -> dict[str, tuple[Suppression, ...]]:
        """Those in force of many addresses, by address, in one question; an address without any is absent."""
        ...

    async def any(self, *, now: datetime) -> bool:
        """Whether any is in force at all."""
        ...

    async def page(
        self, *, address: str | None, scope: str | None, before: str | None, limit: int, now: datetime
    ) -> SuppressionPage:
        """Those in force, of one address or scope if it is named, newest first. Raises `InvalidCursor` as `history` does."""
        ...

    async def lift(self, address: str, *, scope: str | None, now: datetime) -> int:
        """Let the address be written to again, within one scope or, for None, at all; answers how many were in force.

        When all are lifted, or that of `EVERYTHING`, the days of its soft bounces are forgotten too.
        """
        ...

    async def bounced_softly(self, address: str, *, at: datetime, days: int) -> int:
        """Note that the address refused a mail on this day (UTC); answers on how many of the last `days` it did.

        The days before those are forgotten. Noting a day again changes nothing.
        """
        ...

    async def prune(self, *, now: datetime, days: int, limit: int) -> int:
        """Delete up to `limit` that have expired, and as many of the addresses that did not refuse in the last `days`.

        Answers how many were deleted.
        """
        ...
