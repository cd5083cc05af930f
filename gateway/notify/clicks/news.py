"""What is told in this process of each click that is one: to whoever counts them.

Statistics and experiments listen. Nothing is told to other processes: one of them has judged it, and tells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.catalog.channels import Channel
from storage.clicks import HitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicked:
    """Somebody, or something, has followed a link. One of a mail is told as it is judged, and again should it be confirmed.

    Whoever counts has to know a repetition by the mail or the notification, and not by this.
    """

    user: str
    type: str
    channel: Channel
    notification: str | None
    """The one that is marked by it; None for a mail that tells what is not told in the app."""
    mail: str | None = None
    """The obligation whose mail held the link; None in the app."""
    campaign: str | None = None
    """The campaign whose mail it was; None for any other."""
    kind: HitKind = HitKind.HUMAN
    is_confirmed: bool = False
    """Whether the user's own client has said so: always in the app."""
    is_first: bool
    """Whether it is the first that counts of the notification in the app, or of the mail: one that is a human's or confirmed."""
    at: datetime
    """When the link was followed, which is earlier than it is told."""


Listen = Callable[[Clicked], None]
"""Told of each click; never waits."""
