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
    """Why an address is not written to.

    It is told to people. Which reason lasts how long is not this shelf's to know.
    """

    HARD_BOUNCE = "hard_bounce"  # the mailbox is not there, and will not be
    SOFT_BOUNCE = "soft_bounce"  # it refused on several days, and may take mail again
    COMPLAINT = "complaint"  # its reader called a mail of ours spam
    UNSUBSCRIBE = "unsubscribe"  # its reader wants no more of it
    MANUAL = "manual"  # somebody said so


FIRM = frozenset({Reason.HARD_BOUNCE, Reason.MANUAL})
"""The reasons that hold without exception: where they are about all mail, also for what nobody may turn off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How it is known.

    A diagnostic quotes a stranger's server: it is text, and may hold anything. It goes with the suppression.
    """

    mail: str | None = None
    """The obligation whose mail came back."""
    code: str | None = None
    """What was answered, as a code: `5.1.1`."""
    diagnostic: str | None = None
    """What was answered, in the server's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One address that must not be written to, within one scope.

    One that lasts longer takes the place of it, with an id, a reason and evidence of its own; so does one that lasts as long and
    is `FIRM`, where this is not.
    """

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
    """Some suppressions, newest first, and where the next page begins: `next` is a cursor for `page`, None at the end."""

    items: tuple[Suppression, ...]
    next: str | None


class Suppressions(Protocol):
    """At most one suppression of an address in a scope. What has expired is as good as not there.

    An address is what it is looked up by, so a suppression outlives its user being renamed, and goes when the user is
    erased.
    """

    async def add(self, suppressions: Sequence[Suppression]) -> int:
        """Keep these, durably; answers how many were not held by what was there.

        Of two of the same address and scope the one that lasts longer stays. Of two that last equally long one that is `FIRM`
        stays, else the first: so what is repeated changes nothing, a mailbox that is gone is not back when a full one would be,
        and that it is gone is known, whatever was said before.

        Each for itself: after an error some may be kept, and the whole may be repeated.
        """
        ...

    async def matching(
        self, addresses: Sequence[str], *, now: datetime
    ) -> dict[str, tuple[Suppression, ...]]:
        """Those in force of many addresses, by address, in one question; an address without any is absent.

        It is asked before each mail leaves. All scopes are in the answer; which of them matter to the mail its caller
        knows.
        """
        ...

    async def any(self, *, now: datetime) -> bool:
        """Whether any is in force at all.

        A process that knows that there is none need not ask for each mail.
        """
        ...

    async def page(
        self, *, address: str | None, scope: str | None, before: str | None, limit: int, now: datetime
    ) -> SuppressionPage:
        """Those in force, of one address or scope if it is named, newest first. Raises `InvalidCursor` as `history` does.

        By when it was put here and then by id.
        """
        ...

    async def lift(self, address: str, *, scope: str | None, now: datetime) -> int:
        """Let the address be written to again, within one scope or, for None, at all; answers how many were in force.

        When all are lifted, or that of `EVERYTHING`, the days of its soft bounces are forgotten too.

        What comes to be known at the same moment may be lifted or stay. 0 says that the address could be written to
        already.
        """
        ...

    async def bounced_softly(self, address: str, *, at: datetime, days: int) -> int:
        """Note that the address refused a mail on this day (UTC); answers on how many of the last `days` it did.

        The days before those are forgotten. Noting a day again changes nothing.

        `at` may be late: a day of before counts where it is within the last `days` of it, and days after it do not.
        """
        ...

    async def prune(self, *, now: datetime, days: int, limit: int) -> int:
        """Delete up to `limit` that have expired, and as many of the addresses that did not refuse in the last `days`.

        Answers how many were deleted.

        0 says that nothing is left to be deleted. What is renewed at the same moment stays.
        """
        ...
