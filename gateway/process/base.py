"""What every process of Bellhop stands on, and how its parts are joined, started, drained and stopped.

It makes what the nodes, the mail worker and the taker of returns have in common. A subclass says which parts
there are, in which order, and what its doors are. Nothing is dialled, opened or listened to before `start`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
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
from gateway.mail.part import Desk, MailPart, presses_of
from gateway.mail.seals import return_path_of, seals_of, sender_domains
from gateway.mail.settings import BounceSettings, BulkSettings, MailSettings
from gateway.notify.attribution import Ours
from gateway.notify.clicks.tracking import Tracker
from gateway.notify.contacts import ContactBook
from gateway.notify.decide import Judge
from gateway.notify.departing import Departures
from gateway.notify.digests import Digester
from gateway.notify.fates import Fate
from gateway.notify.lanes import LaneBook, bounds_of
from gateway.notify.leaving import WaysOut
from gateway.notify.mailboxes import RefusalBook
from gateway.notify.preference_book import PreferenceBook
from gateway.notify.returns import Returns
from gateway.notify.settings import BrakeSettings, PeopleSettings, StoreSettings
from gateway.notify.stats.noting import Noter
from gateway.notify.stats.settings import StatsSettings
from gateway.notify.suppressions import SuppressionList
from gateway.notify.switching import Switching
from gateway.notify.tally import Tally
from gateway.notify.trials.book import TrialBook
from gateway.notify.verdicts import Sources
from gateway.observe.metrics import Metrics
from gateway.process.settings import ProcessSettings
from mailer.bounces import Bounce, BounceSeverity
from mailer.clicks import ClickLinks
from mailer.courier import Result
from mailer.lanes import NO_CLICKS, Tracking, WayOut, no_way_out
from mailer.unsubscribe import UnsubscribeLinks
from mailer.worker import MailOutcome
from storage import lanes, stats
from storage.connect import connect as connect_store
from storage.mail import LaneName
from storage.obligations import Kind, Lease, Subject

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog

DRAIN_SHARE = 0.8
"""Of the grace: what then remains is given back or cut off, which wants some of it too."""

_HEARD = {
    Fate.DELIVERED: lanes.LaneOutcome.DELIVERED,
    Fate.BOUNCED: lanes.LaneOutcome.BOUNCED,
    Fate.COMPLAINED: lanes.LaneOutcome.COMPLAINED,
}
"""What is heard of a mail that says something of its lane."""


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
        self.lanes = LaneBook(self.store.lanes, bounds_of(settings[BrakeSettings]), self.clock)
        """How lanes fare, and whether they are paused."""
        self.unsubscribe_links = _unsubscribe_links(settings)
        """None where mails have no links to turn things off."""
        self.sources = Sources(
            catalog=self.catalog,
            contacts=self.contacts,
            preferences=self.preferences,
            receipts=self.store.inboxes,
            suppressions=self.suppressions,
            campaigns=self.store.campaigns,
            sendings=self.store.outbox,
            digests=self.store.digests,
            is_online=self._is_online,
            zone=ZoneInfo(settings[PeopleSettings].timezone),
        )
        """What the gates ask when they decide."""
        self.returns = Returns(
            outbox=self.store.outbox,
            strays=self.store.strays,
            suppressions=self.suppressions,
            path=return_path_of(settings),
            links=self.unsubscribe_links,
            domains=sender_domains(settings),
            clock=self.clock,
            count=self._mail_returned,
        )
        """What deals with mail that comes back."""
        self.judge = Judge(self.sources)
        """What decides whether something is sent."""
        self.tally = Tally(self.store.tallies, self.catalog, self.clock)
        """Counts of what became of each type."""
        self.noter = self._noter()
        """What tells the statistics; None where there are to be none."""
        self._trials: TrialBook | None = None
        self.click_links = _click_links(settings)
        """None where links are not led by way of us."""
        self._added: list[Part] = []
        self._running = Running()

    def mail_part(self) -> MailPart:
        """The workers that send what is owed.

        Made once: two in one process would share places and budgets.
        """
        desk = Desk(
            outbox=self.store.outbox,
            decide=Departures(
                judge=self.judge,
                sources=self.sources,
                outbox=self.store.outbox,
                digests=self.store.digests,
                campaigns=self.store.campaigns,
            ).decide,
            bounced=self._mail_bounced,
            presses=self.presses,
            seals=seals_of(self.settings),
            clock=self.clock,
            budget=self.links.budget,
            way_out=self._way_out(),
            clicks=self._tracker(),
            foresee=self.suppressions.foresee,
            ended=self._mail_ended,
            is_paused=self.lanes.is_paused,
        )
        mail = MailPart(self.settings[MailSettings], self.settings[BulkSettings], desk)
        self.lanes.resumed.append(mail.wake)
        return mail

    def digester(self, wake_mailer: Callable[[Iterable[LaneName]], None]) -> Digester:
        """What closes the digests that are due.

        `due_clock` is behind the other: what is due is taken a moment late rather than early, if the clocks
        of store and node differ.
        """
        return Digester(
            self.store.digests,
            judge=self.judge,
            sources=self.sources,
            clock=self.clock,
            due_clock=self.clock.cautious,
            wake_mailer=wake_mailer,
            base_url=self.settings[SiteSettings].base_url,
            lease_seconds=self.settings[MailSettings].lease_seconds,
            kept_days=self.settings[StoreSettings].history_days,
        )

    def hear_trials(self, switching: Switching) -> TrialBook:
        """What knows of the experiments of types, and hears from now on of the mail that leaves here."""
        self._trials = TrialBook(
            self.store.trials,
            live=self.catalog,
            streams=self.store.streams,
            switching=switching,
            clock=self.clock,
            history_days=self.settings[StoreSettings].history_days,
            may_delete=lambda: self.clock.may_delete,
        )
        return self._trials

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

    def _way_out(self) -> WayOut:
        """The links by which mail can be refused; none without a secret and a site."""
        if self.unsubscribe_links is None:
            return no_way_out
        return WaysOut(self.store.links, self.unsubscribe_links, self.catalog).of

    def _tracker(self) -> Tracking:
        """What makes links tracked ones; nothing does without a secret and a site."""
        if self.click_links is None:
            return NO_CLICKS
        return Tracker(
            self.store.clicks,
            self.click_links,
            catalog=self.catalog,
            preferences=self.preferences,
            clock=self.clock,
            days=self.settings[StoreSettings].click_days,
        )

    def _mail_ended(self, lane: LaneName, outcome: MailOutcome) -> None:
        """Count what became of a mail, everywhere where that is counted. Called on the loop for each; neither
        waits nor raises.
        """
        self.metrics.mail_outcome(lane, outcome.result)
        self.tally.mailed(outcome.type, outcome.result)
        if self.noter is not None:
            self.noter.mailed(lane, outcome)
        if self._trials is not None and self.catalog.has_trials:
            self._trials.mailed(outcome)
        if outcome.result is Result.SENT:
            self.lanes.count(lane, lanes.LaneOutcome.SENT, campaign=_campaign_of(outcome.of))
        elif outcome.unheard:
            self.lanes.count(lane, lanes.LaneOutcome.FAILED)

    async def _mail_bounced(self, lease: Lease, bounce: Bounce) -> None:
        """Note an address that refuses mail, and count it against the lane if it does so for good."""
        if bounce.severity is BounceSeverity.HARD:
            lane, campaign = lease.mail.order.lane, _campaign_of(lease.of)
            self.lanes.count(lane, lanes.LaneOutcome.REFUSED, campaign=campaign)
        await self.suppressions.bounced(lease, bounce)

    def _mail_returned(self, ours: Ours | None, fate: Fate) -> None:
        """Count what came back; of a mail that is none of ours there is no lane."""
        lane = None if ours is None else ours.mail.order.lane
        self.metrics.mail_returned(lane, fate)
        if lane is not None and ours is not None and fate in _HEARD:
            self.lanes.count(lane, _HEARD[fate], sent_at=ours.mail.sent_at, campaign=_campaign_of(ours.of))
            if self.noter is not None:
                self.noter.mail_returned(stats.Outcome(_HEARD[fate]), ours.told, lane)

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


def _campaign_of(subject: Subject | None) -> str | None:
    """The campaign that a mail is of; None for any other mail."""
    return subject.id if subject is not None and subject.kind is Kind.CAMPAIGN else None


def _unsubscribe_links(settings: Settings) -> UnsubscribeLinks | None:
    """What makes and reads the links in mails; None unless there is a secret, and a site for them to lead to."""
    secrets, base_url = settings[LinkSettings].secrets, settings[SiteSettings].base_url
    return UnsubscribeLinks(secrets, base_url=base_url) if secrets and base_url is not None else None


def _click_links(settings: Settings) -> ClickLinks | None:
    """What makes and reads the links that lead by way of us; None as above."""
    secrets, site = settings[LinkSettings].secrets, settings[SiteSettings]
    base_url = site.click_url or site.base_url
    return ClickLinks(secrets, base_url=base_url) if secrets and base_url is not None else None
