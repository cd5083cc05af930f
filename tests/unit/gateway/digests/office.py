"""All that digests need over a real store, with the clock in hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.channels import EMAIL
from gateway.catalog.kinds import Category, EmailRule, NotificationType
from gateway.catalog.live import LiveCatalog
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case
from gateway.notify.departing import Departures
from gateway.notify.digests.closing import Digester
from gateway.notify.digests.opened import OpenDigests
from gateway.notify.preferences.chosen import UserPreferences
from storage.endings import Ending, Sent
from storage.ids import uuid7
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Notification
from storage.obligations import Digest, Kind, Lease
from storage.people import Contact
from storage.rhythms import DigestRule, Throttle
from storage.sqlite import SQLiteStore
from storage.streams import Emission
from storage.suppressions import Suppression

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
BASE_URL = "https://shop.example"
HOUR = timedelta(hours=1)

TYPES = (
    NotificationType(name="NEWS", category="news", email=EmailRule(), digest=DigestRule(every=3600.0)),
    NotificationType(
        name="TALK", category="news", email=EmailRule(),
        digest=DigestRule(every=3600.0, sliding=600.0, most=7200.0, leading=True),
    ),
    NotificationType(name="TIP", category="news", email=EmailRule(), throttle=Throttle(limit=2, per=3600.0)),
    NotificationType(name="AD", category="news", email=EmailRule(), throttle=Throttle(limit=1, per=60.0, then="drop")),
    NotificationType(
        name="BOTH", category="news", email=EmailRule(),
        digest=DigestRule(every=7200.0, leading=True), throttle=Throttle(limit=1, per=3600.0),
    ),
    NotificationType(
        name="RESET", category="news", critical=True, email=EmailRule(),
        digest=DigestRule(every=3600.0), throttle=Throttle(limit=1, per=3600.0, then="drop"),
    ),
    NotificationType(name="PLAIN", category="news", email=EmailRule()),
)  # fmt: skip
CATALOG = Catalog(
    default_locale="en",
    categories={"news": Category(key="news", names={"en": "News"})},
    types={each.name: each for each in TYPES},
    templates={},
    version="1",
)


@dataclass
class Office:
    """All that digests need, with the clock in hand."""

    store: SQLiteStore
    now: datetime = NOW
    chosen: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    """What backends have told."""
    catalog: LiveCatalog = field(default_factory=LiveCatalog)
    woken: list[LaneName] = field(default_factory=list)
    in_use = True

    def __post_init__(self) -> None:
        self.catalog.replace(CATALOG)
        self.sources = Sources(
            catalog=self.catalog, contacts=self, preferences=self, receipts=self.store.inboxes, suppressions=self,
            sendings=self.store.outbox, is_online=self.is_online,
        )  # fmt: skip
        self.judge = Judge(self.sources)
        self.departures = Departures(
            judge=self.judge, sources=self.sources, outbox=self.store.outbox, digests=self.store.digests,
            campaigns=self.store.campaigns,
        )  # fmt: skip
        self.digester = self.another_digester()
        self.shown = OpenDigests(self.store.digests, judge=self.judge, clock=lambda: self.now)

    def another_digester(self, **options: Any) -> Digester:
        given: dict[str, Any] = {"base_url": BASE_URL, "lease_seconds": 60, "kept_days": 90}
        return Digester(
            self.store.digests, judge=self.judge, sources=self.sources, clock=lambda: self.now,
            due_clock=lambda: self.now, wake_mailer=self.woken.extend, **(given | options),
        )  # fmt: skip

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        return {
            user: Contact(user=user, email=f"{user}@example.org", timezone=self.zones.get(user))
            for user in users
        }

    async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
        return {
            user: UserPreferences(document=self.chosen[user], version=1)
            for user in users
            if user in self.chosen
        }

    async def matching(self, addresses: Sequence[str], *, roughly: bool) -> dict[str, Sequence[Suppression]]:
        del addresses, roughly
        return {}

    async def is_online(self, user: str) -> bool:
        del user
        return False

    async def emit(self, type_: str = "NEWS", user: str = "ann", **fields: Any) -> str:
        """A notification with mail that is due; answers its id."""
        lane = fields.pop("lane", LaneName.TRANSACTIONAL)
        order = MailOrder(to=fields.pop("to", f"{user}@example.org"), due_at=self.now, lane=lane)
        mail = Mail(order=order, state=MailState.PENDING, due_at=self.now, updated_at=self.now)
        given = {"title": f"{type_} for {user}", "data": {}, "created_at": self.now, **fields}
        made = Notification(id=uuid7(), room=f"user:{user}", type=type_, mail=mail, **given)
        await self.store.streams.append([Emission(notifications=(made,))])
        return made.id

    async def lease(self, lane: LaneName = LaneName.TRANSACTIONAL) -> list[Lease]:
        return await self.store.outbox.lease(lane=lane, limit=100, lease_seconds=60, now=self.now)

    async def work(self, lane: LaneName = LaneName.TRANSACTIONAL) -> list[Ending]:
        """What a worker does, but for the sending; answers the endings of what was due."""
        endings: list[Ending] = []
        for lease in await self.lease(lane):
            ending = await self.departures.decide(lease, self.now) or Sent()
            assert await self.store.outbox.end(lease, ending, now=self.now)
            endings.append(ending)
        return endings

    async def close_due(self) -> None:
        while not await self.digester.close_due():
            pass

    async def open(self, user: str = "ann") -> list[Digest]:
        return list(await self.store.digests.of_room(f"user:{user}", limit=10))

    async def mail(self, id_: str) -> Mail:
        found = await self.store.streams.notification(id_)
        assert found is not None
        assert found.mail is not None
        return found.mail

    async def told(self) -> list[Lease]:
        """The mails of digests that are due."""
        return [lease for lease in await self.lease() if lease.of.kind is Kind.DIGEST]


def case(type_: str = "NEWS", **fields: Any) -> Case:
    return Case(**{"type": type_, "user": "ann", "channel": EMAIL, "now": NOW, "due_at": NOW, **fields})
