"""What is decided as a mail leaves."""

from datetime import timedelta

import pytest

from gateway.catalog.buckets import bucket
from gateway.catalog.channels import EMAIL
from gateway.catalog.switches import Switch
from gateway.notify.deciding.verdicts import Delay, Merge
from gateway.notify.deciding.windows import Window
from storage.endings import Gathered, Postponed, Skipped
from storage.errors import StoreUnavailable
from storage.mail import Unless
from storage.obligations import Lease
from storage.receipts import Receipt
from tests.unit.gateway.deciding.known import AT, EVERYTHING_OFF, NOW, Known, ended, gate, lease


async def test_at_a_lease_the_rule_and_its_words_end_it() -> None:
    known = Known(receipt=Receipt(read_at=AT))

    ending = await ended(known.judge(), lease(Unless.READ))

    assert ending == Skipped(rule="unless", reason="ann read it at 10:02 UTC")
    assert known.asked == ["exact suppressions ann@example.org", "receipts ann n1"]


@pytest.mark.parametrize("given", [lease(), lease(Unless.READ), lease(Unless.ONLINE, room="topic:deals")])
async def test_at_a_lease_what_no_gate_stops_is_sent(given: Lease) -> None:
    assert await ended(Known(online=True).judge(), given) is None


async def test_at_a_lease_what_was_switched_off_meanwhile_is_skipped() -> None:
    known = Known()
    known.catalog.switches = {"T": Switch.of(EVERYTHING_OFF)}

    assert await ended(known.judge(), lease()) == Skipped(rule="switch", reason="the type is switched off")
    known.catalog.switches = {"T": Switch.of({"channels": {"email": {"percent": 0}}})}
    [skipped, shared] = [await ended(known.judge(), lease(room=room)) for room in ("user:ann", "topic:deals")]

    assert (skipped.rule, shared.rule) == ("rollout", "rollout")
    assert str(bucket("T", EMAIL, "", "topic:deals")) in shared.reason


async def test_a_lease_that_cannot_be_judged_is_the_stores_failure() -> None:
    known = Known()
    known.failure = StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await ended(known.judge(), lease(Unless.READ))


async def test_a_rule_that_holds_a_mail_has_it_decided_again_later_uncounted() -> None:
    verdict = Delay(until=NOW + timedelta(hours=8), rule="quiet", detail="quiet hours")

    ending = await ended(Known().judge([gate(verdict)]), lease())

    assert ending == Postponed(until=verdict.until, reason="quiet hours", rule="quiet", counted=False)


async def test_what_becomes_part_of_a_digest_is_not_sent_by_itself() -> None:
    at, latest = NOW + timedelta(hours=1), NOW + timedelta(hours=4)
    window = Window(key="daily", closes_at=at, latest_at=latest, silence=timedelta(minutes=5))
    verdict = Merge(window=window, rule="digest", detail="in the digest of 18:00")

    ending = await ended(Known().judge([gate(verdict)]), lease())

    assert isinstance(ending, Gathered)
    assert (ending.rule, ending.reason) == ("digest", "in the digest of 18:00")
    assert ending.silence == timedelta(minutes=5)
    opened = ending.digest
    assert (opened.room, opened.key, opened.rule, opened.lead) == ("user:ann", "daily", "digest", None)
    assert (opened.opened_at, opened.closes_at, opened.latest_at) == (NOW, at, latest)
