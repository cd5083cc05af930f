"""What is stored in the worker's hands, what is not, and what becomes of each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailer.at_once import LEASE_SECONDS, AtOnce
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Collapse, Notification
from storage.obligations import Lease
from tests.unit.mailer.letters import notification

NOW = datetime(2026, 11, 22, 8, 27, tzinfo=UTC)


class Worker:
    """As `AtOnce` sees one."""

    def __init__(self, *, lease_seconds: float = 60) -> None:
        self.now = NOW
        self.has_room = self.may_try = True
        self.started: list[tuple[Lease, float]] = []
        self.handed_back: list[Lease] = []
        self.foreseen: list[Sequence[str]] = []
        self.wakes = 0
        self.at_once = AtOnce(
            LaneName.TRANSACTIONAL,
            clock=lambda: self.now,
            lease_seconds=lease_seconds,
            has_room=lambda: self.has_room,
            may_try=lambda: self.may_try,
            foresee=self.foreseen.append,
            start=lambda lease, _, seconds: self.started.append((lease, seconds)),
            hand_back=self.handed_back.append,
            wake=self.wake,
        )

    def wake(self) -> None:
        self.wakes += 1


def owed(**fields: object) -> Notification:
    lane = fields.pop("lane", LaneName.TRANSACTIONAL)
    order = MailOrder(to="ann@example.org", due_at=NOW, lane=lane)  # type: ignore[arg-type]
    mail = Mail(order=order, state=MailState.PENDING, due_at=NOW, updated_at=NOW)
    return notification(mail=replace(mail, **fields), created_at=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(("lease_seconds", "first"), [(60, LEASE_SECONDS), (5, 5)])
async def test_mail_that_is_due_is_stored_leased_and_begun(lease_seconds: float, first: float) -> None:
    worker = Worker(lease_seconds=lease_seconds)

    taken = worker.at_once.take(owed())
    assert worker.at_once.expected == 1
    assert worker.foreseen == [["ann@example.org"]]
    worker.at_once.begin(taken)

    assert worker.at_once.expected == 0
    assert taken.mail is not None
    hold = taken.mail.hold
    assert hold is not None
    assert (taken.mail.state, taken.mail.attempts) == (MailState.LEASED, 1)
    assert hold.until == NOW + timedelta(seconds=first)
    [(lease, seconds)] = worker.started
    assert (lease.token, lease.until, seconds) == (hold.token, hold.until, first)
    assert lease.is_own
    assert lease.mail == lease.notification.mail == replace(taken.mail, hold=None)
    assert worker.wakes == 0


@pytest.mark.parametrize(
    "given",
    [
        notification(mail=None),
        owed(state=MailState.SKIPPED),
        owed(due_at=NOW + timedelta(seconds=1)),
        owed(lane=LaneName.BULK),
        notification(mail=owed().mail, collapse=Collapse("key")),
    ],
    ids=["no mail", "skipped", "not due", "another lane", "of a chain"],
)
async def test_what_cannot_leave_at_once_is_stored_as_it_is(given: Notification) -> None:
    worker = Worker()

    assert worker.at_once.take(given) is given
    worker.at_once.begin(given)

    assert (worker.started, worker.foreseen, worker.wakes, worker.at_once.expected) == ([], [], 0, 0)


async def test_where_there_is_no_room_nothing_is_taken() -> None:
    worker = Worker()
    worker.has_room = False
    given = owed()

    assert worker.at_once.take(given) is given


async def test_what_was_stored_too_late_is_looked_for_later() -> None:
    worker = Worker()
    taken = worker.at_once.take(owed())
    worker.now += timedelta(seconds=LEASE_SECONDS)

    worker.at_once.begin(taken)

    assert (worker.started, worker.handed_back, worker.wakes, worker.at_once.expected) == ([], [], 1, 0)


async def test_what_may_not_go_any_more_is_handed_back() -> None:
    worker = Worker()
    taken = worker.at_once.take(owed())
    worker.may_try = False

    worker.at_once.begin(taken)

    assert (worker.started, worker.wakes, worker.at_once.expected) == ([], 0, 0)
    assert taken.mail is not None
    assert taken.mail.hold is not None
    assert [lease.token for lease in worker.handed_back] == [taken.mail.hold.token]


async def test_what_nobody_knows_to_be_stored_is_looked_for_later() -> None:
    worker = Worker()
    taken = worker.at_once.take(owed())

    worker.at_once.forgo(taken)
    worker.at_once.forgo(taken)

    assert (worker.started, worker.wakes, worker.at_once.expected) == ([], 1, 0)
