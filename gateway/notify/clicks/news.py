"""What is told in this process of each click that is one: to whoever counts them.

Statistics and experiments listen. Nothing is told to other processes: one of them has judged it, and tells.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.catalog.channels import EMAIL, IN_APP, Channel
from gateway.ground.clock import Clock
from storage.clicks import Clicks, Hit, HitKind
from storage.streams import Streams

logger = logging.getLogger(__name__)


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


class ClickNews:
    """Tells the listeners. What has to be looked up for that is asked only where somebody listens.

    What asks the store raises `StorageError`.
    """

    def __init__(self, clicks: Clicks, streams: Streams, clock: Clock) -> None:
        self.listeners: list[Listen] = []
        """Told of every click in this process."""
        self._clicks = clicks
        self._streams = streams
        self._clock = clock

    async def followed(self, user: str, notification_id: str) -> None:
        """Tell of a click in the app."""
        if not self.listeners:
            return
        told = await self._streams.notification(notification_id)
        if told is not None:
            self._tell(
                Clicked(
                    user=user, type=told.type, channel=IN_APP, notification=told.id, is_confirmed=True, is_first=True,
                    at=self._clock(),
                )
            )  # fmt: skip

    async def judged(self, hit: Hit) -> None:
        """Tell of a hit that was just judged, as it is now."""
        if not self.listeners:
            return
        for each in await self._clicks.of_mail(hit.mail):
            if each.id == hit.id:
                await self.of(each)

    async def of(self, hit: Hit) -> None:
        """Tell of a hit, and whether it is the first that counts of its mail."""
        if not self.listeners:
            return
        counting = [each.id for each in await self._clicks.of_mail(hit.mail) if each.counts]
        self._tell(
            Clicked(
                user=hit.user, type=hit.type, channel=EMAIL, notification=hit.notification, mail=hit.mail,
                campaign=hit.campaign, kind=hit.kind, is_confirmed=hit.confirmed_at is not None,
                is_first=hit.counts and counting[:1] == [hit.id], at=hit.at,
            )
        )  # fmt: skip

    def _tell(self, clicked: Clicked) -> None:
        """Tell every listener, whatever another has raised."""
        for listen in self.listeners:
            try:
                # Written down already: what a listener raises must not have the hit judged again.
                listen(clicked)
            except Exception:
                logger.exception("a click is not counted")
