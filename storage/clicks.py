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
    """Who has followed a link, as far as the rules can tell.

    A hit is `unknown` at first. It is judged once, with what came before and after it at hand.
    """

    UNKNOWN = "unknown"  # not judged yet, or some of it looks like a program's
    HUMAN = "human"
    BOT = "bot"  # a scanner, a preview, a library


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A link that was followed, once.

    `id` is its maker's and new. It is written as the link is followed, before the browser is sent on, and holds no
    address of a network nor the name of a browser: `network` and `signals` are all that the rules judge by.
    """

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
    """Targets, and hits on them.

    Targets are shared by mails and live as long as any of them may be read; hits are of one mail each. Any process may
    keep, note and judge at any time, and what two do at once comes to what one of them does.
    """

    async def keep(
        self, targets: Mapping[bytes, str], *, user: str, until: datetime | None
    ) -> frozenset[bytes]:
        """Keep what the keys lead to, durably, until that time at least, or for ever; the user is sent a mail that
        holds them.

        Answers the keys of what is nobody's: others were sent it too.

        It may be repeated, as a mail is that is tried again: the same user changes nothing but the time, which is never
        moved back. It must have answered before the mail leaves, or a link of it leads nowhere. Keys are hashes of what
        they lead to, so that one never leads elsewhere.
        """
        ...

    async def target(self, key: bytes, *, now: datetime) -> str | None:
        """What the key leads to; None for one that is not known, or whose time is over.

        A target whose time is over is not answered even while it is still kept: `prune` may be late.
        """
        ...

    async def targets_of(self, user: str, *, limit: int) -> list[str]:
        """What no other user was sent.

        It is part of what a user is told of themselves; in no order, `limit` of them at most.
        """
        ...

    async def note(self, hit: Hit, *, most: int) -> bool:
        """Write a hit down, durably; False, and no change, when the mail has `most` already.

        The bound is for scanners, which follow a link a thousand times; hits that come at the same moment may go a little
        beyond it. What is not noted leads where it should all the same.
        """
        ...

    async def unjudged(self, *, before: datetime, limit: int) -> list[Hit]:
        """What was hit before that time and is not judged, oldest first.

        It takes none: several processes may be answered the same, and `judge` says which of them was the one.
        """
        ...

    async def of_mail(self, mail: str) -> list[Hit]:
        """All hits on the mail's links, oldest first.

        There are no more than `note` was told to keep of one mail.
        """
        ...

    async def about(self, id_: str, *, limit: int) -> list[Hit]:
        """Hits on the links of this mail, or of whatever mail tells this notification; newest first."""
        ...

    async def of_user(self, user: str, *, limit: int) -> list[Hit]:
        """Newest first."""
        ...

    async def judge(self, id_: str, kind: HitKind, why: Sequence[str], *, now: datetime) -> bool:
        """Note what it is. False, and no change, for one that is judged: so one of several judges is the one that did.

        Durable when it answers: whatever is counted or marked by a verdict is so after this has answered True, once.
        """
        ...

    async def confirm(self, mail: str, target: bytes, *, now: datetime) -> Hit | None:
        """The user has said that the newest hit on this link was theirs. Answers the hit as it is now.

        None, and no change, when there is no hit on it, or its newest is confirmed already: so a client that says it
        twice is counted once. It says nothing of older hits, which may have been a scanner's.
        """
        ...

    async def prune(self, *, hits_before: datetime | None, now: datetime, limit: int) -> int:
        """Forget hits from before that time, and targets whose time is over; answers how many of both.

        Up to `limit` of each. None for `hits_before` keeps all hits: a target may go and the hits on it stay.
        """
        ...
