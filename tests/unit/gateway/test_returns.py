"""What comes of a report: what became of its mail, who is suppressed for it, and that nobody is for a forged one."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.notify import attribution, returns
from gateway.notify.attribution import Ours
from gateway.notify.fates import Fate, HearsayRequest, ProviderEvent, Return, StraysRequest
from gateway.notify.returns import COMPLAINTS, Returns
from gateway.notify.suppressions import LiftRequest, SuppressionList, SuppressionsRequest
from mailer import postmark, ses
from mailer.envelope import ReturnPath
from mailer.relay_ids import key_of
from storage.endings import Sent
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Entry, Notification
from storage.obligations import Kind, Obligation, Subject
from storage.sqlite import SQLiteStore
from storage.streams import Emission
from storage.suppressions import Reason
from tests.support.amounts import amount
from tests.support.corpus import NOBODYS_PATH, RECIPIENT, SAMPLES, Sample
from tests.support.sns import ses_event
from tests.unit.gateway.test_suppressions import NOW, HeldClock

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


@pytest.fixture
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    # Ten thousand writes to a disk take minutes, and prove nothing more.
    memory = Path("/dev/shm")
    folder = memory if "ten_thousand" in request.node.name and memory.is_dir() else tmp_path
    store = SQLiteStore(folder / f"{uuid7()}.db")
    await store.open()
    yield Desk(store)
    await store.close()
    for file in folder.glob(f"{store._threads._path.stem}*"):
        file.unlink()


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


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_each_of_the_corpus_has_the_fate_that_it_says(desk: Desk, sample: Sample) -> None:
    id_ = await desk.sent()

    dealt = await desk.take(sample, id_)

    state = (await desk.mail(id_)).state
    expected = fate(sample)
    assert dealt.fate is expected
    assert state == (expected.value if expected in tuple(MailState) else "sent")
    hard = sample.severity == "hard" and expected is Fate.BOUNCED
    assert await desk.listed() == ([(RECIPIENT, "*", "hard_bounce")] if hard else [])
    assert dealt.suppressed is hard
    assert await desk.strays() == ([id_] if expected is Fate.UNATTRIBUTED else [])
    lane = (
        None
        if expected is Fate.IGNORED and dealt.mail is None and not desk.counted[("transactional", expected)]
        else "transactional"
    )
    assert desk.counted == {(lane, expected): 1}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_without_our_address_and_our_message_id_none_of_the_corpus_changes_anything(
    desk: Desk, sample: Sample
) -> None:
    id_ = await desk.sent()

    dealt = await desk.returns.take(sample.raw())

    assert dealt.fate in (Fate.UNATTRIBUTED, Fate.IGNORED)
    assert (await desk.mail(id_)).state is MailState.SENT
    assert await desk.listed() == []


async def test_what_a_mail_came_back_with_stands_with_it(desk: Desk) -> None:
    id_ = await desk.sent()

    await desk.take(by_name("postfix-user-unknown"), id_)

    mail = await desk.mail(id_)
    assert mail.reason is not None
    assert mail.reason.startswith(
        "came back: 5.1.1 host mx.example.org[192.0.2.25] said: 550 5.1.1 <address> Recip"
    )
    [entry] = (await desk.suppressed.page(SuppressionsRequest())).items
    assert (entry.source, entry.evidence.mail, entry.evidence.code) == ("report", id_, "5.1.1")


async def test_a_report_that_comes_again_changes_nothing_also_after_a_lift(desk: Desk) -> None:
    id_ = await desk.sent()
    await desk.take(by_name("postfix-user-unknown"), id_)
    await desk.suppressed.lift(LiftRequest(address=RECIPIENT))

    again = await desk.take(by_name("postfix-user-unknown"), id_)

    assert (again.fate, again.suppressed) == (Fate.NOTED, False)
    assert await desk.listed() == []


@pytest.mark.parametrize(
    ("name", "fate_"), [("postfix-user-unknown", Fate.BOUNCED), ("arf-yahoo", Fate.COMPLAINED)]
)
async def test_a_report_that_comes_twice_at_once_counts_once(desk: Desk, name: str, fate_: Fate) -> None:
    """As SNS may post it, to two nodes: a brake that counts it twice would pause bulk mail for nothing."""
    id_ = await desk.sent(lane=LaneName.BULK)

    dealt = await asyncio.gather(*(desk.take(by_name(name), id_) for _ in range(4)))

    assert sorted(each.fate for each in dealt) == sorted([fate_] + [Fate.NOTED] * 3)
    assert desk.counted[("bulk", fate_)] == 1
    assert len(await desk.listed()) == 1


async def test_five_days_of_full_mailboxes_suppress_for_a_month(desk: Desk) -> None:
    fates = []
    for _ in range(5):
        fates.append(await desk.take(by_name("postfix-mailbox-full"), await desk.sent()))
        desk.clock.now += timedelta(days=1)

    assert [each.suppressed for each in fates] == [False] * 4 + [True]
    assert await desk.listed() == [(RECIPIENT, "*", "soft_bounce")]


async def test_a_complaint_about_bulk_mail_ends_bulk_mail_and_no_other(desk: Desk) -> None:
    id_ = await desk.sent(lane=LaneName.BULK)

    dealt = await desk.take(by_name("arf-yahoo"), id_)
    again = await desk.take(by_name("arf-aol"), id_)

    assert (dealt.fate, dealt.suppressed, again.fate) == (Fate.COMPLAINED, True, Fate.NOTED)
    assert await desk.listed() == [(RECIPIENT, "lane:bulk", Reason.COMPLAINT.value)]
    assert (await desk.mail(id_)).reason == "its reader complained: abuse"
    assert desk.counted[("bulk", Fate.COMPLAINED)] == 1


async def test_a_complaint_about_mail_that_somebody_waits_for_is_told_loudly(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    dealt = await desk.take(by_name("arf-yahoo"), await desk.sent())

    assert (dealt.fate, dealt.suppressed) == (Fate.COMPLAINED, False)
    assert [record.levelname for record in caplog.records if record.message == "mail came back"] == [
        "WARNING"
    ]
    assert RECIPIENT not in caplog.text


async def test_a_complaint_about_other_mail_ends_what_is_of_its_category(desk: Desk) -> None:
    id_ = await desk.sent(entry=Entry(category="offers", locale="en"))

    dealt = await desk.take(by_name("arf-yahoo"), id_)

    assert (dealt.fate, dealt.suppressed) == (Fate.COMPLAINED, True)
    assert await desk.listed() == [(RECIPIENT, "category:offers", Reason.COMPLAINT.value)]


async def test_what_is_heard_outweighs_what_was_heard_before_and_never_less(desk: Desk) -> None:
    id_ = await desk.sent()
    heard = []
    for name in (
        "postfix-delivered",
        "postfix-user-unknown",
        "postfix-delivered",
        "arf-yahoo",
        "postfix-policy",
    ):
        await desk.take(by_name(name), id_)
        heard.append((await desk.mail(id_)).state.value)

    assert heard == ["delivered", "bounced", "bounced", "complained", "complained"]


async def test_a_mail_that_stands_by_itself_comes_back_too(desk: Desk) -> None:
    await desk.owe_apart(uuid7())
    id_ = await desk._send(LaneName.BULK)

    dealt = await desk.take(by_name("gmail-not-found"), id_)

    assert (dealt.fate, dealt.suppressed) == (Fate.BOUNCED, True)
    assert (await desk.mail(id_)).state is MailState.BOUNCED


async def test_a_report_that_is_quicker_than_the_worker_waits_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay may have sent its report before the worker has written down that the relay took the mail."""
    id_ = await desk.owe()
    [lease] = await desk.store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=NOW)
    looked = asyncio.Event()
    real = desk.store.outbox.find

    async def find(mail: str) -> Notification | None:
        found = await real(mail)
        looked.set()
        return found

    monkeypatch.setattr(desk.store.outbox, "find", find)
    taking = asyncio.create_task(desk.take(by_name("postfix-user-unknown"), id_))
    await looked.wait()

    await desk.store.outbox.end(lease, Sent(), now=NOW)

    assert (await taking).fate is Fate.BOUNCED
    assert (await desk.mail(id_)).state is MailState.BOUNCED


async def test_a_report_of_a_mail_that_is_not_settled_is_to_be_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution, "SETTLING_SECONDS", 0)
    id_ = await desk.owe()
    await desk.store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=NOW)

    with pytest.raises(StoreUnavailable):
        await desk.take(by_name("postfix-user-unknown"), id_)

    assert await desk.listed() == []


async def test_a_report_of_a_mail_that_is_tried_again_suppresses_its_address(desk: Desk) -> None:
    """The relay had taken it, and its answer was lost."""
    id_ = await desk.owe()

    dealt = await desk.take(by_name("postfix-user-unknown"), id_)

    assert (dealt.fate, dealt.suppressed) == (Fate.BOUNCED, True)
    assert (await desk.mail(id_)).state is MailState.PENDING


async def test_the_envelopes_recipient_says_whose_it_is(desk: Desk) -> None:
    id_ = await desk.sent()
    path = PATH.address(id_)
    assert path is not None

    dealt = await desk.returns.take(by_name("postfix-user-unknown").raw(), came_to=[path])

    assert dealt == Return(fate=Fate.BOUNCED, mail=id_, suppressed=True)
    assert desk.returns.takes(path)
    assert not desk.returns.takes(NOBODYS_PATH)


async def test_without_addresses_of_its_own_a_mail_is_known_by_its_message_id_and_recipient(
    tmp_path: Path,
) -> None:
    store = SQLiteStore(tmp_path / "other.db")
    await store.open()
    desk = Desk(store, path=None)
    id_ = await desk.sent(to="Ann@Example.ORG")
    sample = by_name("postfix-user-unknown")

    elsewhere = await desk.returns.take(sample.raw(message_id=f"{id_}@other.example"))
    other = await desk.returns.take(sample.raw(message_id=f"{id_}@shop.example", to="bob@example.org"))
    ours = await desk.returns.take(sample.raw(message_id=f"{id_}@shop.example"))

    assert [each.fate for each in (elsewhere, other, ours)] == [
        Fate.UNATTRIBUTED,
        Fate.UNATTRIBUTED,
        Fate.BOUNCED,
    ]
    assert not desk.returns.takes(f"{id_}@shop.example")
    await store.close()


async def test_a_complaint_is_known_by_the_message_id_alone_for_its_recipient_is_blackened(
    desk: Desk,
) -> None:
    id_ = await desk.sent(lane=LaneName.BULK)

    dealt = await desk.returns.take(by_name("arf-yahoo").raw(message_id=f"{id_}@shop.example"))

    assert dealt == Return(fate=Fate.COMPLAINED, mail=id_, suppressed=True)


async def test_a_report_of_a_mail_that_is_not_kept_any_more_changes_nothing(desk: Desk) -> None:
    dealt = await desk.take(by_name("postfix-user-unknown"), uuid7())

    assert dealt.fate is Fate.UNATTRIBUTED
    assert await desk.listed() == []


async def test_a_mail_that_was_forgotten_suppresses_nobody(desk: Desk) -> None:
    id_ = await desk.sent(lane=LaneName.BULK)
    await desk.store.people.erase_user("ann", "user:ann", now=NOW)

    await desk.take(by_name("arf-yahoo"), id_)

    assert await desk.listed() == []


async def test_what_changes_nothing_is_kept_for_a_month_and_not_without_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returns, "STRAYS", 5)
    for number in range(8):
        await desk.returns.take(b"Subject: No %d\r\n\r\nHello" % number + b"x" * 100_000)
        desk.clock.now += timedelta(seconds=1)

    page = await desk.returns.page(StraysRequest(limit=3))
    following = await desk.returns.page(StraysRequest(limit=3, before=page.next))
    kept = [*page.items, *following.items]
    assert [each.subject for each in kept] == [f"No {n}" for n in (7, 6, 5, 4, 3)]
    assert all(len(each.raw) <= 16 * 1024 for each in kept)
    assert following.next is None

    desk.clock.now += timedelta(days=31)
    desk.clock.may_delete = False
    await desk.returns.keep_house()
    assert len(await desk.strays()) == 5
    desk.clock.may_delete = True
    await desk.returns.keep_house()
    assert await desk.strays() == []


# What a provider tells


@pytest.mark.parametrize(
    ("event", "status", "fate_", "state", "listed"),
    [
        (ProviderEvent.BOUNCED, "5.1.1", Fate.BOUNCED, MailState.BOUNCED, [(RECIPIENT, "*", "hard_bounce")]),
        (ProviderEvent.BOUNCED, "5.7.1", Fate.BOUNCED, MailState.BOUNCED, []),
        (ProviderEvent.BOUNCED, "", Fate.BOUNCED, MailState.BOUNCED, []),
        (ProviderEvent.DELIVERED, "", Fate.DELIVERED, MailState.DELIVERED, []),
        (
            ProviderEvent.UNSUBSCRIBED,
            "",
            Fate.NOTED,
            MailState.SENT,
            [(RECIPIENT, "lane:bulk", "unsubscribe")],
        ),
        (
            ProviderEvent.COMPLAINED,
            "",
            Fate.COMPLAINED,
            MailState.COMPLAINED,
            [(RECIPIENT, "lane:bulk", "complaint")],
        ),
    ],
)
async def test_what_a_provider_tells_counts_as_a_report_does(
    desk: Desk, event: ProviderEvent, status: str, fate_: Fate, state: MailState, listed: list[Any]
) -> None:
    id_ = await desk.sent(lane=LaneName.BULK)
    asked = HearsayRequest(event=event, mail=id_, status=status, diagnostic=f"550 <{RECIPIENT}> no")

    dealt, again = await desk.returns.hear(asked), await desk.returns.hear(asked)

    assert (dealt.fate, again.fate) == (fate_, Fate.NOTED)
    mail = await desk.mail(id_)
    assert mail.state is state
    assert RECIPIENT not in (mail.reason or "")
    assert await desk.listed() == listed


async def test_a_provider_names_a_mail_by_its_message_id_and_no_other_is_kept(desk: Desk) -> None:
    id_ = await desk.sent()

    ours = await desk.returns.hear(
        HearsayRequest(event=ProviderEvent.DELIVERED, message_id=f"<{id_}@Shop.example>")
    )
    others = [
        await desk.returns.hear(HearsayRequest(event=ProviderEvent.BOUNCED, status="5.1.1", message_id=each))
        for each in (f"<{id_}@other.example>", "x", f"{uuid7()}@shop.example")
    ]

    assert ours.fate is Fate.DELIVERED
    assert [each.fate for each in others] == [Fate.UNATTRIBUTED] * 3
    assert await desk.strays() == []


async def test_a_service_names_a_mail_by_what_the_relay_calls_it(desk: Desk) -> None:
    id_ = await desk.sent(said="2.0.0 Ok: queued as 4ABC")

    ours = await desk.returns.hear(
        HearsayRequest(event=ProviderEvent.BOUNCED, status="5.1.1", relay_id="4ABC")
    )
    other = await desk.returns.hear(
        HearsayRequest(event=ProviderEvent.BOUNCED, status="5.1.1", relay_id="4ABD")
    )

    assert ours == Return(fate=Fate.BOUNCED, mail=id_, suppressed=True)
    assert other.fate is Fate.UNATTRIBUTED


# By the relay's own id

SES_ID = "0102018b2f7d4c2a-3a1f9d6e-4b5c-4d7e-9f01-23456789abcd-000000"


async def test_a_report_is_known_by_a_relays_id_that_nobody_can_guess(tmp_path: Path) -> None:
    """SES sends back what it has sent, with the Message-ID that it gave it."""
    store = SQLiteStore(tmp_path / "other.db")
    await store.open()
    desk = Desk(store, path=None)
    id_ = await desk.sent(said=f"Ok {SES_ID}", to="Ann@Example.ORG")
    sample = by_name("postfix-user-unknown")

    def take(message_id: str, to: str = RECIPIENT) -> bytes:
        return sample.raw(message_id=message_id, to=to)

    another = SES_ID.replace("3a1f9d6e", "3a1f9d6f")
    others = [
        await desk.returns.take(take(f"{another}@eu-west-1.amazonses.com")),
        await desk.returns.take(take(f"{SES_ID}@eu-west-1.amazonses.com", to="bob@example.org")),
    ]
    ours = await desk.returns.take(take(f"{SES_ID}@eu-west-1.amazonses.com"))

    assert [each.fate for each in others] == [Fate.UNATTRIBUTED] * 2
    assert ours == Return(fate=Fate.BOUNCED, mail=id_, suppressed=True)
    await store.close()


async def test_a_queue_id_is_no_evidence_for_anybody_may_guess_it(desk: Desk) -> None:
    id_ = await desk.sent(said="2.0.0 Ok: queued as 4ABCDEF")

    for sample in (by_name("postfix-user-unknown"), by_name("arf-yahoo")):
        dealt = await desk.returns.take(sample.raw(message_id="4ABCDEF@relay.example"))
        assert dealt.fate is Fate.UNATTRIBUTED

    assert (await desk.mail(id_)).state is MailState.SENT
    assert await desk.listed() == []


async def test_a_message_id_that_was_not_made_at_random_is_no_evidence(desk: Desk) -> None:
    """Whatever has an id that can be worked out is known by its return address alone."""
    id_ = str(uuid.uuid5(uuid.NAMESPACE_DNS, "campaign 1, ann"))
    await desk.owe_apart(id_)
    await desk._send(LaneName.BULK)
    sample, path = by_name("postfix-user-unknown"), PATH.address(id_)
    assert path is not None

    by_id = await desk.returns.take(sample.raw(message_id=f"{id_}@shop.example"))
    by_path = await desk.returns.take(sample.raw(path=path))

    assert (by_id.fate, by_path.fate) == (Fate.UNATTRIBUTED, Fate.BOUNCED)


@pytest.mark.parametrize("by", ["service", "ses"])
async def test_a_message_id_of_any_kind_is_believed_of_who_is_known(desk: Desk, by: str) -> None:
    id_ = str(uuid.uuid5(uuid.NAMESPACE_DNS, "campaign 1, ann"))
    await desk.owe_apart(id_)
    await desk._send(LaneName.BULK)
    message_id = f"<{id_}@shop.example>"

    dealt = (
        await desk.returns.hear(HearsayRequest(event=ProviderEvent.BOUNCED, status="5.1.1", message_id=message_id))
        if by == "service"
        else await desk.hear(
            ses_event(
                "Bounce", message_id="x", to=RECIPIENT,
                mail={"headers": [{"name": "Message-ID", "value": message_id}]},
            )
        )
    )  # fmt: skip

    assert dealt == Return(fate=Fate.BOUNCED, mail=id_, suppressed=True)


# What providers tell themselves


async def test_ses_is_believed_in_what_it_calls_a_mail(desk: Desk) -> None:
    id_ = await desk.sent(said=f"Ok {SES_ID}")

    dealt = await desk.hear(ses_event("Bounce", message_id=SES_ID, to=RECIPIENT))
    again = await desk.hear(ses_event("Bounce", message_id=SES_ID, to=RECIPIENT))

    assert (dealt, again.fate) == (Return(fate=Fate.BOUNCED, mail=id_, suppressed=True), Fate.NOTED)
    [entry] = (await desk.suppressed.page(SuppressionsRequest())).items
    assert (entry.source, entry.reason, entry.evidence.mail, entry.evidence.code) == (
        "ses",
        Reason.HARD_BOUNCE,
        id_,
        "5.1.1",
    )
    assert (await desk.mail(id_)).reason == "came back: 5.1.1 550 5.1.1 <address> User unknown"


@pytest.mark.parametrize("known_by", ["message id", "source"])
async def test_ses_is_believed_in_what_it_was_given(desk: Desk, known_by: str) -> None:
    """It sends back the head of the mail, where it is asked to, and names the envelope's sender."""
    id_ = await desk.sent()
    headers = [{"name": "Message-ID", "value": f"<{id_}@shop.example>"}]
    given_ = {"headers": headers} if known_by == "message id" else {"source": PATH.address(id_)}

    dealt = await desk.hear(ses_event("Delivery", message_id="x", to=RECIPIENT, mail=given_))

    assert dealt.fate is Fate.DELIVERED
    assert (await desk.mail(id_)).state is MailState.DELIVERED


async def test_what_ses_tells_of_another_recipient_is_of_no_mail_of_ours(desk: Desk) -> None:
    id_ = await desk.sent(said=f"Ok {SES_ID}")

    for kind in ("Bounce", "Complaint", "Delivery"):
        dealt = await desk.hear(ses_event(kind, message_id=SES_ID, to="bob@example.org"))
        assert dealt.fate is Fate.UNATTRIBUTED

    assert (await desk.mail(id_)).state is MailState.SENT
    # That other mail arrived is nothing to look at.
    assert len(await desk.strays()) == 2


async def test_a_complaint_that_ses_tells_ends_bulk_mail(desk: Desk) -> None:
    id_ = await desk.sent(lane=LaneName.BULK, said=f"Ok {SES_ID}")

    dealt = await desk.hear(ses_event("Complaint", message_id=SES_ID, to=RECIPIENT))

    assert dealt == Return(fate=Fate.COMPLAINED, mail=id_, suppressed=True)
    assert await desk.listed() == [(RECIPIENT, "lane:bulk", "complaint")]


async def test_what_is_told_of_a_mail_that_is_about_to_be_written_down_is_to_be_told_again(
    desk: Desk,
) -> None:
    """A provider may be quicker than the worker, who has just had its answer."""
    desk.clock.now = datetime(2025, 11, 26, 10, 0, 10, tzinfo=UTC)
    event = ses_event("Bounce", message_id=SES_ID, to=RECIPIENT)

    with pytest.raises(StoreUnavailable) as caught:
        await desk.hear(event)
    assert caught.value.retry_after == 20
    assert await desk.strays() == []

    desk.clock.now += timedelta(minutes=1)
    assert (await desk.hear(event)).fate is Fate.UNATTRIBUTED
    assert await desk.strays() == [None]


def of_postmark(kind: str, id_: str, **changed: Any) -> dict[str, Any]:
    return {
        "RecordType": kind, "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "Metadata": {"bellhop": id_},
        "Email": RECIPIENT,
    } | changed  # fmt: skip


async def test_postmark_is_believed_in_what_it_was_given(desk: Desk) -> None:
    id_ = await desk.sent()
    bounce = of_postmark("Bounce", id_, Type="HardBounce", Details=f"smtp;550 5.1.1 <{RECIPIENT}> unknown")

    other = await desk.hear(bounce | {"Email": "bob@example.org"})
    dealt = await desk.hear(bounce)

    assert (other.fate, dealt) == (Fate.UNATTRIBUTED, Return(fate=Fate.BOUNCED, mail=id_, suppressed=True))
    [entry] = (await desk.suppressed.page(SuppressionsRequest())).items
    assert (entry.source, entry.evidence.diagnostic) == ("postmark", "550 5.1.1 <address> unknown")


async def test_postmark_is_believed_in_what_it_calls_a_mail(desk: Desk) -> None:
    id_ = await desk.sent(said="Ok 883953f4-6105-42a2-a16a-77a8eac79483")

    dealt = await desk.hear(of_postmark("Delivery", "", Email=None, Recipient=RECIPIENT))

    assert (dealt.fate, dealt.mail) == (Fate.DELIVERED, id_)


@pytest.mark.parametrize("provider", ["ses", "postmark"])
async def test_that_somebody_is_away_changes_nothing_whoever_tells_it(desk: Desk, provider: str) -> None:
    id_ = await desk.sent(said=f"Ok {SES_ID}")
    away = {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": RECIPIENT}]}
    told = (
        ses_event("Bounce", message_id=SES_ID, to=RECIPIENT, bounce=away)
        if provider == "ses"
        else of_postmark("Bounce", id_, Type="AutoResponder", Details="I am away, 5.1.1")
    )

    assert await desk.hear(told) == Return(fate=Fate.NOTED, mail=id_)
    assert (await desk.mail(id_)).state is MailState.SENT
    assert await desk.listed() == []


@pytest.mark.parametrize(
    ("lane", "entry", "listed"),
    [
        (LaneName.BULK, None, [(RECIPIENT, "lane:bulk", "unsubscribe")]),
        (
            LaneName.TRANSACTIONAL,
            Entry(category="offers", locale="en"),
            [(RECIPIENT, "category:offers", "unsubscribe")],
        ),
        (LaneName.TRANSACTIONAL, None, []),
    ],
)
async def test_who_unsubscribes_at_postmark_gets_no_more_of_it(
    desk: Desk, lane: LaneName, entry: Entry | None, listed: list[Any]
) -> None:
    id_ = await desk.sent(lane=lane, entry=entry)
    change = of_postmark(
        "SubscriptionChange",
        id_,
        SuppressSending=True,
        SuppressionReason="ManualSuppression",
        Origin="Recipient",
    )

    dealt, again = await desk.hear(change), await desk.hear(change)

    assert (dealt, again) == (Return(fate=Fate.NOTED, mail=id_, suppressed=bool(listed)),) * 2
    assert await desk.listed() == listed
    # It is no complaint, and does not count as one.
    assert (await desk.mail(id_)).state is MailState.SENT


# Forged


LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
QUEUED, TAKEN = "4C1XYZ2B3K", "0102018b2f7d4c2a"
"""What the ids of two relays begin with; the first goes on with a number, the second at random."""


def forged(seed: int, ids: list[str]) -> bytes:
    """A report of the corpus about a mail that was sent, by somebody who knows everything but the secret."""
    random = Random(seed)

    def letters(count: int) -> str:
        return "".join(random.choices(LETTERS, k=count))

    id_ = random.choice(ids)
    real = PATH.address(id_)
    assert real is not None
    packed, mac = real[2:28], real[29:45]
    path = random.choice(
        [
            f"b-{packed}-{letters(16)}@{PATH.domain}",
            f"b-{packed}@{PATH.domain}",
            f"b-{packed}-@{PATH.domain}",
            f"b-{packed}-{mac[:15]}{letters(2)}@{PATH.domain}",
            f"b-{letters(26)}-{mac}@{PATH.domain}",
            f"{real.partition('@')[0]}@evil.example",
            f"x{real}",
            f"b_{real[2:]}",
            NOBODYS_PATH,
        ]
    )
    message_id = random.choice(
        [
            f"{uuid.UUID(int=random.getrandbits(128))}@shop.example",
            f"{uuid.UUID(int=random.getrandbits(128), version=4)}@shop.example",
            f"{id_}@evil.example",
            f"{id_}@shop.example.evil.example",
            f"x{id_}@shop.example",
            id_,
            # The relay's id of the mail, where that can be guessed, and one like it where it cannot.
            f"{QUEUED}{ids.index(id_):04X}@relay.example",
            f"{QUEUED}{ids.index(id_):04X}",
            f"{TAKEN}-{uuid.UUID(int=random.getrandbits(128), version=4)}-000000@eu-west-1.amazonses.com",
            f"{TAKEN}-000000@eu-west-1.amazonses.com",
        ]
    )
    return random.choice(SAMPLES).raw(path=path, message_id=message_id, to=f"u{ids.index(id_)}@example.org")


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_thousands_of_forged_reports_suppress_nobody(desk: Desk) -> None:
    ids = []
    for n in range(20):
        said = f"queued as {QUEUED}{n:04X}" if n % 2 else f"Ok {TAKEN}-{uuid.uuid4()}-000000"
        lane = LaneName.BULK if n % 4 < 2 else LaneName.TRANSACTIONAL
        ids.append(await desk.sent(lane=lane, to=f"u{n}@example.org", said=said))
    fates: Counter[Fate] = Counter()
    for begin in range(0, amount(1000, long=10_000), 100):
        made = [forged(seed, ids) for seed in range(begin, begin + 100)]
        dealt = await asyncio.gather(*map(desk.returns.take, made))
        fates.update(each.fate for each in dealt)

    assert set(fates) <= {Fate.UNATTRIBUTED, Fate.IGNORED}
    assert await desk.listed() == []
    assert {(await desk.mail(id_)).state for id_ in ids} == {MailState.SENT}
