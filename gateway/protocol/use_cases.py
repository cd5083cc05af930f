"""Who asks, and what a gateway can do: one object for each noun. How operations use them is in `gateway.protocol.uses`.

It imports the use cases that operations name; none of those knows this module. A node makes one `UseCases`
when it is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from auth.principal import Role
from gateway.notify.auditing import AuditBook
from gateway.notify.campaigns.book import CampaignBook
from gateway.notify.choosing import Choices
from gateway.notify.digests import Digester
from gateway.notify.emitting import Emitter
from gateway.notify.lanes import LaneBook
from gateway.notify.languages import Languages
from gateway.notify.mailroom import Mailroom
from gateway.notify.people import Users
from gateway.notify.preview import Previewer
from gateway.notify.profiles import Profiles
from gateway.notify.reading import Reading
from gateway.notify.records import Records
from gateway.notify.returns import Returns
from gateway.notify.scheduling import Scheduler
from gateway.notify.stats.asking import Statistics
from gateway.notify.suppressions import SuppressionList
from gateway.notify.topics import TopicBook
from gateway.notify.trials.book import TrialBook
from gateway.notify.type_preview import TypePreviewer
from gateway.notify.types import Types
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
    digests: Digester
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
    """The language that the token names; None: each room's own."""

    @property
    def name(self) -> str:
        """How it is written down who did something.

        `"user:42"` or `"service:shop"`.
        """
        return f"user:{self.user}" if self.user else f"service:{self.scope}"
