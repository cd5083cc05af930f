"""The lanes: ways out, each with its own relay, sender, rate and concurrency."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mailer.budget import Budget, Unlimited
from mailer.clicks import Marks
from mailer.press import Press
from mailer.sealing import NOTHING, Seal
from mailer.transport import Transport
from storage.mail import LaneName
from storage.notifications import Notification
from storage.obligations import Lease

WayOut = Callable[[Notification], Awaitable[str | None]]
"""The URL by which the reader of a mail says no to more of its kind; None where there is none. Raises `StorageError`."""


async def no_way_out(notification: Notification) -> None:
    """Mails have no URL of their own."""
    del notification


class Tracking(Protocol):
    """Whose links lead by way of us, and which mail holds a picture. Both raise `StorageError`.

    `keep` must have answered before a mail leaves; both may be asked again for the same mail, as it is tried again.
    """

    async def marks(self, lease: Lease) -> Marks | None:
        """What makes its links, and its picture; None for a mail that is to be left as it is."""
        ...

    async def keep(self, lease: Lease, targets: Sequence[str]) -> None:
        """Keep what its links lead to, before it leaves: none may lead nowhere."""
        ...


class NoClicks:
    """All links are left as they are."""

    async def marks(self, lease: Lease) -> None:
        del lease

    async def keep(self, lease: Lease, targets: Sequence[str]) -> None:
        """Nothing is led by way of us."""


NO_CLICKS = NoClicks()


IsPaused = Callable[[], bool]
"""Whether no mail of the lane may leave now, by somebody's word; asked before each. Whoever resumes it wakes the worker."""


def never_paused() -> bool:
    """Nobody can pause it."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """How the mail of one lane leaves. What it meets, a pause too, is its worker's to know.

    It is made once for a process. What may be changed while it runs, a rate or a pause, is behind a call.
    """

    name: LaneName
    transport: Transport
    press: Press
    """Renders with the lane's own sender."""
    concurrency: int
    """Mails under way at once."""
    stock: int = 0
    """Mails that are leased beyond those, and wait for their turn, where a rate lets one go after another: one lease is of many
    then, and their ends are written down together."""
    seal: Seal = NOTHING
    """What is put on each mail as it leaves."""
    budget: Budget = field(default_factory=Unlimited)
    """What all nodes may send of it together."""
    way_out: WayOut = no_way_out
    clicks: Tracking = NO_CLICKS
    is_paused: IsPaused = never_paused
