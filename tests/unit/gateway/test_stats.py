"""What happens is told beside the path, within bounds; what is stale is counted by what there is; figures are told as parts."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.notify import events
from gateway.notify.clicks.news import Clicked
from gateway.notify.stats import noting
from gateway.notify.stats.asking import ROWS_MAX, Statistics, StatsReport, StatsRequest, Unanswerable
from gateway.notify.stats.names import OTHERS, Names
from gateway.notify.stats.noting import Noter
from gateway.notify.stats.recounting import MINUTES_KEPT, Recounter, basis, kept_from
from gateway.notify.verdicts import EMAIL
from mailer.courier import Result
from mailer.worker import MailOutcome
from storage import stats
from storage.clicks import HitKind
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.inboxes import Marked, Selection
from storage.mail import LaneName, MailState
from storage.notifications import Entry, Words
from storage.obligations import Kind, Subject
from storage.sqlite import SQLiteStore
from storage.stats import Bucket, Event, Outcome, Series, StatsQuery, Step, key_of_one
from tests.contract.store_cases import mail, notification, put

NOON = datetime(2026, 12, 1, 12, 30, 15, tzinfo=UTC)
CHANGED = Marked(changed=1, unread=0, heads={})


class Process:
    """The statistics of one process, whose clock stands where it is put; `fails` is what the store raises."""

    def __init__(self, path: Path) -> None:
        self.store = SQLiteStore(path)
        self.now = NOON
        self.fails: Exception | None = None
        self.notes = 0
        shelf = SimpleNamespace(note=self._note, series_of=self.store.stats.series_of)
        self.noter = Noter(
            shelf,
            self.store.streams,
            self.store.shared_secret,
            lambda: self.now,
            varies=lambda type_: type_ == "TRIED",
        )
        self.recounter = Recounter(
            self.store.stats, lambda: self.now, holder="node", days=90, may_delete=lambda: True
        )
        self.statistics = Statistics(self.store.stats, lambda: self.now, days=90)

    async def _note(self, events: list[Event]) -> None:
        self.notes += 1
        if self.fails is not None:
            raise self.fails
        await self.store.stats.note(events)

    async def told(self) -> Counter[tuple[Series, Outcome]]:
        """All events that are stored."""
        page = await self.store.stats.told(after=None, since=None, limit=100_000, now=self.now)
        found: Counter[tuple[Series, Outcome]] = Counter()
        for each in page:
            found[each.event.series, each.event.outcome] += each.event.count
        return found

    async def count(self) -> None:
        while not await self.recounter.round():
            pass


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    one = Process(tmp_path / "bellhop.db")
    await one.store.open()
    yield one
    await one.store.close()


def series(type_: str, channel: str = "in_app", **rest: str) -> Series:
    return Series(type_, channel, **rest)


async def test_emits_are_told_as_numbers_by_room_mail_and_rule(process: Process):
    skipped = stats.Outcome.SKIPPED
    hidden = Entry(hidden_by="switch")
    off = mail(lane=LaneName.BULK)
    emitted = process.noter.emitted
    for seq in (1, 2):
        emitted([notification("user:ann", type="ORDER", seq=seq)], "shop")
    emitted([notification("topic:deals", type="SALE", seq=1)], "shop")
    emitted([notification("user:ann", type="BILL", seq=3, mail=mail())], "shop")
    emitted([notification("user:ann", type="BILL", in_app=False, mail=mail())], "shop")
    emitted([notification("user:ann", type="HIDDEN", in_app=False, entry=hidden)], "shop")
    emitted([notification("user:ann", type="PLAIN", in_app=False, entry=Entry())], "shop")
    emitted([notification("user:ann", type="LIVE"), notification("all", type="LIVE")], "shop")
    by_rule = mail()
    emitted(
        [
            notification(
                f"user:{user}",
                type="NEWS",
                seq=1,
                mail=type(by_rule)(
                    order=off.order,
                    state=MailState.SKIPPED,
                    due_at=NOON,
                    updated_at=NOON,
                    decided_by="preferences",
                ),
            )
            for user in ("ann", "bob")
        ],
        "shop",
    )

    await process.noter.flush()

    bulk = {"lane": "bulk"}
    assert await process.told() == {
        (series("ORDER"), Outcome.EMITTED): 2,
        (series("SALE", "shared"), Outcome.EMITTED): 1,
        (series("BILL"), Outcome.EMITTED): 1,
        (series("BILL", "email", lane="transactional"), Outcome.ACCEPTED): 2,
        (series("HIDDEN", rule="switch"), skipped): 1,
        (series("NEWS"), Outcome.EMITTED): 2,
        (series("NEWS", "email", **bulk), Outcome.ACCEPTED): 2,
        (series("NEWS", "email", rule="preferences", **bulk), skipped): 2,
    }
    await process.noter.flush()
    assert process.notes == 1


async def test_a_frame_of_several_languages_tells_what_one_of_one_does(process: Process):
    plain = notification("user:ann", type="ORDER", seq=1)
    spoken = notification(
        "all",
        type="NEWS",
        seq=1,
        entry=Entry(locale="en", translations={"de": Words("Neues"), "fr": Words("x")}),
    )
    for each in (plain, spoken, plain):
        process.noter.written(each.room, events.frame("notification", each))

    await process.noter.flush()

    assert await process.told() == {
        (series("ORDER"), Outcome.DELIVERED): 1,
        (series("NEWS", "shared"), Outcome.DELIVERED): 1,
    }


async def test_who_has_read_has_seen_and_what_is_in_no_room_of_the_readers_counts_for_nothing(
    process: Process,
):
    [own, shared, others] = await put(
        process.store,
        notification("user:ann", type="ORDER"),
        notification("all", type="NEWS"),
        notification("user:bob", type="ORDER"),
    )
    rooms = ("user:ann", "all")
    ids = [own.id, shared.id, others.id, own.id, "unknown"]
    process.noter.marked(Outcome.CLICKED, "ann", rooms, ids, CHANGED)
    process.noter.marked(Outcome.SEEN, "bob", ("all",), [shared.id], CHANGED)
    process.noter.marked(Outcome.READ, "bob", ("all",), [own.id], Marked(changed=0, unread=0, heads={}))

    await process.noter.flush()

    delivered, seen, read, clicked = Outcome.DELIVERED, Outcome.SEEN, Outcome.READ, Outcome.CLICKED
    assert await process.told() == {
        **{(series("ORDER"), outcome): 1 for outcome in (delivered, seen, read, clicked)},
        **{(series("NEWS", "shared"), outcome): 1 for outcome in (delivered, read, clicked)},
        (series("NEWS", "shared"), seen): 2,
    }


async def test_what_is_said_in_several_ways_is_told_apart_however_it_is_heard_of(process: Process):
    """A frame does not tell the variant: of types that have some it is looked up."""
    (tried,) = await put(process.store, notification("user:ann", type="TRIED", entry=Entry(variant="b")))
    (other,) = await put(process.store, notification("user:ann", type="ORDER"))
    for each in (tried, other):
        process.noter.emitted_in_variants([each], "shop")
        process.noter.written(each.room, events.frame("notification", each))
    process.noter.replayed([tried])
    process.noter.marked(Outcome.SEEN, "ann", ["user:ann"], [tried.id], CHANGED)
    of = Subject(kind=Kind.NOTIFICATION, id=tried.id)
    process.noter.mailed(
        LaneName.BULK,
        MailOutcome(id=tried.id, of=of, type="TRIED", result=Result.SENT, seconds=0, attempts=1, variant="b"),
    )
    process.noter.mail_returned(Outcome.BOUNCED, tried, LaneName.BULK)

    await process.noter.flush()

    in_app, mailed = series("TRIED", variant="b"), series("TRIED", "email", lane="bulk", variant="b")
    assert await process.told() == {
        **{(in_app, outcome): 1 for outcome in (Outcome.EMITTED, Outcome.DELIVERED, Outcome.SEEN)},
        **{(mailed, outcome): 1 for outcome in (Outcome.SENT, Outcome.BOUNCED)},
        **{(series("ORDER"), outcome): 1 for outcome in (Outcome.EMITTED, Outcome.DELIVERED)},
    }


async def test_reading_all_tells_of_what_was_not_read_before(process: Process):
    stored = await put(process.store, *(notification("user:ann", type="ORDER") for _ in range(5)))
    inboxes = process.store.inboxes
    await inboxes.read(Selection("ann", ["user:ann"], [stored[0].id], now=NOON))
    marked = await inboxes.read_all("ann", ["user:ann"], now=NOON)
    await put(process.store, notification("user:ann", type="ORDER"))

    process.noter.marked(Outcome.READ, "ann", ["user:ann"], [stored[0].id], CHANGED)
    process.noter.marked(Outcome.READ, "ann", ["user:ann"], None, marked)
    await process.noter.flush()

    assert (await process.told())[series("ORDER"), Outcome.READ] == 5
    again = await inboxes.read_all("ann", ["user:ann"], now=NOON)
    assert again.read_from == {"user:ann": 5}


async def test_mail_that_stands_by_itself_is_accepted_when_it_ends(process: Process):
    campaign, digest, own = (
        Subject(kind=Kind.CAMPAIGN, id="autumn"),
        Subject(kind=Kind.DIGEST, id="d"),
        uuid7(),
    )
    of_campaign = uuid7()

    def ended(id_: str, of: Subject, result: Result, rule: str | None = None) -> MailOutcome:
        return MailOutcome(id=id_, of=of, type="NEWS", result=result, seconds=0, attempts=1, rule=rule)

    for outcome in (
        ended(of_campaign, campaign, Result.SENT),
        ended(of_campaign, campaign, Result.SENT),
        ended(uuid7(), digest, Result.SKIPPED, "quiet"),
        ended(own, Subject(kind=Kind.NOTIFICATION, id=own), Result.BURIED),
        ended(uuid7(), digest, Result.POSTPONED),
    ):
        process.noter.mailed(LaneName.BULK, outcome)
    told = notification("user:ann", id=of_campaign, type="NEWS")
    process.noter.mail_returned(Outcome.DELIVERED, told, LaneName.BULK)
    await process.noter.flush()
    process.noter.mail_returned(Outcome.BOUNCED, told, LaneName.BULK)
    process.noter.mail_returned(Outcome.BOUNCED, told, LaneName.BULK)

    await process.noter.flush()

    autumn = series("NEWS", "email", lane="bulk", campaign="autumn")
    plain = series("NEWS", "email", lane="bulk")
    assert await process.told() == {
        (autumn, Outcome.ACCEPTED): 1,
        (autumn, Outcome.SENT): 1,
        (autumn, Outcome.BOUNCED): 1,
        (autumn, Outcome.DELIVERED): 1,
        (plain, Outcome.ACCEPTED): 1,
        (plain._replace(rule="quiet"), Outcome.SKIPPED): 1,
        (plain, Outcome.DEAD): 1,
    }


async def test_a_persons_click_in_a_mail_counts_in_the_mail_and_in_the_app(process: Process):
    [own] = await put(process.store, notification("user:ann", type="ORDER"))
    old, mail_id = uuid7(), uuid7()
    sent = MailOutcome(
        id=mail_id,
        of=Subject(kind=Kind.CAMPAIGN, id="c"),
        type="NEWS",
        result=Result.SENT,
        seconds=0,
        attempts=1,
    )
    process.noter.mailed(LaneName.BULK, sent)
    await process.noter.flush()

    def click(mail_id: str | None, kind: HitKind, notification: str | None = None, **rest: bool) -> Clicked:
        return Clicked(
            user="ann", type="NEWS", channel=EMAIL, notification=notification, mail=mail_id, kind=kind,
            is_first=True, at=NOON, **rest,
        )  # fmt: skip

    for each in (
        click(mail_id, HitKind.HUMAN, own.id),
        click(mail_id, HitKind.UNKNOWN, is_confirmed=True),
        click(uuid7(), HitKind.BOT),
        click(None, HitKind.HUMAN),
        click(old, HitKind.HUMAN),
    ):
        process.noter.clicked(each)
    await process.noter.flush()

    letter = series("NEWS", "email", lane="bulk", campaign="c")
    in_app = (Outcome.DELIVERED, Outcome.SEEN, Outcome.READ, Outcome.CLICKED)
    assert await process.told() == {
        **{(letter, outcome): 1 for outcome in (Outcome.ACCEPTED, Outcome.SENT, Outcome.CLICKED)},
        (series("NEWS", "email"), Outcome.CLICKED): 1,
        **{(series("ORDER"), outcome): 1 for outcome in in_app},
    }


async def test_a_store_that_is_away_is_waited_for_within_bounds(
    process: Process, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(noting, "WAITING_MAX", 5)
    process.fails = StoreUnavailable("away")
    frames = [notification("user:ann", type="ORDER", seq=seq) for seq in range(7)]
    for each in frames:
        process.noter.emitted([each], "shop")
        process.noter.written(each.room, events.frame("notification", each))
    process.noter.replayed([])
    await process.noter.flush()
    assert process.noter.lost == 2
    for minute in range(8):
        process.now = NOON + timedelta(minutes=minute)
        process.noter.emitted([frames[0]], "shop")
        await process.noter.flush()
    assert process.noter.lost == 2 + 4
    assert "statistics wait: the store is away" in caplog.messages
    assert "statistics were lost: the store is away, or too slow" in caplog.messages

    process.fails = None
    await process.noter.flush()

    assert await process.told() == {
        (series("ORDER"), Outcome.EMITTED): 7 + 4,
        (series("ORDER"), Outcome.DELIVERED): 5,
    }
    assert process.noter.lost == 6


async def test_what_waited_for_too_long_is_lost(process: Process):
    process.fails = StoreUnavailable("away")
    process.noter.emitted([notification("user:ann", seq=1)], "shop")
    await process.noter.flush()
    process.fails = None
    process.now += noting.OLDEST + timedelta(seconds=1)
    await process.noter.flush()

    assert (process.noter.lost, await process.told()) == (1, {})


async def test_what_cannot_be_worked_out_is_given_up_and_the_rest_goes_on(
    process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(noting, "FLUSH_SECONDS", 0)
    process.noter.written("user:ann", b"no frame")
    process.noter.start()
    async with asyncio.timeout(20):
        while not process.noter.lost:
            await asyncio.sleep(0)
    process.noter.emitted([notification("user:ann", type="ORDER", seq=1)], "shop")
    await process.noter.stop()
    await process.noter.stop()

    assert "statistics cannot be told" in caplog.messages
    assert await process.told() == {(series("ORDER"), Outcome.EMITTED): 1}


def test_so_many_types_and_campaigns_of_a_day_are_told_by_name():
    names = Names(most=2)
    same = series("ONE")
    assert names.bound(same, NOON) is same
    assert names.bound(series("TWO", "email", campaign="autumn"), NOON).campaign == "autumn"
    assert names.bound(series("THREE"), NOON) == series(OTHERS)
    assert names.bound(series("TWO", campaign="winter"), NOON).campaign == "winter"
    assert names.bound(series("TWO", campaign="spring"), NOON) == series("TWO", campaign=OTHERS)
    assert names.bound(series("THREE"), NOON + timedelta(days=1)) == series("THREE")


def test_what_is_counted_depends_on_what_is_kept():
    young = NOON - timedelta(hours=40)
    old = NOON - MINUTES_KEPT
    for step, time, expected in (
        (Step.MINUTE, young, (Step.MINUTE, None)),
        (Step.MINUTE, old, (Step.HOUR, None)),
        (Step.HOUR, young, (Step.HOUR, Step.MINUTE)),
        (Step.HOUR, old, (Step.HOUR, None)),
        (Step.DAY, young, (Step.DAY, Step.HOUR)),
        (Step.DAY, old, (Step.DAY, Step.HOUR)),
    ):
        bucket, of = basis(Bucket(step, step.start(time)), NOON)
        assert (bucket.step, of) == expected
        assert bucket.start == bucket.step.start(time)
    assert kept_from(Step.MINUTE, NOON, days=90) == datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert kept_from(Step.HOUR, NOON, days=1) == datetime(2026, 11, 30, tzinfo=UTC)


async def test_late_events_reach_the_days_after_minutes_and_hours_are_forgotten(process: Process):
    def tell(days: float, number: int = 1) -> list[Event]:
        at = NOON - timedelta(days=days)
        return [
            Event(key=key_of_one(uuid7(), Outcome.SEEN), at=at, series=series("ORDER"), outcome=Outcome.SEEN)
            for _ in range(number)
        ]

    await process.store.stats.note([*tell(0, 2), *tell(5), *tell(100)])
    await process.count()
    await process.store.stats.note([*tell(5, 3), *tell(0)])
    await process.count()

    async def at(step: Step) -> list[tuple[float, int]]:
        asked = StatsQuery(step=step, since=NOON - timedelta(days=200), until=NOON, each=True)
        return [
            ((NOON - each.at).days, each.counts[Outcome.SEEN])
            for each in await process.store.stats.sums(asked)
            if each.at
        ]

    assert await at(Step.DAY) == [(100, 1), (5, 4), (0, 3)]
    assert await at(Step.HOUR) == [(5, 4), (0, 3)]
    assert await at(Step.MINUTE) == [(0, 3)]
    assert (await process.told())[series("ORDER"), Outcome.SEEN] == 7


async def test_many_stale_buckets_are_counted_in_bounded_rounds(process: Process):
    await process.store.stats.note(
        [
            Event(
                key=key_of_one(uuid7(), Outcome.READ),
                at=NOON - timedelta(minutes=minute),
                series=series("ORDER"),
                outcome=Outcome.READ,
            )
            for minute in range(120)
        ]
    )

    assert await process.recounter.round() == 0
    await process.count()

    assert await process.store.stats.stale(limit=9) == []
    report = await process.statistics.look(StatsRequest(since=NOON - timedelta(hours=3)))
    assert (report.counted_by, report.totals.counts) == (Step.MINUTE, {Outcome.READ: 120})


async def test_who_is_not_the_leader_rests_and_who_was_does_no_harm(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    other = Recounter(process.store.stats, lambda: process.now, holder="b", days=90, may_delete=lambda: False)
    await process.recounter.round()
    assert await other.round() > 0
    await process.store.stats.note(
        [Event(key=b"\x02x", at=NOON, series=series("ORDER"), outcome=Outcome.READ)]
    )
    recount = process.store.stats.recount

    async def slow(bucket: Bucket, *, of: Step | None) -> stats.Counts:
        """Another takes over meanwhile, and counts it all."""
        monkeypatch.undo()
        counts = await recount(bucket, of=of)
        process.now += timedelta(minutes=1)
        await other.round()
        return counts

    monkeypatch.setattr(process.store.stats, "recount", slow)
    assert await process.recounter.round() > 0

    assert await process.store.stats.stale(limit=9) == []
    assert (await report(process)).totals.counts == {Outcome.READ: 1}


async def report(process: Process, **asked: object) -> StatsReport:
    return await process.statistics.look(StatsRequest(**asked))


async def test_figures_are_parts_of_what_there_was_by_channel(process: Process):
    at = NOON - timedelta(hours=1)
    counts = {
        series("A"): {
            Outcome.EMITTED: 8,
            Outcome.DELIVERED: 6,
            Outcome.SEEN: 4,
            Outcome.READ: 2,
            Outcome.CLICKED: 1,
        },
        series("A", "shared"): {Outcome.EMITTED: 1, Outcome.SEEN: 90},
        series("A", "email", lane="bulk"): {Outcome.ACCEPTED: 4, Outcome.SENT: 2, Outcome.BOUNCED: 1},
        series("B", "email"): {Outcome.ACCEPTED: 1},
    }
    await process.store.stats.note(
        [
            Event(key=f"{which} {outcome}".encode(), at=at, series=which, outcome=outcome, count=count)
            for which, outcomes in counts.items()
            for outcome, count in outcomes.items()
        ]
    )
    await process.count()

    found = await report(process, by=("type",))

    assert [(row.of, row.figures.counts[Outcome.EMITTED]) for row in found.rows] == [(("A",), 9), (("B",), 0)]
    rates = found.rows[0].figures.rates
    assert rates.in_app == {
        Outcome.DELIVERED: 0.75,
        Outcome.SEEN: 0.5,
        Outcome.READ: 0.25,
        Outcome.CLICKED: 0.125,
    }
    assert rates.email == {
        Outcome.SENT: 0.5, Outcome.DELIVERED: 0, Outcome.CLICKED: 0, Outcome.BOUNCED: 0.5, Outcome.COMPLAINED: 0,
    }  # fmt: skip
    none_sent = found.rows[1].figures.rates
    assert (none_sent.in_app, none_sent.email and none_sent.email[Outcome.SENT]) == (None, 0)
    assert found.totals.counts[Outcome.SEEN] == 94
    assert [row.of for row in (await report(process, by=("channel", "type"))).rows] == [
        ("email", "A"), ("email", "B"), ("in_app", "A"), ("shared", "A"),
    ]  # fmt: skip


async def test_what_is_too_much_is_refused(process: Process, monkeypatch: pytest.MonkeyPatch):
    day = timedelta(days=1)
    for asked, field in (
        ({"since": NOON, "until": NOON}, "from"),
        ({"since": NOON - 2 * day, "step": Step.MINUTE}, "step"),
    ):
        with pytest.raises(Unanswerable) as refused:
            await report(process, **asked)
        assert refused.value.field == field
    many = [stats.Sum(None, (f"T{number}", "in_app"), {}) for number in range(ROWS_MAX + 1)]

    async def sums(question: StatsQuery) -> list[stats.Sum]:
        return many[: question.limit]

    monkeypatch.setattr(process.store.stats, "sums", sums)
    with pytest.raises(Unanswerable) as refused:
        await report(process, by=("type",))
    assert refused.value.field == "by"


@pytest.mark.parametrize(
    ("hours_ago", "hours", "step"),
    [
        (2, 2, Step.MINUTE),
        (72, 2, Step.HOUR),
        (24 * 7, 24 * 7, Step.HOUR),
        (24 * 30, 24 * 30, Step.DAY),
        (24 * 200, 1, Step.DAY),
    ],
)
async def test_a_time_as_a_whole_is_added_up_by_the_shortest_steps_that_are_kept(
    process: Process, hours_ago: int, hours: int, step: Step
):
    since = NOON - timedelta(hours=hours_ago)
    found = await report(process, since=since, until=since + timedelta(hours=hours))
    assert found.counted_by is step
