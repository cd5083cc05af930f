"""The experiments of types: what is planned for whom, and what becomes of it when the store is away or a catalog comes into force."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.channels import EMAIL
from gateway.catalog.live import LiveCatalog
from gateway.catalog.loading import load
from gateway.catalog.switches import ChosenVariant, Switch
from gateway.experiments.lots import Aside
from gateway.notify.clicks.news import Clicked
from gateway.notify.deciding.drawing import draw
from gateway.notify.trials import marks as module
from gateway.notify.trials.book import TrialBook
from gateway.notify.trials.marks import TrialMarks
from mailer.outcomes import MailOutcome, Result
from storage.clicks import HitKind
from storage.errors import StoreUnavailable
from storage.events import Outcome
from storage.inboxes import Marked
from storage.notifications import Entry, Notification
from storage.obligations import Kind, Subject
from storage.sqlite import SQLiteStore
from storage.switches import SwitchSettings
from storage.trials import ArmCount, Converted, Participant
from tests.contract.store_cases import notification, put

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
CATALOG = """
default_locale = "en"
[categories.orders]
name = { en = "Orders" }

[types.SHIPPED]
category = "orders"
texts.en.title = "Shipped"
variants = [{ name = "plain" }, { name = "glad", texts = { en = { title = "Hurrah" } } }]
experiment = { baseline = 0.2, effect = 0.1, holdout = 10, share = 50, METRIC }
"""
CHANGED = Marked(changed=1, unread=0, heads={"user:ann": 9})


class Switching:
    """What is switched, as one process has it."""

    def __init__(self, live: LiveCatalog) -> None:
        self.asked: list[tuple[str, SwitchSettings, str]] = []
        self._live = live

    async def refresh(self) -> None:
        pass

    async def change(self, type_: str, asked: SwitchSettings, *, by: str) -> None:
        self.asked.append((type_, asked, by))
        self._live.switches = {type_: Switch.of(asked)}


class Process:
    def __init__(self, folder: Path, metric: str = 'metric = "click"') -> None:
        (folder / "catalog.toml").write_text(CATALOG.replace("METRIC", metric))
        self.live = LiveCatalog()
        self.live.replace(load(folder))
        self.store = SQLiteStore(folder / "bellhop.db")
        self.now = NOW
        self.switching = Switching(self.live)
        self.may_delete = False
        self.book = TrialBook(
            self.store.trials,
            live=self.live,
            switching=self.switching,  # type: ignore[arg-type]
            clock=lambda: self.now,
            history_days=90,
            may_delete=lambda: self.may_delete,
        )
        self.marks = TrialMarks(
            self.store.trials, live=self.live, streams=self.store.streams, clock=lambda: self.now
        )
        trial = self.live.trial("SHIPPED")
        assert trial is not None
        self.trial = trial

    async def tell(self, user: str = "ann", *, in_app: bool = True, variant: str = "glad") -> Notification:
        """Ann takes part, and is told something."""
        await self.book.enrol(
            [Participant(trial=self.trial.id, user=user, variant=variant, at=self.now, reached=in_app)]
        )
        entry = Entry(variant=variant, trial=self.trial.id)
        [told] = await put(
            self.store, notification(f"user:{user}", type="SHIPPED", entry=entry, in_app=in_app)
        )
        return told

    async def counts(self) -> dict[str, ArmCount]:
        await self.marks.flush()
        return await self.store.trials.counts(self.trial.id)


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    one = Process(tmp_path)
    await one.store.open()
    yield one
    await one.store.close()


def sent(told: Notification) -> MailOutcome:
    of = Subject(kind=Kind.NOTIFICATION, id=told.id)
    return MailOutcome(id=told.id, of=of, type="SHIPPED", result=Result.SENT, seconds=0, attempts=1)


def click(told: Notification, **fields: Any) -> Clicked:
    return Clicked(
        **{
            "user": "ann", "type": "SHIPPED", "channel": EMAIL, "notification": told.id, "mail": told.id,
            "campaign": None, "kind": HitKind.HUMAN, "is_confirmed": False, "is_first": True, "at": NOW, **fields,
        }
    )  # fmt: skip


async def test_clicks_convert_and_reads_do_not_where_clicks_are_counted(process: Process):
    told = await process.tell()
    process.marks.marked(Outcome.READ, "ann", (), [told.id], CHANGED)
    process.marks.marked(Outcome.SEEN, "ann", (), [told.id], CHANGED)
    process.marks.marked(Outcome.CLICKED, "bob", (), [told.id], CHANGED)
    process.marks.clicked(click(told, kind=HitKind.BOT))
    process.marks.clicked(click(told, mail=None))
    assert await process.counts() == {"glad": ArmCount(assigned=1, reached=1)}

    process.marks.marked(Outcome.CLICKED, "ann", (), [told.id, "unknown"], CHANGED)

    assert await process.counts() == {"glad": ArmCount(assigned=1, reached=1, converted=1)}


async def test_who_is_not_shown_it_is_reached_by_its_mail(process: Process):
    told = await process.tell(in_app=False)
    process.marks.clicked(click(told))
    assert await process.counts() == {"glad": ArmCount(assigned=1)}

    process.marks.mailed(sent(told))

    assert await process.counts() == {"glad": ArmCount(assigned=1, reached=1, converted=1)}


async def test_reading_all_converts_where_reads_are_counted_and_a_mail_reaches_nobody(tmp_path: Path):
    process = Process(tmp_path, 'metric = "read"')
    await process.store.open()
    told = await process.tell()
    unseen = await process.tell("bob", in_app=False)
    process.marks.mailed(sent(unseen))
    behind = Marked(changed=1, unread=0, heads={"user:ann": 0}, read_from={"user:ann": 0})
    process.marks.marked(Outcome.READ, "ann", ("user:ann",), None, behind)
    assert (await process.counts())["glad"] == ArmCount(assigned=2, reached=1)

    upto = Marked(changed=1, unread=0, heads={"user:ann": told.seq or 0}, read_from={"user:ann": 0, "all": 0})
    process.marks.marked(Outcome.READ, "ann", ("user:ann", "all"), None, upto)

    assert (await process.counts())["glad"] == ArmCount(assigned=2, reached=1, converted=1)
    await process.store.close()


async def test_what_cannot_be_stored_waits_and_beyond_its_bound_is_counted(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    told = await process.tell()
    monkeypatch.setattr(module, "WAITING_MAX", 1)
    for _ in range(3):
        process.marks.marked(Outcome.CLICKED, "ann", (), [told.id], CHANGED)
    assert process.marks.lost == 2

    async def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(process.store.trials, "note", away)
        with pytest.raises(StoreUnavailable):
            await process.marks.flush()

    assert (await process.counts())["glad"].converted == 1


async def test_what_cannot_be_told_is_lost_and_keeps_nothing_behind_it(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    told = await process.tell()
    process.marks.marked(Outcome.CLICKED, "ann", (), [told.id], CHANGED)

    async def broken(*_: Any) -> None:
        raise LookupError("nobody has thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(process.store.trials, "note", broken)
        await process.marks.flush()
    assert process.marks.lost == 1
    process.marks.marked(Outcome.CLICKED, "ann", (), [told.id], CHANGED)

    assert (await process.counts())["glad"].converted == 1


async def test_once_it_is_settled_nothing_is_counted_and_everybody_gets_the_same(process: Process):
    told = await process.tell()
    trial, live = process.trial, process.live
    people = [f"u{n}" for n in range(100)]
    drawn = {user: draw(live, "SHIPPED", trial, user) for user in people}
    assert {lot.aside for lot in drawn.values()} == {None, Aside.HELD_OUT, Aside.WAITS}
    assert draw(live, "SHIPPED", trial, None).variant is None
    assert not live.is_open("SHIPPED", "in_app", NOW)

    live.switches = {"SHIPPED": Switch(choice=ChosenVariant(trial=trial.id, variant="glad"))}

    glad = trial.variants[1]
    assert all(draw(live, "SHIPPED", trial, user).variant is glad for user in (*people, None))
    assert live.is_open("SHIPPED", "in_app", NOW)
    process.marks.marked(Outcome.CLICKED, "ann", (), [told.id], CHANGED)
    process.marks.mailed(sent(told))
    assert (await process.counts())["glad"].converted == 0
    # A choice of an experiment that was changed since is none.
    live.switches = {"SHIPPED": Switch(choice=ChosenVariant(trial="another", variant="glad"))}
    assert live.chosen("SHIPPED", trial) is None


async def test_a_winner_that_is_sure_is_settled_when_four_hours_are_over(process: Process):
    trials, trial = process.store.trials, process.trial
    planned = trial.design.conversions
    assert planned is not None
    people = [
        Participant(trial=trial.id, user=f"{variant}{n}", variant=variant, at=NOW, reached=True)
        for variant in ("plain", "glad")
        for n in range(planned)
    ]
    await trials.enrol(people)
    converted = [*people[planned:], *people[:100]]
    await trials.note(
        [Converted(trial=trial.id, user=each.user, at=NOW + timedelta(seconds=n)) for n, each in enumerate(converted)]
    )  # fmt: skip
    process.now = NOW + timedelta(hours=3)
    assert await process.book.settle("SHIPPED") is None
    process.now = NOW + timedelta(hours=4)

    await process.book._settle_all()

    assert process.switching.asked == [
        ("SHIPPED", {"experiment": {"id": trial.id, "variant": "glad"}}, "experiment")
    ]
    told = await process.book.of("SHIPPED")
    assert told is not None
    assert (told.chosen, told.results.findings.winner) == ("glad", "glad")
    assert await process.book.of("NONE") is None


async def test_who_took_part_long_ago_is_forgotten_while_the_clock_is_right(process: Process):
    await process.tell()
    process.now = NOW + timedelta(days=91)
    await process.book.settle("SHIPPED")

    await process.book.keep_house()
    assert await process.counts() != {}
    process.may_delete = True
    await process.book.keep_house()

    assert await process.counts() == {}


async def test_stored_twice_at_once_each_mark_is_stored_and_let_go_of_once(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    """Whoever flushes beside another that is not done must not drop what came meanwhile."""
    people = [await process.tell(f"u{n}") for n in range(3)]
    monkeypatch.setattr(module, "AT_ONCE", 1)
    for told in people:
        process.marks.clicked(click(told, user=told.room.removeprefix("user:")))

    await asyncio.gather(process.marks.flush(), process.marks.flush())

    assert (await process.counts())["glad"].converted == 3


async def test_who_takes_part_is_not_forgotten_before_the_experiment_is_over(process: Process):
    """Else it would begin later with each day, and never be over."""
    process.may_delete = True
    await process.tell("ann")
    process.now = NOW + timedelta(days=89)
    await process.tell("bob")
    process.now = NOW + timedelta(days=91)

    await process.book.keep_house()
    assert await process.store.trials.begun_at(process.trial.id) == NOW
    assert await process.book.settle("SHIPPED") == "plain"
    await process.book.keep_house()

    assert (await process.counts())["glad"].assigned == 1
