"""The sentences of `storage/stats.py` and `storage/events.py`, held against every store."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.encoding import micros
from storage.errors import InvalidCursor, StoreUnavailable
from storage.events import Alike, Event, Outcome, Series, key_of_many, key_of_one, keys_of_each
from storage.ids import uuid7
from storage.sqlite.stats import SQLiteStats
from storage.sqlite.store import SQLiteStore
from storage.stats import SETTLING, Bucket, Stale, StatsQuery, Step, Sum
from storage.store import Store
from tests.contract.store_cases import NOW, later

ORDER, SALE = Series("ORDER", "in_app"), Series("SALE", "shared")
LETTER = Series("LETTER", "email", "bulk", "autumn")
BY_TYPE = StatsQuery(step=Step.DAY, since=later(-90_000), until=later(90_000), by=("type",))


def event(series: Series = ORDER, outcome: Outcome = Outcome.SEEN, *, at: float = 0, **fields) -> Event:
    fields.setdefault("key", key_of_one(uuid7(), outcome))
    return Event(series=series, outcome=outcome, at=later(at), **fields)


async def count_all(store: Store, turn: int) -> None:
    """Count everything anew that is stale, each step by what it is made of."""
    while stale := await store.stats.stale(limit=5):
        for each in stale:
            counts = await store.stats.recount(each.bucket, of=each.bucket.step.below)
            assert await store.stats.replace(each.bucket, counts, of=[each], turn=turn)


async def leads(store: Store, holder: str = "one", at: float = 0) -> int:
    turn = await store.stats.lead(holder, lease_seconds=30, now=later(at))
    assert turn is not None
    return turn


async def test_what_is_told_again_counts_once_whoever_tells_it(store, other):
    seen = [event(), event(), event(at=120)]
    many = event(outcome=Outcome.EMITTED, key=key_of_many(b"a process", 7), count=40)

    await asyncio.gather(store.stats.note([*seen, many]), other.stats.note([*seen[1:], many, seen[1]]))
    await store.stats.note([event(key=seen[0].key, at=3600)])
    await store.stats.note([])
    await count_all(other, await leads(other))

    assert await store.stats.sums(BY_TYPE) == [Sum(None, ("ORDER",), {Outcome.SEEN: 3, Outcome.EMITTED: 40})]


async def test_many_that_are_alike_are_told_as_each_by_itself(store, other):
    """Also among others, with some that are known and some that come twice, and more of them than a statement has."""
    keys = [key_of_one(uuid7(), Outcome.DELIVERED) for _ in range(150)]
    alike = Alike(keys=[*keys, keys[3]], series=ORDER, outcome=Outcome.DELIVERED, at=NOW)
    await store.stats.note([event(outcome=Outcome.DELIVERED, key=keys[0]), event()])

    await asyncio.gather(store.stats.note([event(SALE), alike, event()]), other.stats.note([alike]))
    await count_all(other, await leads(other))

    assert await store.stats.sums(BY_TYPE) == [
        Sum(None, ("ORDER",), {Outcome.DELIVERED: 150, Outcome.SEEN: 2}),
        Sum(None, ("SALE",), {Outcome.SEEN: 1}),
    ]


async def test_sums_are_told_apart_by_what_is_asked_and_by_time(store):
    await store.stats.note(
        [
            event(outcome=Outcome.EMITTED),
            event(at=-3600),
            event(SALE, at=-3600),
            event(LETTER, Outcome.SENT),
            event(LETTER._replace(rule="quiet"), Outcome.SKIPPED),
            event(LETTER._replace(campaign=""), Outcome.SENT),
            event(LETTER._replace(variant="named"), Outcome.DEAD),
        ]
    )
    await count_all(store, await leads(store))
    now, before = Step.HOUR.start(NOW), Step.HOUR.start(later(-3600))
    span = {"since": before, "until": now + timedelta(hours=1)}

    async def sums(**asked) -> Sequence[Sum]:
        return await store.stats.sums(StatsQuery(**{"step": Step.HOUR, **span, **asked}))

    assert await sums() == [
        Sum(
            None,
            (),
            {Outcome.EMITTED: 1, Outcome.SEEN: 2, Outcome.SENT: 2, Outcome.SKIPPED: 1, Outcome.DEAD: 1},
        )
    ]
    assert await sums(each=True, by=("channel",), where={"type": "ORDER"}) == [
        Sum(before, ("in_app",), {Outcome.SEEN: 1}),
        Sum(now, ("in_app",), {Outcome.EMITTED: 1}),
    ]
    assert await sums(by=("campaign", "rule"), where={"channel": "email", "lane": "bulk"}) == [
        Sum(None, ("", ""), {Outcome.SENT: 1}),
        Sum(None, ("autumn", ""), {Outcome.SENT: 1, Outcome.DEAD: 1}),
        Sum(None, ("autumn", "quiet"), {Outcome.SKIPPED: 1}),
    ]
    assert await sums(where={"campaign": ""}, by=("type",)) == [
        Sum(None, ("LETTER",), {Outcome.SENT: 1}),
        Sum(None, ("ORDER",), {Outcome.EMITTED: 1, Outcome.SEEN: 1}),
        Sum(None, ("SALE",), {Outcome.SEEN: 1}),
    ]
    assert await sums(by=("type",), limit=1) == [
        Sum(None, ("LETTER",), {Outcome.SENT: 2, Outcome.SKIPPED: 1, Outcome.DEAD: 1})
    ]
    assert await sums(by=("variant",), where={"type": "LETTER"}) == [
        Sum(None, ("",), {Outcome.SENT: 2, Outcome.SKIPPED: 1}), Sum(None, ("named",), {Outcome.DEAD: 1})
    ]  # fmt: skip
    assert await sums(by=("campaign", "variant"), where={"variant": "named"}) == [
        Sum(None, ("autumn", "named"), {Outcome.DEAD: 1})
    ]
    assert await sums(until=before) == await sums(where={"type": "NONE"}) == []
    assert await sums(step=Step.MINUTE, by=("type",), where={"type": "SALE"}) == [
        Sum(None, ("SALE",), {Outcome.SEEN: 1})
    ]


async def test_what_comes_while_a_bucket_is_counted_leaves_it_stale(store, other):
    turn = await leads(store)
    await store.stats.note([event()])
    [stale] = await store.stats.stale(limit=10)
    counts = await store.stats.recount(stale.bucket, of=None)
    await other.stats.note([event()])

    assert await store.stats.replace(stale.bucket, counts, of=[stale], turn=turn)

    found = await store.stats.stale(limit=10)
    assert [each.bucket for each in found] == [stale.bucket, stale.bucket.within(Step.HOUR)]
    await count_all(store, turn)
    assert await store.stats.stale(limit=10) == []
    assert await store.stats.sums(BY_TYPE) == [Sum(None, ("ORDER",), {Outcome.SEEN: 2})]


async def test_one_counts_at_a_time_and_who_comes_too_late_changes_nothing(store, other):
    first = await leads(store, "one")
    assert await other.stats.lead("two", lease_seconds=30, now=later(29)) is None
    assert await leads(store, "one", at=20) == first
    await store.stats.note([event()])
    [stale] = await store.stats.stale(limit=10)

    second = await leads(other, "two", at=50)

    assert second != first
    assert not await store.stats.replace(stale.bucket, {SALE: {Outcome.READ: 9}}, of=[stale], turn=first)
    assert await store.stats.stale(limit=10) == [stale]
    await count_all(other, second)
    assert await store.stats.sums(BY_TYPE) == [Sum(None, ("ORDER",), {Outcome.SEEN: 1})]


async def test_of_several_that_would_count_at_once_one_does(store, other):
    found = await asyncio.gather(
        *(
            each.stats.lead(f"{place}", lease_seconds=30, now=NOW)
            for place, each in enumerate([store, other] * 4)
        )
    )

    assert len([turn for turn in found if turn is not None]) == 1


async def test_a_bucket_holds_what_it_was_counted_to_and_no_more(store):
    turn = await leads(store)
    await store.stats.note([event(), event(SALE)])
    [stale] = await store.stats.stale(limit=10)
    for counts in ({ORDER: {Outcome.SEEN: 5}, SALE: {Outcome.READ: 2}}, {SALE: {Outcome.READ: 1}}, {}):
        await store.stats.replace(stale.bucket, counts, of=[stale], turn=turn)
        assert await store.stats.recount(stale.bucket.within(Step.HOUR), of=Step.MINUTE) == counts


async def test_a_long_step_can_be_counted_by_its_events(store):
    await store.stats.note([event(at=minute * 60) for minute in range(-20, 20)])
    hour = Bucket(Step.HOUR, Step.HOUR.start(NOW))

    expected = Counter(Step.HOUR.start(later(minute * 60)) for minute in range(-20, 20))[hour.start]
    assert await store.stats.recount(hour, of=None) == {ORDER: {Outcome.SEEN: expected}}


async def test_events_are_told_in_the_order_in_which_they_came(store):
    first, second, late = [event() for _ in range(3)], [event(LETTER, Outcome.SENT)], [event(at=-86_400)]
    many = [event(outcome=Outcome.EMITTED, key=key_of_many(b"batch", 0), count=3)]
    for batch in (first, second, late, many):
        await store.stats.note(batch)
    # By the clock of the ids: whatever is told must be settled.
    beyond = later(0).replace(year=2100)

    found, after = [], None
    while page := await store.stats.told(after=after, since=None, limit=2, now=beyond):
        found += [each.event for each in page]
        after = page[-1].cursor

    assert set(found[:3]) == set(first)
    assert found[3:] == [*second, *late, *many]
    assert [each.about is None for each in found] == [False] * 5 + [True]
    page = await store.stats.told(after=None, since=later(-1), limit=10, now=beyond)
    assert {each.event for each in page} == {*first, *second, *many}
    assert await store.stats.told(after=after, since=None, limit=10, now=beyond) == []
    for year, told in ((1960, 6), (2200, 0)):
        found = await store.stats.told(after=None, since=NOW.replace(year=year), limit=10, now=beyond)
        assert len(found) == told, f"since {year}"
    for wrong in ("no cursor", "1.", ".1", "1.x", "9" * 30, "1." + "9" * 30, "²"):
        with pytest.raises(InvalidCursor):
            await store.stats.told(after=wrong, since=None, limit=1, now=beyond)


async def test_keys_of_any_length_stand_beside_one_another(store):
    """Those of readers of shared rooms are longer than others; all else of them may be alike."""
    short = [event(SALE) for _ in range(2)]
    long = [event(SALE, key=key_of_one(uuid7(), Outcome.SEEN, reader=b"somebody")) for _ in range(2)]
    given = [short[0], long[0], long[1], short[1]]
    await store.stats.note([*given, long[0], short[0]])

    page = await store.stats.told(after=None, since=None, limit=9, now=NOW.replace(year=2100))
    assert {each.event for each in page} == set(given)
    assert len(page) == 4
    await count_all(store, await leads(store))
    assert await store.stats.sums(BY_TYPE) == [Sum(None, ("SALE",), {Outcome.SEEN: 4})]
    assert await store.stats.clear_events(before=later(9), limit=9) == 4


async def test_those_that_are_alike_are_told_and_forgotten_one_by_one(store):
    """Who reads them page by page goes on where it stood, also when some were forgotten in between."""
    keys = [key_of_one(uuid7(), Outcome.DELIVERED) for _ in range(70)]
    alike = Alike(keys=keys, series=ORDER, outcome=Outcome.DELIVERED, at=NOW)
    last = event(at=120)
    await store.stats.note([alike])
    await store.stats.note([last])
    asked = {"since": None, "now": NOW.replace(year=2100)}

    first = await store.stats.told(after=None, limit=30, **asked)
    rest = await store.stats.told(after=first[-1].cursor, limit=100, **asked)
    again = await store.stats.told(after=first[10].cursor, limit=60, **asked)

    told = [each.event.key for each in (*first, *rest)]
    assert set(told[:-1]) == set(keys)
    assert told[-1] == last.key
    assert [each.event.key for each in again] == told[11:]
    assert await store.stats.told(after=rest[-1].cursor, limit=9, **asked) == []

    assert await store.stats.clear_events(before=later(60), limit=25) == 25
    left = await store.stats.told(after=None, limit=100, **asked)
    rest = await store.stats.told(after=first[-1].cursor, limit=100, **asked)
    assert len(left) == 46
    assert [each.event.key for each in rest] == [
        key for key in told[30:] if key in {each.event.key for each in left}
    ]
    gone = next(key for key in keys if key not in {each.event.key for each in left})
    await store.stats.note([event(outcome=Outcome.DELIVERED, key=gone), event(key=left[0].event.key)])
    assert await store.stats.recount(Bucket(Step.DAY, Step.DAY.start(NOW)), of=None) == {
        ORDER: {Outcome.DELIVERED: 46, Outcome.SEEN: 1}
    }
    assert [await store.stats.clear_events(before=later(60), limit=40) for _ in range(3)] == [40, 6, 0]
    [kept] = await store.stats.told(after=first[-1].cursor, limit=9, **asked)
    assert kept.event == last


async def test_what_is_old_is_forgotten_in_steps(store):
    await store.stats.note([event(at=-3600 * hour) for hour in range(6)])
    await count_all(store, await leads(store))
    stats, edge = store.stats, Step.HOUR.start(later(-3600 * 2))

    assert [await stats.clear_events(before=edge, limit=2) for _ in range(3)] == [2, 1, 0]
    assert [await stats.clear_rollups(Step.HOUR, before=edge, limit=2) for _ in range(3)] == [2, 1, 0]
    assert [await stats.clear_rollups(Step.MINUTE, before=edge, limit=9) for _ in range(2)] == [3, 0]

    assert await stats.sums(BY_TYPE) == [Sum(None, ("ORDER",), {Outcome.SEEN: 6})]
    assert len(await stats.told(after=None, since=None, limit=9, now=NOW.replace(year=2100))) == 3


async def test_in_which_series_a_mail_was_sent_is_known_by_its_events(store):
    ours, other = uuid7(), uuid7()
    await store.stats.note(
        [
            event(LETTER, Outcome.SENT, key=key_of_one(ours, Outcome.SENT)),
            event(LETTER._replace(campaign=""), Outcome.ACCEPTED, key=key_of_one(other, Outcome.ACCEPTED)),
        ]
    )

    assert await store.stats.series_of([ours, other, uuid7()]) == {ours: LETTER}


def test_a_key_is_of_one_thing_alone():
    one = uuid7()
    keys = {
        key_of_one(one, Outcome.SEEN),
        key_of_one(one, Outcome.READ),
        key_of_one(one, Outcome.SEEN, b"reader"),
        key_of_one(uuid7(), Outcome.SEEN),
        key_of_one("no uuid", Outcome.SEEN),
        key_of_one("another", Outcome.SEEN),
        key_of_many(b"batch", 0),
        key_of_many(b"batch", 1),
    }

    assert len(keys) == 8
    assert event(key=key_of_one(one, Outcome.SEEN)).about == one
    assert event(key=key_of_one("no uuid", Outcome.SEEN)).about is None
    assert Bucket(Step.DAY, Step.DAY.start(NOW)).end - SETTLING < NOW.replace(hour=23, minute=59, second=59)


def test_keys_that_are_made_together_are_those_that_are_made_one_by_one():
    """Of one and the same thing one node may tell together with others what another tells by itself."""
    ids = [uuid7(), "no uuid", "abc", "", "\u00e9", uuid7()]

    assert keys_of_each(ids, Outcome.DELIVERED) == [key_of_one(id_, Outcome.DELIVERED) for id_ in ids]


class Crash(Exception):
    """The process that counted is gone."""


@pytest.mark.parametrize("seed", range(3))
async def test_roll_ups_equal_a_recount_whatever_comes_late_or_twice_or_crashes(store, other, seed):
    """Events come in any order, some twice, some days late; whoever counts dies between two steps again and again."""
    import random

    dice = random.Random(seed)
    series = [ORDER, SALE, LETTER, LETTER._replace(rule="quiet")]
    events = [
        event(
            dice.choice(series),
            dice.choice(list(Outcome)),
            at=-dice.randrange(3 * 86_400),
            count=dice.randrange(1, 4),
        )
        for _ in range(120)
    ]
    told: list[Event] = []
    for round_ in range(12):
        batch = dice.sample(events, 12) + dice.choices(told or events, k=4)
        told += batch
        await dice.choice([store, other]).stats.note(batch)
        try:
            await _count_or_crash(dice.choice([store, other]), dice, holder=str(round_), at=round_ * 60)
        except Crash:
            continue
    await store.stats.note(events)
    await count_all(store, await leads(store, "last", at=86_400))

    expected: Counter[tuple[str, str, Outcome]] = Counter()
    for each in events:
        expected[each.series.type, each.series.rule, each.outcome] += each.count
    for step in Step:
        asked = StatsQuery(
            step=step,
            since=later(-5 * 86_400),
            until=later(86_400),
            by=("type", "rule"),
            each=True,
            limit=10_000,
        )
        found: Counter[tuple[str, str, Outcome]] = Counter()
        for sum_ in await other.stats.sums(asked):
            assert sum_.at == step.start(sum_.at)
            for outcome, count in sum_.counts.items():
                found[sum_.of[0], sum_.of[1], outcome] += count
        assert found == expected, step


async def _count_or_crash(store: Store, dice, *, holder: str, at: float) -> None:
    """Count, and be gone at one of the steps; a reading that was got may be written down after another has come."""
    turn = await leads(store, holder, at)
    for _ in range(dice.randrange(4)):
        for stale in await store.stats.stale(limit=5):
            if dice.random() < 0.1:
                raise Crash
            counts = await store.stats.recount(stale.bucket, of=_recounted_by(stale, dice))
            if dice.random() < 0.1:
                raise Crash
            assert await store.stats.replace(stale.bucket, counts, of=[stale], turn=turn)


def _recounted_by(stale: Stale, dice) -> Step | None:
    """By what is below it, or, an hour, by its events."""
    below = stale.bucket.step.below
    return None if below is Step.MINUTE and dice.random() < 0.5 else below


async def test_a_write_that_fails_in_the_middle_leaves_all_as_it_was(store, monkeypatch):
    turn = await leads(store)
    await store.stats.note([event()])
    [stale] = await store.stats.stale(limit=10)
    await store.stats.replace(stale.bucket, {ORDER: {Outcome.SEEN: 1}}, of=[stale], turn=turn)
    [hour] = await store.stats.stale(limit=10)

    module = type(store.stats).__module__
    mark = "mark_stale" if isinstance(store.stats, SQLiteStats) else "_mark"
    monkeypatch.setattr(f"{module}.{mark}", _fails)
    with pytest.raises(StoreUnavailable):
        await store.stats.note([event(SALE)])
    with pytest.raises(StoreUnavailable):
        await store.stats.replace(hour.bucket, {ORDER: {Outcome.SEEN: 1}}, of=[hour], turn=turn)
    monkeypatch.undo()

    assert await store.stats.stale(limit=10) == [hour]
    assert await store.stats.recount(hour.bucket.within(Step.DAY), of=Step.HOUR) == {}
    assert await store.stats.recount(hour.bucket.within(Step.DAY), of=None) == {ORDER: {Outcome.SEEN: 1}}


def _fails(*_: object) -> None:
    raise StoreUnavailable("gone in the middle")


async def test_events_of_a_row_each_are_kept_with_their_cursors(tmp_path, monkeypatch):
    """As files had them before those that are alike stood together."""
    before = [each for each in SQLiteStats.MIGRATIONS if each.name != "stats-alike"]
    monkeypatch.setattr(SQLiteStats, "MIGRATIONS", tuple(before))
    path = tmp_path / "store.db"
    old = SQLiteStore(path)
    await old.open()
    await old.close()
    keys = [key_of_one(uuid7(), Outcome.SEEN) for _ in range(4)]
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO stats_series VALUES (7, 'ORDER', 'in_app', '', '', '', '')")
        connection.executemany(
            "INSERT INTO stats_events (key, at, series, outcome, count) VALUES (?, ?, 7, 2, 1)",
            [(key, micros(NOW)) for key in keys],
        )
        # The last one was cleared, and whoever had read it stands behind it.
        connection.execute("DELETE FROM stats_events WHERE position = 4")
    monkeypatch.undo()

    store = SQLiteStore(path)
    await store.open()

    await store.stats.note([event(key=keys[0]), event(key=keys[3], at=60)])
    asked = {"since": None, "limit": 9, "now": NOW}
    assert [each.event.key for each in await store.stats.told(after=None, **asked)] == keys
    assert [each.event.key for each in await store.stats.told(after="2", **asked)] == keys[2:]
    assert [each.event.key for each in await store.stats.told(after="4", **asked)] == keys[3:]
    assert await store.stats.recount(Bucket(Step.DAY, Step.DAY.start(NOW)), of=None) == {
        ORDER: {Outcome.SEEN: 4}
    }
    await store.close()


async def test_what_was_counted_before_there_were_variants_has_none(tmp_path, monkeypatch):
    """Of MongoDB a document without one says the same."""
    monkeypatch.setattr(SQLiteStats, "MIGRATIONS", SQLiteStats.MIGRATIONS[:1])
    path = tmp_path / "store.db"
    old = SQLiteStore(path)
    await old.open()
    await old.close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO stats_series VALUES (7, 'ORDER', 'in_app', '', '', '')")
        row = (0, micros(Step.MINUTE.start(NOW)), 7, 5, *[0] * 10)
        connection.execute(f"INSERT INTO stats_rollups VALUES ({', '.join('?' * 14)})", row)
    monkeypatch.undo()

    store = SQLiteStore(path)
    await store.open()

    asked = replace(BY_TYPE, step=Step.MINUTE, by=("type", "variant"))
    assert await store.stats.sums(asked) == [Sum(None, ("ORDER", ""), {Outcome.EMITTED: 5})]
    await store.stats.note([event(), event(ORDER._replace(variant="b"))])
    page = await store.stats.told(after=None, since=None, limit=9, now=NOW)
    assert {each.event.series.variant for each in page} == {"", "b"}
    await store.close()
