"""Who asks, and what a gateway can do: one object for each noun. How operations use them is in `gateway.protocol.uses`.

It imports the use cases that operations name; none of those knows this module. A node makes one `UseCases`
when it is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from auth.principal import Role
from gateway.ground.clock import Clock
from gateway.notify.auditing import AuditBook
from gateway.notify.campaigns.book import CampaignBook
from gateway.notify.choosing.choices import Choices
from gateway.notify.clicks.book import ClickBook
from gateway.notify.digests.opened import OpenDigests
from gateway.notify.emitting.emitter import Emitter
from gateway.notify.emitting.preview import Previewer
from gateway.notify.emitting.scheduling import Scheduler
from gateway.notify.inboxes.acting import Acting
from gateway.notify.inboxes.reading import Reading
from gateway.notify.lanes.book import LaneBook
from gateway.notify.mailroom import Mailroom
from gateway.notify.people.profiles import Profiles
from gateway.notify.people.topics import TopicBook
from gateway.notify.people.users import Users
from gateway.notify.records import Records
from gateway.notify.returns.reports import Returns
from gateway.notify.stats.asking import Statistics
from gateway.notify.suppressions.listing import SuppressionList
from gateway.notify.trials.book import TrialBook
from gateway.notify.types.preview import TypePreviewer
from gateway.notify.types.states import Types
from gateway.notify.wording.languages import Languages
from gateway.observe.alerts import Alerts
from gateway.observe.feed import Feed
from gateway.observe.nodes import Nodes
from gateway.observe.overview import Observatory
from gateway.observe.trace import Tracer

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What a gateway can do, one object for each noun.

    Sites and sessions hand it to operations; nobody keeps anything in it.
    """

    emitter: Emitter
    """Stores and delivers what is emitted now."""
    previewer: Previewer
    """Says what an emit would do."""
    records: Records
    """Finds a notification with what became of it, and takes it back."""
    reading: Reading
    """Histories, marks and counts of one reader."""
    acting: Acting
    """What a reader does beyond reading."""
    clicks: ClickBook
    """Links that were followed."""
    mailroom: Mailroom
    """Mail: found, tried again, hastened, dropped."""
    suppressions: SuppressionList
    """Addresses that must not be written to."""
    lanes: LaneBook
    """Lanes, and pausing them."""
    returns: Returns
    """Mail that comes back."""
    people: Users
    """Who is online, who is known, and all that is kept of one."""
    profiles: Profiles
    """What backends tell of users."""
    choices: Choices
    """Preferences."""
    languages: Languages
    """Which language a user reads."""
    topics: TopicBook
    """Who is a member of which topic."""
    scheduler: Scheduler
    """What is emitted later."""
    campaigns: CampaignBook
    """Campaigns."""
    digests: OpenDigests
    """Digests that are open."""
    statistics: Statistics
    """Figures of what came of it all."""
    types: Types
    """Types and their switches."""
    trials: TrialBook
    """Experiments of types."""
    type_previewer: TypePreviewer
    """What a type would say, and why."""
    observatory: Observatory
    """What all nodes did."""
    feed: Feed
    """What is emitted, live."""
    tracer: Tracer
    """The way of one notification."""
    audit: AuditBook
    """Who did what."""
    nodes: Nodes
    """The nodes, and draining one."""
    alerts: Alerts
    """Alerts that are firing."""
    clock: Clock
    """The time as this node believes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a service, an admin's connection, or a user by token.

    Made for each request of HTTP and each event, from what the caller has proven. It is trusted from then on.
    """

    scope: str
    """Whose idempotency keys the caller's are, and who is said to have done it."""
    user: str = ""
    """Empty for a service."""
    rooms: Sequence[str] = ()
    """Of the user, or of the connection."""
    role: Role | None = None
    """None for a service, and for a user who has none."""
    scopes: frozenset[str] = frozenset()
    """Of a service; a person has none."""
    sid: str = ""
    """Of the connection; empty where there is none."""
    locale: str | None = None
    """The language that the connection's user reads, or else that the token names; None: each room's own."""

    @property
    def name(self) -> str:
        """How it is written down who did something.

        `"user:42"` or `"service:shop"`.
        """
        return f"user:{self.user}" if self.user else f"service:{self.scope}"
