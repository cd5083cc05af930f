"""The book of clicks: links that were followed, in the app and in mails, and what that changes.

In the app a person's client says so, and is believed. In a mail it is a request by anybody: it is written down as it comes, and
judged when what else came is known. A person's, and one that the person's own client confirms, mark what the mail tells.

The pages of `gateway.http.clicks` follow links here, sessions say what was followed in the app. Where no link
is led by way of us (no secret, no URL), only the app's clicks are heard.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
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
from gateway.notify.clicks.news import ClickNews
from gateway.notify.inboxes.reading import Reading
from gateway.notify.preferences.book import PreferenceBook
from gateway.notify.rounds import Rounds
from mailer.clicks import TRAP, ClickLinks, ClickTicket
from storage import clicks as shelf
from storage.clicks import Hit, HitKind
from storage.ids import uuid7
from storage.inboxes import Count, Inboxes, Selection
from storage.streams import Streams

HITS_PER_MAIL = 50
"""How many hits of one mail are written down; of further ones nothing is told."""
JUDGED_AFTER = timedelta(seconds=60)
"""How long a hit waits for others on the same mail, by which it is judged."""
JUDGED_AT_ONCE = 100
"""Hits of one round."""
LOOK_SECONDS = 10.0
"""The rest between two rounds, when the last was not full."""
PRUNED_AT_ONCE = 2_000
"""How much one keeping of the house forgets at most."""
UNTRACKED, BEYOND = "untracked", "beyond"
"""Hits that are not written down: the person agrees no more, or the mail has `HITS_PER_MAIL`."""
TYPES_NAMED = 5
"""Types that a warning names."""
UNSET = "mail is left as it is, its links too, without BELLHOP_LINK_SECRET and BELLHOP_BASE_URL or BELLHOP_CLICK_URL"
# Names in the metric, beside the kinds of hits.
FOLLOWED, CONFIRMED = "in_app", "confirmed"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a link leads."""

    ticket: ClickTicket
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What is seen of a request that follows a link; the page makes it."""

    network: str
    """The network that the request comes from: of IPv4 a /24, of IPv6 a /48."""
    signals: tuple[str, ...]
    """Those of `judging` that are seen of the request itself."""


class ClickBook(Part):
    """The use cases of clicks. They raise `StoreUnavailable` when the store is away.

    A hit is written down before the page answers, and judged a minute later by whichever node looks. Judging
    twice is judging once: the store lets one of several be the one that did, and marks are idempotent. While
    the store is away hits are lost, and links lead nowhere: where they lead is in the store.
    """

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
        may_delete: Callable[[], bool],
    ) -> None:
        """Without `links`, none in mail is led by way of us."""
        self.news = ClickNews(clicks, streams, clock)
        """What tells of every click in this process."""
        self.counted: Counter[str] = Counter()
        """By kind of hit, and the words above; of this process."""
        self._clicks = clicks
        self._links = links
        self._catalog = catalog
        self._inboxes = inboxes
        self._mails = mails
        self._preferences = preferences
        self._reading = reading
        self._bus = bus
        self._clock = clock
        self._history = timedelta(days=history_days)
        self._may_delete = may_delete
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counts(
            "bellhop_clicks",
            "Links followed: in the app; in mails as they were judged here, or confirmed by the person's client; not written down",
            "kind",
            self.counted,
        )

    def concerns(self) -> list[str]:
        """Types that ask for tracked links, on a node that can make none."""
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
            self._tasks.start(Rounds(self._look, logger, "clicks could not be judged").run, name="clicks")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        """Forget hits that are as old as a history is kept, and targets whose time is over, while the clock is sure."""
        if not self._may_delete():
            return
        now = self._clock()
        before = now - self._history if self._history else None
        await self._clicks.prune(hits_before=before, now=now, limit=PRUNED_AT_ONCE)

    # In the app

    async def follow(self, user: str, rooms: Sequence[str], notification_id: str) -> Count:
        """The user has followed the link of a notification; done again it changes nothing.

        Answers what is unread then. The user's client is believed: it marks only what is that user's.
        """
        marked = await self._reading.click(user, rooms, [notification_id])
        if marked.changed:
            self.counted[FOLLOWED] += 1
            await self.news.followed(user, notification_id)
        return marked

    async def confirm(self, user: str, rooms: Sequence[str], token: str) -> tuple[str | None, Count] | None:
        """The user's own client says that the link of this token was followed by its user.

        Answers what is marked by it, if anything is; None for a token of nobody's, or of another's mail.

        In this order, each step idempotent: the campaign's recipient, the hit, then the mark in the app.
        `rooms` are those that the user is in.
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
            await self.news.of(confirmed)
        # What was told to a room that the user has left is not the user's to mark.
        if mail.marks is None or mail.marks.room not in rooms:
            return None, await self._reading.unread(user, rooms)
        return mail.marks.id, await self._reading.click(user, rooms, [mail.marks.id])

    # In mails

    async def destination(self, token: str) -> Destination | None:
        """Where a link leads; None for one that is not ours, or not any more.

        Anybody may ask; nothing is written down by it. A token that is not ours costs no question to the
        store.
        """
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
        """Write down that the link was followed, unless its person does not agree, or the mail is not known any more.

        Nothing says who follows but the token: a mail that was forwarded counts for the person whom it was
        sent to. Of where it comes from, a hash is kept that differs by mail.
        """
        ticket = destination.ticket
        mail = await self._mails.find(ticket.mail)
        if mail is None or self._links is None:
            return
        # Asked anew at each: whoever has taken the consent back is not noted by an old mail.
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

        Each hit costs several questions, so a round has `JUDGED_AT_ONCE` at most.
        """
        hits = await self._clicks.unjudged(before=before, limit=JUDGED_AT_ONCE)
        for hit in hits:
            kind, why = judge(hit, await self._clicks.of_mail(hit.mail), await self._mails.posted(hit.mail))
            if kind is HitKind.HUMAN:
                # Before: whoever dies in between leaves it to be judged again.
                await self._mark(hit)
            if await self._clicks.judge(hit.id, kind, why, now=self._clock()):
                self.counted[kind] += 1
                await self.news.judged(hit)
        return len(hits)

    async def _look(self) -> float:
        """One round for `Rounds`: at once again after a full one."""
        return 0 if await self.judge(self._clock() - JUDGED_AFTER) == JUDGED_AT_ONCE else LOOK_SECONDS

    async def _mark(self, hit: Hit) -> None:
        """Mark what a person has followed by it: the campaign's recipient, and what was told in the app. Idempotent."""
        if hit.campaign is not None:
            await self._mails.clicked(hit.campaign, hit.mail, at=hit.at)
        if hit.notification is None or hit.room is None:
            return
        marked = await self._inboxes.click(
            Selection(hit.user, [hit.room], [hit.notification], now=self._clock())
        )
        if marked.changed:
            # Each node knows which rooms its sessions' counts are made of.
            await self._bus.order_all(Recount(user_room(hit.user)))

    async def _agrees(self, user: str) -> bool:
        """Whether the person has agreed to be known by links; who has never said so has not."""
        return (await self._preferences.of(user)).tracking

    def _ticket(self, token: str) -> ClickTicket | None:
        return None if self._links is None else self._links.read(token)
