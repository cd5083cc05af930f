"""Which facts are looked up for a decision, when, and how often."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.catalog.buckets import bucket
from gateway.catalog.channels import EMAIL, IN_APP
from gateway.catalog.switches import Flag, Share, Switch
from gateway.notify.deciding.decision import GATES, Judge, Judged
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Send, Skip, Verdict, words
from storage.endings import Skipped
from storage.errors import StorageError, StoreUnavailable
from storage.mail import LaneName, Unless
from storage.receipts import Receipt
from storage.suppressions import EVERYTHING
from tests.unit.gateway.deciding.known import (
    AT,
    EVERYTHING_OFF,
    KNOWN,
    NOW,
    Known,
    case,
    ended,
    gate,
    lease,
    suppressed,
)


async def verdicts(known: Known, cases: Sequence[Case], moment: Moment) -> list[Verdict | StorageError]:
    judged = await known.judge().judge(cases, moment)
    return [each.verdict if isinstance(each, Judged) else each for each in judged]


async def test_at_an_emit_the_addresses_of_all_are_asked_for_once_and_nothing_else() -> None:
    known = Known(online=True)
    cases = [case(Unless.ONLINE), case(Unless.READ, user="bob"), case(to="bob@example.org", user="bob")]

    found = await verdicts(known, cases, Moment.EMIT)

    assert [type(verdict) for verdict in found] == [Send, Skip, Send]
    assert known.asked == ["contacts", "rough suppressions ann@example.org bob@example.org"]


async def test_with_every_address_given_nobody_is_asked_for_one() -> None:
    known = Known()

    assert await verdicts(known, [case(to="bob@example.org")], Moment.EMIT) == [Send()]
    assert known.asked == ["rough suppressions bob@example.org"]


@pytest.mark.parametrize("moment", Moment)
async def test_an_address_that_is_suppressed_is_found_by_the_form_it_was_given_or_told_in(
    moment: Moment,
) -> None:
    known = Known()
    known.suppressed = {
        each: suppressed(EVERYTHING).entries for each in ("ann@example.org", "bob@example.org")
    }
    cases = [case(to="bob@example.org", user="bob"), case(to="eve@example.org"), case()]

    given, other, told = await verdicts(known, cases, moment)

    assert words_of(given) == "not sent: the address refused mail for good on 2026-11-25"
    assert other == Send()
    # at a lease an obligation has an address of its own
    assert isinstance(told, Send if moment in (Moment.LEASE, Moment.CLOSING) else Skip)


async def test_at_a_lease_the_lane_of_the_mail_decides() -> None:
    known = Known()
    known.suppressed = {"ann@example.org": suppressed("lane:bulk").entries}

    assert await ended(known.judge(), lease()) is None
    ending = await ended(known.judge(), lease(lane=LaneName.BULK))
    assert ending == Skipped(rule="suppression", reason="the address refused mail for good on 2026-11-25")


async def test_facts_that_cannot_be_looked_up_are_the_answer_of_those_alone_who_need_them() -> None:
    known = Known()
    known.failure = StoreUnavailable("away")

    found = await verdicts(known, [case(), case(to="bob@example.org")], Moment.EMIT)

    assert found == [known.failure, Send()]


async def test_a_preview_tells_what_would_become_of_it_now() -> None:
    known = Known(online=True)
    later = NOW + timedelta(minutes=10)
    cases = [case(Unless.ONLINE), case(Unless.ONLINE, due_at=later), case(Unless.READ), case(user="bob")]

    online, due_later, unread, unknown = await verdicts(known, cases, Moment.PREVIEW)

    assert words_of(online) == "not sent: ann was online"
    assert (due_later, unread) == (Send(), Send())
    assert words_of(unknown) == "not sent: no address is known"


async def test_a_type_that_nobody_mentions_has_no_facts_of_switches() -> None:
    known = Known()
    known.catalog.switches = {"OTHER": Switch.of(EVERYTHING_OFF)}

    [judged] = await known.judge().judge([case(to="ann@example.org")], Moment.EMIT)

    assert judged == Judged(Send(), ())


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_switch_counts_at_every_moment_and_on_every_channel(moment: Moment) -> None:
    known = Known()
    cases = [case(channel=IN_APP), case(to="ann@example.org"), case(user=None, room="all", channel=IN_APP)]

    known.catalog.switches = {"T": Switch.of(EVERYTHING_OFF)}
    off = await verdicts(known, cases, moment)
    known.catalog.switches = {"T": Switch.of({"channels": {"email": {"enabled": False}}})}
    no_mail = await verdicts(known, cases, moment)

    assert [words_of(verdict) for verdict in off] == ["not sent: the type is switched off"] * 3
    assert [words_of(verdict) for verdict in no_mail] == [
        None, "not sent: the type's channel email is switched off", None,
    ]  # fmt: skip


async def test_a_rollout_goes_by_the_user_or_else_by_the_room() -> None:
    known = Known()
    places = {key: bucket("T", IN_APP, "", key) for key in ("ann", "topic:deals")}
    between = sum(places.values()) / 2 / 100
    known.catalog.switches = {"T": Switch.of({"channels": {"in_app": {"percent": between}}})}
    cases = [case(channel=IN_APP, room="user:ann"), case(user=None, room="topic:deals", channel=IN_APP)]

    found = await verdicts(known, cases, Moment.EMIT)

    assert [words_of(verdict) is None for verdict in found] == [
        places["ann"] < between * 100,
        places["topic:deals"] < between * 100,
    ]
    assert sorted(type(verdict) is Send for verdict in found) == [False, True]


async def test_facts_tell_the_flag_the_percentage_and_the_bucket() -> None:
    known = Known()
    known.catalog.switches = {"T": Switch.of({"channels": {"email": {"percent": 40}}})}

    [judged] = await known.judge().judge([case(to="ann@example.org")], Moment.PREVIEW)

    assert isinstance(judged, Judged)
    flag, found = judged.facts
    assert flag == Flag(type_on=True, channel_on=True, overridden=False)
    assert isinstance(found, Share)
    assert (found.percent, found.overridden, found.bucket) == (40, True, bucket("T", EMAIL, "", "ann"))


async def test_what_is_only_of_mail_stops_no_other_channel() -> None:
    known = Known(receipt=Receipt(read_at=AT), online=True)
    cases = [case(unless, channel=IN_APP, user="bob") for unless in Unless]

    for moment in Moment:
        assert await verdicts(known, cases, moment) == [Send()] * 3
    assert known.asked == []


def words_of(verdict: Verdict | StorageError) -> str | None:
    assert not isinstance(verdict, StorageError)
    return words(verdict)


async def test_a_rule_that_is_not_in_use_is_not_asked_for_its_facts() -> None:
    idle = replace(gate(Skip(rule="later", detail="x")), in_use=lambda sources, cases: sources.catalog.in_use)
    known = Known()

    assert await ended(known.judge([idle]), lease()) is None
    known.catalog.switches = {"OTHER": Switch.of(EVERYTHING_OFF)}
    assert await ended(known.judge([idle]), lease()) == Skipped(rule="later", reason="x")


async def test_presence_that_cannot_be_asked_stops_nothing() -> None:
    known = Known()

    async def away(_: str) -> bool:
        raise ConnectionError

    judge = Judge(
        Sources(catalog=known.catalog, contacts=known, receipts=known, suppressions=known, is_online=away)
    )

    assert await ended(judge, lease(Unless.ONLINE)) is None


async def test_what_every_gate_says_is_told_with_its_facts() -> None:
    known = Known(receipt=Receipt(read_at=AT))
    last = gate(Skip(rule="later", detail="not today"))
    judge = known.judge([*GATES, last])

    explained = await judge.explain(case(Unless.READ, notification_id="n1"))

    steps = {step.rule: step for step in explained.steps}
    assert explained.verdict == Skip(rule="unless", detail="ann read it at 10:02 UTC")
    assert (steps["address"].fact, steps["address"].verdict) == (KNOWN, None)
    assert steps["unless"].verdict is explained.verdict
    assert isinstance(steps["later"].verdict, Skip)


async def test_a_case_that_nothing_stops_is_explained_as_sent() -> None:
    explained = await Known().judge([]).explain(case())

    assert (explained.channel, explained.verdict, explained.steps) == (EMAIL, Send(), ())
