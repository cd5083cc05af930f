"""Returns over a real store, with mail that was sent."""

import json
from collections import Counter
from typing import Any

from gateway.notify.returns.attribution import Ours
from gateway.notify.returns.fates import Fate, Return, StraysRequest
from gateway.notify.returns.reports import COMPLAINTS, Returns
from gateway.notify.suppressions.listing import SuppressionList, SuppressionsRequest
from mailer import postmark, ses
from mailer.envelope import ReturnPath
from mailer.relay_ids import key_of
from storage.endings import Sent
from storage.ids import uuid7
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Entry, Notification
from storage.obligations import Kind, Obligation, Subject
from storage.sqlite import SQLiteStore
from storage.streams import Emission
from tests.support.corpus import RECIPIENT, SAMPLES, Sample
from tests.unit.gateway.suppressions.listing import NOW, HeldClock

PATH = ReturnPath(domain="bounces.shop.example", secrets=("a" * 32,))


class Desk:
    """Returns over a real store, with mail that was sent."""

    def __init__(self, store: SQLiteStore, path: ReturnPath | None = PATH) -> None:
        self.store = store
        self.clock = HeldClock()
        self.counted: Counter[tuple[str | None, str]] = Counter()
        self.suppressed = SuppressionList(store.suppressions, self.clock)  # type: ignore[arg-type]
        self.returns = Returns(
            outbox=store.outbox,
            strays=store.strays,
            suppressions=self.suppressed,
            path=path,
            domains=["shop.example"],
            clock=self.clock,  # type: ignore[arg-type]
            count=self.count,
        )

    def count(self, ours: Ours | None, fate: Fate) -> None:
        self.counted.update([(None if ours is None else ours.mail.order.lane, fate)])

    async def sent(
        self,
        *,
        lane: LaneName = LaneName.TRANSACTIONAL,
        to: str = RECIPIENT,
        entry: Entry | None = None,
        said: str = "queued",
    ) -> str:
        """A mail that the relay took, with these words; answers its id."""
        await self.owe(lane=lane, to=to, entry=entry)
        return await self._send(lane, said)

    async def owe(
        self,
        *,
        lane: LaneName = LaneName.TRANSACTIONAL,
        to: str = RECIPIENT,
        entry: Entry | None = None,
    ) -> str:
        """A mail that is owed; answers its id."""
        id_ = uuid7()
        order = MailOrder(to=to, due_at=NOW, lane=lane)
        mail = Mail(order=order, state=MailState.PENDING, due_at=NOW, updated_at=NOW)
        given_ = Notification(
            id=id_, room="user:ann", type="T", title="x", created_at=NOW, data={}, mail=mail, entry=entry
        )
        await self.store.streams.append([Emission(notifications=(given_,))])
        return id_

    async def owe_apart(self, id_: str) -> None:
        """A mail that stands by itself is owed under this id."""
        order = MailOrder(to=RECIPIENT, due_at=NOW, lane=LaneName.BULK)
        news = Notification(
            id="", room="user:ann", type="T", title="x", created_at=NOW, data={}, in_app=False
        )
        owed = Obligation(
            id=id_, of=Subject(kind=Kind.CAMPAIGN, id="c"), news=news,
            mail=Mail(order=order, state=MailState.PENDING, due_at=NOW, updated_at=NOW),
        )  # fmt: skip
        await self.store.outbox.owe([owed])

    async def _send(self, lane: LaneName, said: str = "queued") -> str:
        [lease] = await self.store.outbox.lease(lane=lane, limit=1, lease_seconds=60, now=NOW)
        await self.store.outbox.end(lease, Sent(relay_id=said, relay_key=key_of(said)), now=NOW)
        return lease.id

    async def hear(self, told: str | dict[str, Any]) -> Return:
        """What SES tells, as text, or Postmark."""
        if isinstance(told, str):
            report, provider = ses.read(told), "ses"
        else:
            report, provider = postmark.read(json.dumps(told).encode()), "postmark"
        assert report is not None
        return await self.returns.hear_provider(report, provider=provider, raw=b"{}")

    async def take(self, sample: Sample, id_: str, **given_: Any) -> Return:
        path = PATH.address(id_)
        assert path is not None
        return await self.returns.take(sample.raw(path=path, message_id=f"{id_}@shop.example"), **given_)

    async def mail(self, id_: str) -> Mail:
        found = await self.store.outbox.find(id_)
        assert found is not None
        assert found.mail is not None
        return found.mail

    async def listed(self) -> list[tuple[str, str, str]]:
        page = await self.suppressed.page(SuppressionsRequest(limit=1000))
        return [(each.address, each.scope, each.reason.value) for each in page.items]

    async def strays(self) -> list[str | None]:
        return [stray.mail for stray in (await self.returns.page(StraysRequest(limit=200))).items]


def by_name(name: str) -> Sample:
    return next(sample for sample in SAMPLES if sample.name == name)


def fate(sample: Sample) -> Fate:
    """What is to come of a sample of the corpus about a transactional mail."""
    match sample.kind, sample.says:
        case "delivery", "failed":
            return Fate.BOUNCED
        case "delivery", "delivered":
            return Fate.DELIVERED
        case "complaint", says if says in COMPLAINTS:
            return Fate.COMPLAINED
        case "reply", _:
            return Fate.IGNORED
        case "other", _:
            return Fate.UNATTRIBUTED
        case _:
            return Fate.NOTED


SES_ID = "0102018b2f7d4c2a-3a1f9d6e-4b5c-4d7e-9f01-23456789abcd-000000"
