"""The shelf of opens: that the picture in a mail was fetched, by whatever came across it.

It is told beside that mail and nowhere else. What fetches pictures is mostly a program, and whoever reads without them is not
seen: nobody can be counted by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The picture of a mail was fetched, once.

    `id` is its maker's and new. No address of a network and no browser's name is kept.
    """

    id: str
    mail: str
    """The obligation whose mail holds it."""
    user: str
    """Whose mail it is: whoever it was forwarded to is not known."""
    notification: str | None
    """The one that the mail tells; None of a campaign's mail, and of one that tells what is not told in the app."""
    at: datetime
    network: bytes
    """A hash of where it came from, the same as of a click on a link of that mail."""
    signals: tuple[str, ...]
    """What was seen of the request that tells of a program."""


class Opens(Protocol):
    """What was opened.

    It marks nothing as seen and counts towards nothing: it is told to people, as the doubtful sign that it is.
    """

    async def note(self, opened: Open, *, most: int) -> bool:
        """Write it down, durably; False, and no change, when the mail has `most` already.

        The bound is for programs that fetch it without end; what comes at the same moment may go a little beyond it.
        """
        ...

    async def about(self, id_: str, *, limit: int) -> Sequence[Open]:
        """Of this mail, or of whatever mail tells this notification; newest first.

        By when it was, and then by id.
        """
        ...

    async def of_user(self, user: str, *, limit: int) -> Sequence[Open]:
        """What was opened of this user's mail, newest first, `limit` at most."""
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget what is from before that time; answers how many that were.

        Up to `limit` at a time; fewer says that none is left.
        """
        ...
