"""Beyond a limit mail goes into a digest, or is dropped, and each is counted once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.sources import NOTHING_SENT
from gateway.notify.deciding.verdicts import Moment, Send
from storage.endings import Gathered, Postponed, Sent, Skipped
from storage.mail import MailState
from tests.unit.gateway.digests.office import HOUR, NOW, Office, case


async def test_beyond_the_limit_mail_goes_into_a_digest_until_the_window_has_gone_by(office: Office):
    for _ in range(3):
        await office.emit("TIP")

    endings = await office.work()

    assert [type(ending) for ending in endings] == [Sent, Sent, Gathered]
    assert isinstance(endings[2], Gathered)
    assert (endings[2].rule, endings[2].reason) == ("throttle", "ann gets 2 in 1h at most")
    [opened] = await office.open()
    assert (opened.key, opened.closes_at) == ("type:TIP", NOW + HOUR)
    await office.emit("TIP", "bob")
    assert await office.work() == [Sent()]

    office.now = NOW + HOUR + timedelta(seconds=1)
    await office.emit("TIP")
    assert await office.work() == [Sent()]


async def test_what_is_dropped_says_so(office: Office):
    await office.emit("AD")
    dropped = await office.emit("AD")

    sent, skipped = await office.work()

    assert sent == Sent()
    assert skipped == Skipped(rule="throttle", reason="ann gets 1 in 1m at most")
    assert (await office.mail(dropped)).state is MailState.SKIPPED


async def test_a_mail_that_failed_for_a_moment_is_not_one_too_many_by_itself(office: Office):
    await office.emit("AD")
    [lease] = await office.lease()
    assert await office.departures.decide(lease, office.now) is None
    await office.store.outbox.end(lease, Postponed(until=office.now, reason="busy"), now=office.now)

    assert await office.work() == [Sent()]


async def test_of_two_that_are_judged_at_once_one_is_within_the_limit(office: Office):
    for _ in range(2):
        await office.emit("AD")
    first, second = await office.lease()

    # The second is judged before the first is sent: it counts all the same.
    assert await office.departures.decide(first, office.now) is None
    ending = await office.departures.decide(second, office.now)

    assert isinstance(ending, Skipped)
    assert ending.rule == "throttle"


async def test_of_two_that_pass_the_decision_together_one_claims(office: Office, monkeypatch):
    """Both see that nothing was sent; what they claim is decided one after the other."""
    for _ in range(2):
        await office.emit("AD")
    leases = await office.lease()

    async def nothing(*_: Any, **__: Any) -> int:
        return 0

    monkeypatch.setattr(office.store.outbox, "counted", nothing)
    endings = [await office.departures.decide(lease, office.now) for lease in leases]

    assert endings[0] is None
    assert isinstance(endings[1], Skipped)
    office.catalog.replace(None)
    await office.emit("AD")
    [lease] = await office.lease()
    assert await office.departures.decide(lease, office.now) is None


async def test_a_catalog_that_goes_in_the_middle_throttles_nothing(office: Office, monkeypatch):
    await office.emit("AD")
    await office.work()
    await office.emit("AD")
    [lease] = await office.lease()

    async def claim(*_: Any, **__: Any) -> bool:
        office.catalog.replace(None)
        return False

    async def nothing(*_: Any, **__: Any) -> int:
        return 0

    monkeypatch.setattr(office.store.outbox, "claim", claim)
    monkeypatch.setattr(office.store.outbox, "counted", nothing)

    assert await office.departures.decide(lease, office.now) is None


async def test_a_throttle_holds_for_what_begins_a_digest_too(office: Office):
    await office.emit("BOTH")
    assert await office.work() == [Sent()]
    office.now += timedelta(minutes=5)
    await office.emit("BOTH")
    [gathered] = await office.work()

    assert isinstance(gathered, Gathered)
    assert (gathered.rule, gathered.digest.key) == ("throttle", "type:BOTH")


async def test_where_nobody_counts_nothing_is_throttled(office: Office):
    judge = Judge(replace(office.sources, sendings=NOTHING_SENT))

    [judged] = await judge.judge([case("AD")], Moment.LEASE)

    assert judged.verdict == Send()  # type: ignore[union-attr]
