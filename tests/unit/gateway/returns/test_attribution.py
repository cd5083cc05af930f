"""Which mail a report is about: what suffices to say so, and that nobody is suppressed by a forged one."""

import asyncio
import uuid
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from gateway.notify.returns import attribution
from gateway.notify.returns.fates import Fate, HearsayRequest, ProviderEvent, Return
from storage.endings import Sent
from storage.errors import StoreUnavailable
from storage.mail import LaneName, MailState
from storage.notifications import Notification
from storage.sqlite import SQLiteStore
from tests.support.amounts import amount
from tests.support.corpus import NOBODYS_PATH, RECIPIENT, SAMPLES
from tests.support.sns import ses_event
from tests.unit.gateway.returns.desk import PATH, SES_ID, Desk, by_name
from tests.unit.gateway.suppressions.listing import NOW


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
