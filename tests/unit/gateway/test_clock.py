"""A clock that jumps is not followed at once: what is deleted by it, or mailed too early, cannot be taken back."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from gateway.ground.clock import LISTEN_SECONDS, STALE_SECONDS, Timekeeper, steady_seconds
from gateway.notify.retention import Housekeeper
from storage.histories import HistoryQuery
from storage.ids import UUID7Source
from storage.mail import LaneName
from storage.store import Store
from tests.contract.store_cases import emission, mail, notification
from tests.support.gateway import gateway, token

START = datetime(2026, 11, 22, 8, 27, 41, tzinfo=UTC)
TEN_YEARS = timedelta(days=3650)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


class Machine:
    """A wall clock that may be set, and one that may not."""

    def __init__(self) -> None:
        self.elapsed = timedelta()
        self.set = timedelta()
        self.keeper = Timekeeper(wall=self.wall, steady=self.steady)

    def wall(self) -> datetime:
        return START + self.elapsed + self.set

    def steady(self) -> float:
        return self.elapsed.total_seconds()

    def go_on(self, span: timedelta, *, store: timedelta | None = None) -> None:
        """Time passes, looked at as a running node does; the store's clock, if it has one, is `store` off."""
        end = self.elapsed + span
        while self.elapsed < end:
            self.elapsed = min(self.elapsed + timedelta(seconds=LISTEN_SECONDS), end)
            self.keeper.hear(None if store is None else START + self.elapsed + store)
            self.keeper()

    @property
    def true(self) -> datetime:
        return START + self.elapsed


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_clock_that_goes_on_is_followed_and_lets_delete(machine):
    for _ in range(50):
        machine.go_on(HOUR)
        machine.set += timedelta(seconds=20)  # as a time server corrects it

    assert machine.keeper() == machine.keeper.cautious() == machine.wall()
    assert machine.keeper.may_delete
    assert machine.keeper.reasons() == machine.keeper.warnings() == []


@pytest.mark.parametrize("jump", [TEN_YEARS, -TEN_YEARS, 2 * HOUR, -2 * HOUR, 90 * DAY])
def test_a_clock_that_is_wrong_for_half_an_hour_changes_nothing(machine, caplog, jump):
    caplog.set_level(logging.INFO, "gateway.ground.clock")
    machine.set = jump
    for _ in range(30):
        machine.go_on(MINUTE)
        assert machine.keeper() == machine.true
        assert machine.keeper.cautious() <= machine.true
        assert not machine.keeper.may_delete
        assert ["it has jumped" in reason for reason in machine.keeper.reasons()] == [True]

    machine.set = timedelta()
    assert machine.keeper() == machine.keeper.cautious() == machine.true
    assert machine.keeper.may_delete
    assert machine.keeper.reasons() == []
    assert caplog.messages == ["the clock is not believed", "the clock is believed again"]


def test_a_clock_that_stands_by_its_jump_is_followed_and_deletes_a_day_later(machine):
    """A virtual machine that stood still for a weekend: right, and with nobody to bear it out."""
    machine.set = 2 * DAY
    machine.go_on(59 * MINUTE)
    assert machine.keeper() == machine.true
    machine.go_on(2 * MINUTE)

    assert machine.keeper() == machine.keeper.cautious() == machine.wall()
    assert machine.keeper.reasons() == []
    assert ["nothing is deleted for" in told for told in machine.keeper.warnings()] == [True]
    assert not machine.keeper.may_delete
    machine.go_on(DAY)
    assert machine.keeper.may_delete
    assert machine.keeper.warnings() == []


def test_a_clock_that_does_not_come_to_rest_is_not_followed(machine):
    machine.set = DAY
    for _ in range(5):
        machine.go_on(50 * MINUTE)
        machine.set += DAY
        assert machine.keeper() == machine.true


def test_a_jump_that_the_store_has_seen_pass_is_followed_at_once(machine):
    machine.go_on(MINUTE, store=timedelta())
    machine.set = 2 * DAY
    machine.go_on(MINUTE, store=2 * DAY)

    assert machine.keeper() == machine.wall()
    assert machine.keeper.may_delete


def test_a_jump_that_the_store_contradicts_is_never_followed(machine):
    machine.go_on(MINUTE, store=timedelta())
    machine.set = TEN_YEARS
    machine.go_on(5 * HOUR, store=timedelta())

    assert machine.keeper() == machine.keeper.cautious() == machine.true
    assert not machine.keeper.may_delete
    assert machine.keeper.reasons()


@pytest.mark.parametrize("wrong", [TEN_YEARS, -TEN_YEARS])
def test_a_node_that_starts_with_a_wrong_clock_goes_by_the_stores(machine, wrong):
    machine.set = wrong
    machine.keeper = Timekeeper(wall=machine.wall, steady=machine.steady)
    machine.go_on(5 * HOUR, store=timedelta())

    assert machine.keeper() == machine.true
    assert machine.keeper.cautious() <= machine.true
    assert not machine.keeper.may_delete
    assert machine.keeper.reasons() == []
    assert ["of the store's" in told for told in machine.keeper.warnings()] == [True]
    machine.set = timedelta()
    machine.go_on(MINUTE, store=timedelta())
    assert machine.keeper.may_delete
    assert machine.keeper.warnings() == []


def test_a_store_whose_clock_jumps_stops_deleting_and_makes_no_mail_early(machine):
    machine.go_on(MINUTE, store=timedelta())
    for wrong in (TEN_YEARS, -HOUR):
        machine.go_on(MINUTE, store=wrong)
        assert machine.keeper() == machine.true
        assert machine.keeper.cautious() <= machine.true
        assert not machine.keeper.may_delete

    machine.elapsed += timedelta(seconds=STALE_SECONDS + 1)  # nothing was heard of it since
    assert machine.keeper.may_delete


def test_a_long_time_between_two_runs_may_be_a_wrong_clock_for_a_while(machine):
    machine.keeper.resume(START - 365 * DAY)

    assert machine.keeper() == machine.wall()
    assert machine.keeper.cautious() < START - 364 * DAY
    machine.go_on(2 * HOUR)
    assert machine.keeper.cautious() == machine.wall()
    assert not machine.keeper.may_delete
    assert machine.keeper.reasons() == []
    machine.go_on(DAY)
    assert machine.keeper.may_delete


def test_a_clock_behind_the_last_run_deletes_nothing_for_a_while(machine):
    machine.keeper.resume(START + HOUR)

    assert not machine.keeper.may_delete
    assert machine.keeper.cautious() == machine.wall()


@pytest.mark.parametrize("away", [timedelta(), HOUR, 6 * DAY])
def test_a_night_or_a_week_between_two_runs_is_nothing(machine, away):
    machine.keeper.resume(START - away)

    assert machine.keeper.may_delete
    assert machine.keeper.cautious() == machine.wall()


def test_a_store_that_agrees_settles_what_the_last_run_left_open(machine):
    machine.keeper.resume(START - 365 * DAY)
    machine.go_on(MINUTE, store=timedelta())

    assert machine.keeper.may_delete
    assert machine.keeper.cautious() == machine.wall()


@pytest.mark.parametrize(("heard_late", "waits"), [(0.3, 0.0), (5.0, 5.0)])
def test_mail_that_is_due_does_not_wait_for_as_long_as_the_store_took_to_answer(machine, heard_late, waits):
    machine.go_on(MINUTE, store=-timedelta(seconds=heard_late))

    assert machine.keeper() - machine.keeper.cautious() == timedelta(seconds=waits)


def test_ids_stay_in_the_time_that_is_believed(machine):
    source = UUID7Source()
    before = source()
    machine.keeper = Timekeeper()
    source.follow(machine.keeper.nanoseconds)
    machine.keeper._wall = lambda: datetime.now(UTC) + TEN_YEARS
    machine.keeper()

    milliseconds = time.time_ns() // 1_000_000
    assert before < source()
    # The wall clock itself is right here, and the keeper takes ten years off it.
    assert source._millisecond <= milliseconds
    assert (
        abs(machine.keeper.nanoseconds() + TEN_YEARS // timedelta(microseconds=1) * 1000 - time.time_ns())
        < 10**10
    )


def test_the_steady_clock_goes_on_while_a_machine_sleeps():
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert abs(steady_seconds() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 60


async def history_of(store: Store, now: datetime) -> list[str]:
    page = await store.inboxes.history(HistoryQuery(user="42", rooms=["all"], limit=100), now=now)
    return [item.notification.title for item in page.items]


async def test_a_gateway_whose_clock_is_ten_years_ahead_deletes_nothing_and_mails_nothing_early(tmp_path):
    """And what is emitted meanwhile has the time that it really was."""
    async with gateway(tmp_path) as site:
        node = site.node
        right = node.clock._wall
        await site.emit("user:42", "kept")
        await site.emit("user:42", "for thirty days", expires_in=30 * 86400)
        later = await site.emit("user:42", "in an hour", email={"to": "ann@example.org", "after": 3600})

        node.clock._wall = lambda: right() + TEN_YEARS
        assert await node.keeping.housekeeper.sweep() == (0, 0)
        ready = await site.ask("GET", "/readyz")
        assert ready.status == 503
        assert ready.body["reasons"][0].startswith("clock: it has jumped, 3650 days")
        assert (
            await node.store.outbox.lease(
                lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=60, now=node.clock.cautious()
            )
            == []
        )
        during = await site.emit("user:42", "during", email={"to": "bob@example.org"})

        node.clock._wall = right
        assert (await site.ask("GET", "/readyz")).status == 200
        assert await node.keeping.housekeeper.sweep() == (0, 0)
        answered = await site.request(
            "GET", site.public + "/api/notifications", headers={"Authorization": f"Bearer {token('42')}"}
        )
        shown = answered.body["notifications"]
        assert [n["title"] for n in shown] == ["during", "in an hour", "for thirty days", "kept"]
        assert shown[0]["created_at"][:4] == str(right().year)
        assert [n["id"] for n in shown] == sorted((n["id"] for n in shown), reverse=True)
        told = await site.ask("GET", "/internal/notifications/" + later["notification"]["id"])
        assert told.body["mail"]["state"] == "pending"
        due = await site.ask("GET", "/internal/notifications/" + during["notification"]["id"])
        assert due.body["mail"]["due_at"][:4] == str(right().year)


async def test_a_sweep_ends_when_the_clock_jumps_in_its_middle(tmp_path):
    sure = iter([True, False, True, False])
    async with gateway(tmp_path) as site:
        store = site.node.store
        old = datetime.now(UTC) - 365 * DAY
        await store.streams.append(
            [emission(notification("all", created_at=old, mail=mail())) for _ in range(3)]
        )
        await store.streams.append([emission(notification("all", created_at=old, expires_at=old + DAY))])
        keeper = Housekeeper(
            store.streams,
            store.outbox,
            lambda: datetime.now(UTC),
            history_days=90,
            may_delete=lambda: next(sure),
        )

        assert await keeper.sweep() == (1, 0)
