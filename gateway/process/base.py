"""What every process of Bellhop stands on, and how its parts are joined, started, drained and stopped.

It makes what the nodes, the mail worker and the taker of returns have in common. A subclass says which parts
there are, in which order, and what its doors are. Nothing is dialled, opened or listened to before `start`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aiohttp import web

from gateway.catalog.live import LiveCatalog
from gateway.cluster.connect import connect
from gateway.cluster.settings import ClusterSettings
from gateway.ground.clock import Timekeeper
from gateway.ground.links import LinkSettings
from gateway.ground.parts import Part, Running
from gateway.ground.settings import Settings
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.http.times import RequestTimes
from gateway.mail.presses import presses_of
from gateway.mail.seals import return_path_of, sender_domains
from gateway.mail.settings import BounceSettings, BulkSettings, MailSettings
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.sources import Sources
from gateway.notify.lanes.book import LaneBook, bounds_of
from gateway.notify.lanes.settings import BrakeSettings
from gateway.notify.people.contacts import ContactBook
from gateway.notify.preferences.book import PreferenceBook
from gateway.notify.returns.reports import Returns
from gateway.notify.settings import PeopleSettings, StoreSettings
from gateway.notify.stats.noting import Noter
from gateway.notify.stats.settings import StatsSettings
from gateway.notify.suppressions.listing import SuppressionList
from gateway.notify.suppressions.mailboxes import RefusalBook
from gateway.notify.switching import Switching
from gateway.notify.trials.book import TrialBook
from gateway.notify.trials.marks import TrialMarks
from gateway.notify.types.tally import Tally
from gateway.observe.metrics import Metrics
from gateway.process.mail_counting import MailCounting
from gateway.process.settings import ProcessSettings
from mailer.clicks import ClickLinks
from mailer.unsubscribe import UnsubscribeLinks
from storage.connect import connect as connect_store

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog

DRAIN_SHARE = 0.8
"""Of the grace: what then remains is given back or cut off, which wants some of it too."""


class Process(ABC):
    """A store, who is online, a press, and a list of parts.

    `add` what it is to have beside its own parts; then `start`, then once `stop`; in between, `drain` if the stop is to
    be a calm one. A start that fails, or is given up, is undone by `stop`.

    One for an operating system's process. Its loop is the only one; whatever waits elsewhere does so in
    threads that parts own. `metrics` are made first, since all others are measured by it.
    """

    health: Health
    """Set by subclasses, whose store may be measured."""
    internal: web.Application
    """The application of the internal site, set by subclasses."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        """All groups; each part is given its own."""
        self.metrics = Metrics()
        """What counts and is scraped."""
        self.request_times = RequestTimes()
        """How long the sites take to answer."""
        self.clock = Timekeeper()
        """The time as this process believes it; `cautious` is the earliest that it can be."""
        self.links = connect(settings[ClusterSettings])
        """What there is of other nodes."""
        self.store = connect_store(settings[StoreSettings].url)
        """Opened by its part at the start."""
        self.presence = self.links.presence()
        """Who is online; also a mail worker asks it."""
        self.presses = presses_of(
            settings[MailSettings],
            settings[BulkSettings],
            base_url=settings[SiteSettings].base_url,
            bounce_domain=settings[BounceSettings].domain,
        )
        """What makes mail, by lane."""
        self.catalog = LiveCatalog()
        """The catalog in force, once its part has loaded one."""
        self.catalog.on_change.append(self._adopt_designs)
        self.unsubscribe_links = _unsubscribe_links(settings)
        """None where mails have no links to turn things off."""
        self.click_links = _click_links(settings)
        """None where links are not led by way of us."""
        self._known()
        self._judging()
        self._counting()
        self._added: list[Part] = []
        self._running = Running()

    def _known(self) -> None:
        """What is known of people, of addresses, and of how mail fares."""
        self.contacts = ContactBook(self.store.people)
        """What is known of users' addresses."""
        self.preferences = PreferenceBook(self.store.preferences, self.clock)
        """What users have chosen."""
        self.refusals = RefusalBook(self.store.mailboxes)
        """Mailboxes that refuse our mail."""
        self.suppressions = SuppressionList(
            self.store.suppressions, self.clock, note_refusal=self.refusals.note
        )
        """Addresses that must not be written to."""
        self.lanes = LaneBook(self.store.lanes, bounds_of(self.settings[BrakeSettings]), self.clock)
        """How lanes fare, and whether they are paused."""

    def _judging(self) -> None:
        """What decides whether something is sent, and by what."""
        self.sources = Sources(
            catalog=self.catalog,
            contacts=self.contacts,
            preferences=self.preferences,
            receipts=self.store.inboxes,
            suppressions=self.suppressions.lookup,
            campaigns=self.store.campaigns,
            sendings=self.store.outbox,
            digests=self.store.digests,
            is_online=self._is_online,
            zone=ZoneInfo(self.settings[PeopleSettings].timezone),
        )
        """What the gates ask when they decide."""
        self.judge = Judge(self.sources)
        """What decides whether something is sent."""

    def _counting(self) -> None:
        """What counts what became of things, and what deals with mail that comes back."""
        self.tally = Tally(self.store.tallies, self.catalog, self.clock)
        """Counts of what became of each type."""
        self.noter = self._noter()
        """What tells the statistics; None where there are to be none."""
        self.mail_counting = MailCounting(
            by_lane=self.lanes,
            tally=self.tally,
            noter=self.noter,
            catalog=self.catalog,
            suppressions=self.suppressions,
        )
        """Counts what became of mail."""
        self.returns = Returns(
            outbox=self.store.outbox,
            strays=self.store.strays,
            suppressions=self.suppressions,
            path=return_path_of(self.settings),
            links=self.unsubscribe_links,
            domains=sender_domains(self.settings),
            clock=self.clock,
            count=self.mail_counting.returned,
        )
        """What deals with mail that comes back."""

    def hear_trials(self) -> TrialMarks:
        """What hears of people in the experiments of types, from now on also of the mail that leaves here."""
        marks = TrialMarks(self.store.trials, live=self.catalog, streams=self.store.streams, clock=self.clock)
        self.mail_counting.trials = marks
        return marks

    def trial_book(self, switching: Switching) -> TrialBook:
        """What knows of the experiments of types."""
        return TrialBook(
            self.store.trials,
            live=self.catalog,
            switching=switching,
            clock=self.clock,
            history_days=self.settings[StoreSettings].history_days,
            may_delete=lambda: self.clock.may_delete,
        )

    def _noter(self) -> Noter | None:
        """What tells the statistics; None where there are to be none."""
        if not self.settings[StatsSettings].days:
            return None
        return Noter(
            self.store.stats,
            self.store.streams,
            self.store.shared_secret,
            self.clock,
            varies=lambda type_: self.catalog.trial(type_) is not None,
        )

    def _adopt_designs(self, catalog: "Catalog | None") -> None:
        """Mail of a catalog's types is made by its designs."""
        for press in set(self.presses.values()):
            press.adopt(None if catalog is None else catalog.templates)

    async def _is_online(self, user: str) -> bool:
        """Whether the user has a connection anywhere. Raises `PresenceUnavailable`."""
        return await self.presence.find(user) is not None

    @abstractmethod
    def own_parts(self) -> Sequence[Part]:
        """The parts of this process, in the order in which they need one another."""

    @abstractmethod
    def doors(self) -> Sequence[Part]:
        """The last of its parts: what lets others in."""

    def add(self, part: Part) -> None:
        """Have a further part, which starts after the process's own and before its doors open."""
        self._added.append(part)

    def join(self, part: Part) -> None:
        """Give a part what it asks for before its start.

        Called for each part, before any has started. A subclass gives it more.
        """
        part.measure(self.metrics)
        self.internal.add_routes(part.internal_routes())
        self.health.watch(part.unready)
        self.health.watch_warnings(part.concerns)

    async def start(self) -> None:
        """Join all parts, then start one after the other. Raises what a part's start raises; those that had
        started are ended by `stop`.
        """
        parts = [*self.own_parts(), *self._added, *self.doors()]
        # All are joined before the first starts: one that starts may be asked at once.
        for part in parts:
            self.join(part)
        await self._running.start(parts)

    def reload(self) -> bool:
        """Have the parts read anew what can change while they run; whether there is anything."""
        return self._running.reload()

    async def drain(self) -> None:
        """Let all that is under way end calmly, within the grace.

        Called at most once, between `start` and `stop`. What remains under way is cut off by `stop`.
        """
        await self._running.drain(seconds=self.settings[ProcessSettings].drain_seconds * DRAIN_SHARE)

    async def stop(self) -> None:
        """Stop what has started, the last first. Idempotent."""
        await self._running.stop()


def _unsubscribe_links(settings: Settings) -> UnsubscribeLinks | None:
    """What makes and reads the links in mails; None unless there is a secret, and a site for them to lead to."""
    secrets, base_url = settings[LinkSettings].secrets, settings[SiteSettings].base_url
    return UnsubscribeLinks(secrets, base_url=base_url) if secrets and base_url is not None else None


def _click_links(settings: Settings) -> ClickLinks | None:
    """What makes and reads the links that lead by way of us; None as above."""
    secrets, site = settings[LinkSettings].secrets, settings[SiteSettings]
    base_url = site.click_url or site.base_url
    return ClickLinks(secrets, base_url=base_url) if secrets and base_url is not None else None
