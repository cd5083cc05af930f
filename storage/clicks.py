"""The shelf of clicks: where tracked links in mail lead, and who, or what, has followed them.

A target is kept once, in however many mails it stands. One that a single user was ever sent is that user's, and goes when the
user is erased; what two were sent is nobody's. Of who follows a link no address is kept: where it came from is a hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class HitKind(StrEnum):
    """Who has followed a link, as far as the rules can tell."""

    UNKNOWN = "unknown"  # not judged yet, or some of it looks like a program's
    HUMAN = "human"
    BOT = "bot"  # a scanner, a preview, a library


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A link that was followed, once."""

    id: str
    mail: str
    """The obligation whose mail holds the link."""
    user: str
    """Whose mail it is: whoever it was forwarded to is not known."""
    type: str
    notification: str | None
    """What is marked by it in the app; None for a mail that tells what is not told there."""
    room: str | None
    """Of that notification."""
    campaign: str | None
    target: bytes
    """The key of what it leads to."""
    links: int
    """How many tracked links the mail holds."""
    at: datetime
    network: bytes
    """A hash of where it came from."""
    signals: tuple[str, ...]
    """What was seen of the request that tells of a program."""
    kind: HitKind = HitKind.UNKNOWN
    why: tuple[str, ...] = ()
    """The rules that it was judged by."""
    judged_at: datetime | None = None
    confirmed_at: datetime | None = None
    """When the user's own client has said that it was the user."""

    @property
    def counts(self) -> bool:
        """Whether a person is known to have followed it."""
        return self.kind is HitKind.HUMAN or self.confirmed_at is not None


class Clicks(Protocol):
    """Targets, and hits on them."""

    async def keep(
        self, targets: Mapping[bytes, str], *, user: str, until: datetime | None
    ) -> frozenset[bytes]:
        """Keep what the keys lead to, durably, until that time at least, or for ever; the user is sent a mail that holds them.

        Answers the keys of what is nobody's: others were sent it too.
        """
        ...

    async def target(self, key: bytes, *, now: datetime) -> str | None:
        """What the key leads to; None for one that is not known, or whose time is over."""
        ...

    async def targets_of(self, user: str, *, limit: int) -> list[str]:
        """What no other user was sent."""
        ...

    async def note(self, hit: Hit, *, most: int) -> bool:
        """Write a hit down, durably; False, and no change, when the mail has `most` already."""
        ...

    async def unjudged(self, *, before: datetime, limit: int) -> list[Hit]:
        """What was hit before that time and is not judged, oldest first."""
        ...

    async def of_mail(self, mail: str) -> list[Hit]:
        """All hits on the mail's links, oldest first."""
        ...

    async def about(self, id_: str, *, limit: int) -> list[Hit]:
        """Hits on the links of this mail, or of whatever mail tells this notification; newest first."""
        ...

    async def of_user(self, user: str, *, limit: int) -> list[Hit]:
        """Newest first."""
        ...

    async def judge(self, id_: str, kind: HitKind, why: Sequence[str], *, now: datetime) -> bool:
        """Note what it is. False, and no change, for one that is judged: so one of several judges is the one that did."""
        ...

    async def confirm(self, mail: str, target: bytes, *, now: datetime) -> Hit | None:
        """The user has said that the newest hit on this link was theirs. None, and no change, when no hit of it is unconfirmed.

        Answers the hit as it is now.
        """
        ...

    async def prune(self, *, hits_before: datetime | None, now: datetime, limit: int) -> int:
        """Forget hits from before that time, and targets whose time is over; answers how many of both."""
        ...
