"""Each mail is judged once more as it is about to leave."""

from datetime import datetime, timedelta

import pytest

from mailer.outcomes import Result
from storage.endings import Ending, Gathered, Postponed
from storage.inboxes import Selection
from storage.mail import MailState, Unless
from storage.obligations import Digest, Lease
from tests.unit.mailer.letters import ID
from tests.unit.mailer.worker.bench import Bench


@pytest.mark.parametrize(
    ("unless", "mark", "result"),
    [
        (Unless.READ, "read", Result.SKIPPED),
        (Unless.READ, "seen", Result.SENT),
        (Unless.READ, None, Result.SENT),
        (Unless.SEEN, "seen", Result.SKIPPED),
        (Unless.SEEN, "read", Result.SKIPPED),
        (Unless.SEEN, None, Result.SENT),
    ],
)
async def test_whether_a_mail_is_needed_is_judged_when_it_is_due(
    bench: Bench, unless: Unless, mark: str | None, result: Result
) -> None:
    await bench.owe(unless=unless)
    if mark is not None:
        await getattr(bench.store.inboxes, mark)(Selection("42", ["user:42"], [ID], now=bench.clock()))

    bench.start()

    await bench.until_observed(result)
    mail = await bench.mail()
    assert mail.state == result.value
    assert bool(mail.reason) == (result is Result.SKIPPED)


@pytest.mark.parametrize(("online", "result"), [(True, Result.SKIPPED), (False, Result.SENT)])
async def test_a_user_who_is_online_needs_no_mail(bench: Bench, *, online: bool, result: Result) -> None:
    bench.online = lambda user: online and user == "42"
    await bench.owe(unless=Unless.ONLINE)

    bench.start()

    await bench.until_observed(result)


async def test_a_mail_that_a_rule_holds_is_decided_again_later(bench: Bench) -> None:
    until = bench.clock.now + timedelta(hours=8)

    async def decide(lease: Lease, now: datetime) -> Ending | None:
        return (
            Postponed(until=until, reason="quiet hours", rule="quiet", counted=False) if now < until else None
        )

    await bench.owe()
    worker = bench.start(decide=decide)

    await bench.until_observed(Result.HELD)
    mail = await bench.mail()
    assert (mail.state, mail.due_at, mail.attempts) == (MailState.PENDING, until, 0)
    assert (mail.decided_by, mail.reason) == ("quiet", "quiet hours")
    bench.clock.now = until
    worker.wake()
    await bench.until_observed(Result.HELD, Result.SENT)
    assert (await bench.mail()).decided_by is None


async def test_a_mail_that_is_to_come_with_others_is_gathered_and_not_sent(bench: Bench) -> None:
    async def decide(_lease: Lease, now: datetime) -> Ending | None:
        opens = Digest(
            id="d",
            room="user:42",
            key="daily",
            rule="digest",
            opened_at=now,
            closes_at=now + timedelta(hours=8),
        )
        return Gathered(digest=opens, rule="digest", reason="once a day")

    await bench.owe()
    bench.start(decide=decide)

    await bench.until_observed(Result.GATHERED)
    mail = await bench.mail()
    assert (mail.state, mail.digest, mail.attempts) == (MailState.GATHERED, "d", 0)
    assert bench.relay.received == []


async def test_when_presence_cannot_be_asked_the_mail_goes_out(bench: Bench) -> None:
    def broken(_user: str) -> bool:
        raise ConnectionError

    bench.online = broken
    await bench.owe(unless=Unless.ONLINE)

    bench.start()

    await bench.until_observed(Result.SENT)


async def test_a_condition_about_a_room_of_many_is_not_judged(bench: Bench) -> None:
    bench.online = lambda _user: True
    await bench.owe(room="topic:deals", unless=Unless.ONLINE)

    bench.start()

    await bench.until_observed(Result.SENT)


async def test_a_receipt_that_cannot_be_read_gives_the_mail_back_uncounted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.store_pause.STORE_PAUSE_SECONDS", (0.02, 0.02))
    bench.outbox.fail("receipts_of", 1)
    await bench.owe(unless=Unless.READ)

    bench.start()

    await bench.until_observed(Result.POSTPONED, Result.SENT)
    assert bench.outcomes[-1].attempts == 1
