"""Who asks, and what a gateway can do: one object for each noun. How operations use them is in `gateway.protocol.uses`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from auth.principal import Role
from gateway.notify.auditing import AuditBook
from gateway.notify.campaigns.book import CampaignBook
from gateway.notify.choosing import Choices
from gateway.notify.digests import Digester
from gateway.notify.emitting import Emitter
from gateway.notify.lanes import Lanes
from gateway.notify.mailroom import Mailroom
from gateway.notify.people import People
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
    """What a gateway can do, one object for each noun."""

    emitter: Emitter
    previewer: Previewer
    records: Records
    reading: Reading
    mailroom: Mailroom
    suppressions: SuppressionList
    lanes: Lanes
    returns: Returns
    people: People
    profiles: Profiles
    choices: Choices
    topics: TopicBook
    scheduler: Scheduler
    campaigns: CampaignBook
    digests: Digester
    statistics: Statistics
    types: Types
    trials: TrialBook
    type_previewer: TypePreviewer
    observatory: Observatory
    feed: Feed
    tracer: Tracer
    audit: AuditBook
    nodes: Nodes
    alerts: Alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a service, an admin's connection, or a user by token."""

    scope: str
    """Whose idempotency keys the caller's are, and who is said to have done it."""
    user: str = ""
    """Empty for a service."""
    rooms: Sequence[str] = ()
    """Of the user, or of the connection."""
    role: Role | None = None
    """None for a service, and for a user who has none."""
    sid: str = ""
    """Of the connection; empty where there is none."""
    locale: str | None = None
    """The language that the caller reads; None: each room's own."""

    @property
    def name(self) -> str:
        """How it is written down who did something."""
        return f"user:{self.user}" if self.user else f"service:{self.scope}"
