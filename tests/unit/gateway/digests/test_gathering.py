"""What is gathered, what leaves at once, and when its digest closes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.catalog.switches import Switch
from gateway.notify.deciding.verdicts import Merge, Moment, Send, Skip
from storage.endings import Gathered, Sent, Skipped
from tests.unit.gateway.digests.office import HOUR, NOW, Office, case


@pytest.mark.parametrize(
    ("type_", "chosen", "key", "detail"),
    [
        ("NEWS", {}, "type:NEWS", "ann gets one mail every 1h"),
        ("TALK", {}, "type:TALK", "ann gets the first at once, then one mail every 1h"),
        ("PLAIN", {}, None, None),
        ("OTHER", {}, None, None),
        ("RESET", {"types": {"RESET": {"email": "daily"}}}, None, None),
        ("PLAIN", {"types": {"PLAIN": {"email": "daily"}}}, "daily", "ann gets one mail a day, at 09:00 (UTC)"),
        ("PLAIN", {"categories": {"news": {"email": "weekly"}}}, "weekly", "ann gets one mail a week, on mon at 09:00 (UTC)"),
        # the person's word goes before the catalog's, the nearer one before the other
        ("NEWS", {"categories": {"news": {"email": "daily"}}}, "daily", "ann gets one mail a day, at 09:00 (UTC)"),
        (
            "NEWS",
            {"categories": {"news": {"email": "daily"}}, "types": {"NEWS": {"email": True}}, "timezone": "Europe/Berlin"},
            "type:NEWS",
            "ann gets one mail every 1h",
        ),
    ],
)  # fmt: skip
async def test_mail_is_gathered_by_the_persons_word_or_the_catalogs(
    office: Office, type_: str, chosen: Mapping[str, Any], key: str | None, detail: str | None
):
    office.chosen["ann"] = chosen

    for moment in (Moment.EMIT, Moment.LEASE, Moment.PREVIEW):
        [judged] = await office.judge.judge([case(type_)], moment)
        verdict = judged.verdict  # type: ignore[union-attr]  # nothing fails here
        if key is None:
            assert verdict == Send()
        else:
            assert isinstance(verdict, Merge)
            assert (verdict.window.key, verdict.rule, verdict.detail) == (key, "digest", detail)


async def test_a_digest_of_the_day_closes_by_the_readers_own_clock(office: Office):
    office.chosen["ann"] = {"categories": {"news": {"email": "daily"}}, "timezone": "America/New_York"}

    explained = await office.judge.explain(case("PLAIN"))

    assert isinstance(explained.verdict, Merge)
    assert explained.verdict.window.closes_at == datetime(2026, 11, 26, 14, tzinfo=UTC)


async def test_what_is_in_a_digest_or_is_one_or_is_for_many_is_not_gathered(office: Office):
    [closing, shared, of_digest] = [
        (await office.judge.judge([given], moment))[0]
        for given, moment in (
            (case(), Moment.CLOSING),
            (case(user=None, room="all"), Moment.LEASE),
            (case(is_own=False), Moment.LEASE),
        )
    ]

    assert [each.verdict for each in (closing, shared, of_digest)] == [Send()] * 3  # type: ignore[union-attr]


async def test_the_first_leaves_at_once_and_the_others_wait(office: Office):
    first = await office.emit("TALK")
    [lease] = await office.lease()

    assert await office.departures.decide(lease, office.now) is None
    assert await office.departures.decide(lease, office.now) is None, "after a crash it is the first still"
    await office.store.outbox.end(lease, Sent(), now=office.now)
    office.now += timedelta(minutes=55)
    await office.emit("TALK")
    [gathered] = await office.work()

    assert isinstance(gathered, Gathered)
    [opened] = await office.open()
    assert (opened.lead, opened.gathered) == (first, 1)
    assert opened.closes_at == office.now + timedelta(minutes=10), "it waits for silence"

    office.now = opened.closes_at
    await office.close_due()
    assert len(await office.told()) == 1
    await office.emit("TALK")
    assert await office.work() == [Sent()], "the next digest begins anew"


async def test_a_digest_that_only_began_ends_in_nothing(office: Office):
    await office.emit("TALK")
    await office.work()

    office.now = NOW + 3 * HOUR
    await office.close_due()

    assert await office.lease() == []
    assert office.digester.closed["empty"] == 1


async def test_what_is_critical_is_neither_gathered_nor_counted(office: Office):
    for _ in range(3):
        await office.emit("RESET")

    assert await office.work() == [Sent()] * 3
    assert await office.open() == []


async def test_a_preview_tells_what_was_sent_and_an_emit_does_not_ask(office: Office):
    await office.emit("AD")
    await office.work()

    [now_known] = await office.judge.judge([case("AD")], Moment.PREVIEW)
    [at_emit] = await office.judge.judge([case("AD")], Moment.EMIT)

    assert now_known.verdict == Skip(rule="throttle", detail="ann gets 1 in 1m at most")  # type: ignore[union-attr]
    assert at_emit.verdict == Send()  # type: ignore[union-attr]


async def test_a_digest_can_be_switched_off_like_any_type(office: Office):
    await office.emit()
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    office.catalog.switches = {"DIGEST": Switch.of({"enabled": False})}

    [lease] = await office.told()

    assert await office.departures.decide(lease, office.now) == Skipped(
        rule="switch", reason="the type is switched off"
    )
