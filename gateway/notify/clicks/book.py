"""The book of clicks: links that were followed, in the app and in mails, and what that changes.

In the app a person's client says so, and is believed. In a mail it is a request by anybody: it is written down as it comes, and
judged when what else came is known. A person's, and one that the person's own client confirms, mark what the mail tells.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.catalog.live import LiveCatalog
from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Recount
from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_room
from gateway.ground.tasks import Tasks
from gateway.notify.clicks.judging import judge
from gateway.notify.clicks.mails import TrackedMails
from gateway.notify.clicks.news import Clicked, Listen
from gateway.notify.preference_book import PreferenceBook
from gateway.notify.reading import Reading
from gateway.notify.rounds import Rounds
from gateway.notify.verdicts import EMAIL, IN_APP
from mailer.clicks import TRAP, ClickLinks, Ticket
from storage import clicks as shelf
from storage.clicks import Hit, HitKind
from storage.ids import uuid7
from storage.inboxes import Chosen, Count, Inboxes
from storage.streams import Streams

HITS_PER_MAIL = 50
"""Written down; a mail that is followed more often is told no more of."""
JUDGED_AFTER = timedelta(seconds=60)
JUDGED_AT_ONCE = 100
LOOK_SECONDS = 10.0
PRUNED_AT_ONCE = 2_000
UNTRACKED, BEYOND = "untracked", "beyond"
"""Hits that are not written down: the person agrees no more, or the mail has `HITS_PER_MAIL`."""
TYPES_NAMED = 5
UNSET = "mail is left as it is, its links too, without BELLHOP_LINK_SECRET and BELLHOP_BASE_URL or BELLHOP_CLICK_URL"
FOLLOWED, CONFIRMED = "in_app", "confirmed"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a link leads."""

    ticket: Ticket
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What is seen of a request that follows a link."""

    network: str
    """That it comes from."""
    signals: tuple[str, ...]


class ClickBook(Part):
    """The use cases of clicks. They raise `StoreUnavailable` when the store is away."""

    def __init__(
        self,
        clicks: shelf.Clicks,
        links: ClickLinks | None,
        *,
        catalog: LiveCatalog,
        streams: Streams,
        inboxes: Inboxes,
        mails: TrackedMails,
        preferences: PreferenceBook,
        reading: Reading,
        bus: Bus,
        clock: Clock,
        history_days: int,
    ) -> None:
        """Without `links`, none in mail is led by way of us."""
        self.listeners: list[Listen] = []
        """Told of every click in this process."""
        self.counted: Counter[str] = Counter()
        self._clicks = clicks
        self._links = links
        self._catalog = catalog
        self._streams = streams
        self._inboxes = inboxes
        self._mails = mails
        self._preferences = preferences
        self._reading = reading
        self._bus = bus
        self._clock = clock
        self._history = timedelta(days=history_days)
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counts(
            "bellhop_clicks",
            "Links followed: in the app; in mails as they were judged here, or confirmed by the person's client; not written down",
            "kind",
            self.counted,
        )

    def concerns(self) -> list[str]:
        if self._links is not None or self._catalog.current is None:
            return []
        types = sorted(
            name
            for name, each in self._catalog.current.types.items()
            if each.email is not None and (each.email.clicks or each.email.opens)
        )
        named = ", ".join(types[:TYPES_NAMED])
        return [f"clicks: {named}: {UNSET}"] if types else []

    def start(self) -> None:
        if self._links is not None:
            self._tasks.start(Rounds(self._look, logger, "clicks could not be judged").run(), name="clicks")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        now = self._clock()
        before = now - self._history if self._history else None
        await self._clicks.prune(hits_before=before, now=now, limit=PRUNED_AT_ONCE)

    # In the app

    async def follow(self, user: str, rooms: Sequence[str], notification_id: str) -> Count:
        """The user has followed the link of a notification; done again it changes nothing."""
        marked = await self._reading.click(user, rooms, [notification_id])
        if marked.changed:
            self.counted[FOLLOWED] += 1
            await self._tell_of(user, notification_id)
        return marked

    async def _tell_of(self, user: str, notification_id: str) -> None:
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

    async def confirm(self, user: str, rooms: Sequence[str], token: str) -> tuple[str | None, Count] | None:
        """The user's own client says that the link of this token was followed by its user.

        Answers what is marked by it, if anything is; None for a token of nobody's, or of another's mail.
        """
        ticket = self._ticket(token)
        mail = None if ticket is None else await self._mails.find(ticket.mail)
        if ticket is None or mail is None or mail.user != user:
            return None
        if not await self._agrees(user):
            return None, await self._reading.unread(user, rooms)
        if mail.campaign is not None:
            # Before, and again should it be told again: whoever dies in between has lost nothing.
            await self._mails.clicked(mail.campaign, ticket.mail, at=self._clock())
        confirmed = await self._clicks.confirm(ticket.mail, ticket.target, now=self._clock())
        if confirmed is not None:
            self.counted[CONFIRMED] += 1
            await self._tell_of_hit(confirmed)
        if mail.marks is None or mail.marks.room not in rooms:
            return None, await self._reading.unread(user, rooms)
        return mail.marks.id, await self._reading.click(user, rooms, [mail.marks.id])

    # In mails

    async def destination(self, token: str) -> Destination | None:
        """Where a link leads; None for one that is not ours, or not any more."""
        ticket = self._ticket(token)
        if ticket is None or self._links is None:
            return None
        if ticket.target == TRAP:
            return Destination(ticket, self._links.home)
        url = await self._clicks.target(ticket.target, now=self._clock())
        return None if url is None else Destination(ticket, url)

    async def language(self, token: str) -> str | None:
        """The language of the person whose mail holds the link, if it is one of ours and anybody knows."""
        ticket = self._ticket(token)
        user = None if ticket is None else await self._mails.user(ticket.mail)
        return None if user is None else (await self._preferences.of(user)).locale

    async def note(self, destination: Destination, visit: Visit) -> None:
        """Write down that the link was followed, unless its person does not agree, or the mail is not known any more."""
        ticket = destination.ticket
        mail = await self._mails.find(ticket.mail)
        if mail is None or self._links is None:
            return
        if not await self._agrees(mail.user):
            self.counted[UNTRACKED] += 1
            return
        hit = Hit(
            id=uuid7(),
            mail=ticket.mail,
            user=mail.user,
            type=mail.type,
            notification=None if mail.marks is None else mail.marks.id,
            room=None if mail.marks is None else mail.marks.room,
            campaign=mail.campaign,
            target=ticket.target,
            links=ticket.links,
            at=self._clock(),
            network=self._links.network(ticket.mail, visit.network),
            signals=visit.signals,
        )
        if not await self._clicks.note(hit, most=HITS_PER_MAIL):
            self.counted[BEYOND] += 1

    async def judge(self, before: datetime) -> int:
        """Judge what was hit before that time, a part of it at most; answers how many that were.

        Any number of nodes may do so at once: what is marked twice is marked once, and of each hit one of them tells.
        """
        hits = await self._clicks.unjudged(before=before, limit=JUDGED_AT_ONCE)
        for hit in hits:
            kind, why = judge(hit, await self._clicks.of_mail(hit.mail), await self._mails.posted(hit.mail))
            if kind is HitKind.HUMAN:
                # Before: whoever dies in between leaves it to be judged again.
                await self._mark(hit)
            if await self._clicks.judge(hit.id, kind, why, now=self._clock()):
                self.counted[kind] += 1
                await self._tell_of_hit_id(hit)
        return len(hits)

    async def _look(self) -> float:
        return 0 if await self.judge(self._clock() - JUDGED_AFTER) == JUDGED_AT_ONCE else LOOK_SECONDS

    async def _mark(self, hit: Hit) -> None:
        if hit.campaign is not None:
            await self._mails.clicked(hit.campaign, hit.mail, at=hit.at)
        if hit.notification is None or hit.room is None:
            return
        marked = await self._inboxes.click(
            Chosen(hit.user, [hit.room], [hit.notification], now=self._clock())
        )
        if marked.changed:
            # Each node knows which rooms its sessions' counts are made of.
            await self._bus.order_all(Recount(user_room(hit.user)))

    async def _agrees(self, user: str) -> bool:
        return (await self._preferences.of(user)).tracking

    def _ticket(self, token: str) -> Ticket | None:
        return None if self._links is None else self._links.read(token)

    # Telling

    async def _tell_of_hit_id(self, hit: Hit) -> None:
        """Of a hit as it is now."""
        if not self.listeners:
            return
        for each in await self._clicks.of_mail(hit.mail):
            if each.id == hit.id:
                await self._tell_of_hit(each)

    async def _tell_of_hit(self, hit: Hit) -> None:
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
        for listen in self.listeners:
            try:
                listen(clicked)
            except Exception:
                logger.exception("a click is not counted")
