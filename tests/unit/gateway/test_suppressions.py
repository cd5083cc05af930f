"""The suppression list over a real store: how an address comes to stand there, and is found."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify import suppressions
from gateway.notify.requests import Unfit
from gateway.notify.suppressions import LiftRequest, SuppressionList, SuppressionsRequest, SuppressRequest
from gateway.process import suppressing
from mailer.address import compared
from mailer.bounces import Bounce, BounceSeverity
from storage.errors import StoreUnavailable
from storage.mail import Mail, MailOrder, MailState
from storage.notifications import Notification
from storage.obligations import Kind, Lease, Subject
from storage.sqlite import SQLiteStore
from storage.suppressions import EVERYTHING, Evidence, Reason, Suppression

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
HARD = Bounce(severity=BounceSeverity.HARD, status="5.1.1", diagnostic="recipient refused: 550 5.1.1 unknown")
SOFT = Bounce(severity=BounceSeverity.SOFT, status="4.2.2", diagnostic="recipient refused: 452 4.2.2 full")
ANN = "Ann@Example.org"


class HeldClock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW
        self.may_delete = True

    def __call__(self) -> datetime:
        return self.now


class Counting:
    """A part's meters, as far as counts go."""

    def __init__(self) -> None:
        self.counts: dict[str, Any] = {}

    def watch_counts(self, name: str, help_: str, label: str, counts: Counter[str]) -> None:
        self.counts[name] = counts


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "bellhop.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def suppressed(store: SQLiteStore, clock: HeldClock) -> SuppressionList:
    return SuppressionList(store.suppressions, clock)  # type: ignore[arg-type]


def lease(to: str = ANN) -> Lease:
    mail = Mail(order=MailOrder(to=to, due_at=NOW), state=MailState.LEASED, due_at=NOW, updated_at=NOW)
    news = Notification(id="m1", room="user:ann", type="T", title="x", created_at=NOW, data={}, mail=mail)
    of = Subject(kind=Kind.NOTIFICATION, id="m1")
    return Lease(id="m1", of=of, notification=news, mail=mail, token="t", until=NOW)


async def listed(suppressed: SuppressionList, **asked: Any) -> list[tuple[str, str, Reason]]:
    page = await suppressed.page(SuppressionsRequest(**asked))
    return [(each.address, each.scope, each.reason) for each in page.items]


@pytest.mark.parametrize(
    ("given_", "form"),
    [
        ("Ann@Example.ORG", "ann@example.org"),
        ("ANN+News@example.org", "ann+news@example.org"),
        ("a.n.n@example.org", "a.n.n@example.org"),
        ("Jörg@Bücher.example", "jörg@xn--bcher-kva.example"),
        ("JO\u0308RG@example.org", "jörg@example.org"),
        ("ann@faß.example", "ann@xn--fa-hia.example"),
        ("STRASSE@example.org", "strasse@example.org"),
    ],
)
def test_addresses_are_compared_without_case_and_by_their_domain_in_the_dns(given_: str, form: str) -> None:
    assert compared(given_) == form
    assert compared(form) == form


@given(st.emails())
def test_the_form_in_which_addresses_are_compared_is_its_own_form(text: str) -> None:
    try:
        form = compared(text)
    except ValueError:
        return
    assert compared(form) == form == compared(text.swapcase())


async def test_an_address_that_is_not_there_is_suppressed_at_once_with_the_evidence(
    suppressed: SuppressionList,
) -> None:
    await suppressed.bounced(lease(), HARD)

    [found] = (await suppressed.page(SuppressionsRequest())).items
    assert (found.address, found.scope, found.reason) == ("ann@example.org", EVERYTHING, Reason.HARD_BOUNCE)
    assert (found.source, found.created_at, found.expires_at) == ("server", NOW, None)
    assert found.evidence == Evidence(mail="m1", code="5.1.1", diagnostic=HARD.diagnostic)


async def test_five_days_of_soft_bounces_suppress_for_a_month(
    suppressed: SuppressionList, clock: HeldClock
) -> None:
    for day in range(5):
        for _ in range(3):  # several a day are one
            assert await listed(suppressed) == []
            await suppressed.bounced(lease(), SOFT) if day < 4 else None
        clock.now += timedelta(days=5)

    await suppressed.bounced(lease(), SOFT)

    [found] = (await suppressed.page(SuppressionsRequest())).items
    assert (found.reason, found.evidence.code) == (Reason.SOFT_BOUNCE, "4.2.2")
    assert found.expires_at == clock.now + timedelta(days=30)
    clock.now += timedelta(days=30)
    assert await listed(suppressed) == []


async def test_soft_bounces_that_lie_far_apart_suppress_nobody(
    suppressed: SuppressionList, clock: HeldClock
) -> None:
    for _ in range(12):
        await suppressed.bounced(lease(), SOFT)
        clock.now += timedelta(days=8)

    assert await listed(suppressed) == []


async def test_what_is_nobodys_fault_or_no_address_suppresses_nobody(suppressed: SuppressionList) -> None:
    ours = Bounce(severity=BounceSeverity.NEITHER, status="5.7.1", diagnostic="policy")

    await suppressed.bounced(lease(), ours)
    await suppressed.bounced(lease(""), HARD)

    assert await listed(suppressed) == []


async def test_a_bounce_while_the_store_is_away_is_told_and_stops_nothing(
    suppressed: SuppressionList, store: SQLiteStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.close()

    await suppressed.bounced(lease(), HARD)

    assert "suppression not kept: the store is away" in caplog.messages
    assert "ann" not in caplog.text.lower()


async def test_an_address_is_found_however_it_is_written(suppressed: SuppressionList) -> None:
    await suppressed.bounced(lease(), HARD)

    found = await suppressed.matching(["ANN@EXAMPLE.ORG", "ann@example.org", "bob@example.org", "no address"])

    assert found.keys() == {"ANN@EXAMPLE.ORG", "ann@example.org"}
    assert await listed(suppressed, address="aNN@example.org") == await listed(suppressed)
    assert await suppressed.matching([]) == {}


class Asked:
    """A shelf that counts how often it is asked."""

    def __init__(self, shelf: Any) -> None:
        self._shelf = shelf
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        self.times += 1
        return getattr(self._shelf, name)


async def test_an_empty_list_is_not_asked_for_each_mail_and_a_new_entry_counts_at_once(
    store: SQLiteStore, clock: HeldClock
) -> None:
    shelf = Asked(store.suppressions)
    suppressed = SuppressionList(shelf, clock)  # type: ignore[arg-type]
    assert await suppressed.matching(["bob@example.org"], roughly=True) == {}
    asked = shelf.times

    for _ in range(10):
        assert await suppressed.matching(["bob@example.org"], roughly=True) == {}

    assert shelf.times == asked
    other = SuppressionList(store.suppressions, clock)  # type: ignore[arg-type]
    await other.suppress(SuppressRequest(address="bob@example.org"), source="shop")
    # As a mail leaves it is asked for exactly.
    assert (await suppressed.matching(["bob@example.org"])).keys() == {"bob@example.org"}
    await suppressed.suppress(SuppressRequest(address="eve@example.org"), source="shop")
    assert (await suppressed.matching(["bob@example.org"], roughly=True)).keys() == {"bob@example.org"}


async def test_those_who_ask_while_the_store_answers_are_answered_together(
    suppressed: SuppressionList, store: SQLiteStore, clock: HeldClock
) -> None:
    await suppressed.suppress(SuppressRequest(address="bob@example.org"), source="shop")
    shelf = Asked(store.suppressions)
    asking = SuppressionList(shelf, clock)  # type: ignore[arg-type]

    answers = await asyncio.gather(
        *(asking.matching([f"{name}@example.org", "no address"]) for name in ["ann", "bob", "Bob", "cid"])
    )

    assert [list(answer) for answer in answers] == [[], ["bob@example.org"], ["Bob@example.org"], []]
    assert shelf.times == 1
    await asking.stop()


async def test_what_is_foreseen_is_asked_in_one_question_and_counts_once(
    suppressed: SuppressionList, store: SQLiteStore, clock: HeldClock
) -> None:
    await suppressed.suppress(SuppressRequest(address="bob@example.org"), source="shop")
    shelf = Asked(store.suppressions)
    asking = SuppressionList(shelf, clock)  # type: ignore[arg-type]

    asking.foresee(["ann@example.org", "Bob@example.org", "no address"])
    assert await asking.matching(["ann@example.org"]) == {}
    assert (await asking.matching(["bob@example.org"])).keys() == {"bob@example.org"}
    assert shelf.times == 1

    await asking.matching(["bob@example.org"])
    assert shelf.times == 2
    await asking.stop()
    asking.foresee(["ann@example.org"])  # nobody answers any more: who asks then hears of it


async def test_what_was_foreseen_long_ago_is_asked_again(
    store: SQLiteStore, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressions, "FORESEEN_SECONDS", 0.0)
    shelf = Asked(store.suppressions)
    asking = SuppressionList(shelf, clock)  # type: ignore[arg-type]

    asking.foresee(["ann@example.org"])
    await asking.matching(["bob@example.org"])
    assert shelf.times == 1  # both at once
    await asking.matching(["ann@example.org"])

    assert shelf.times == 2
    await asking.stop()


async def test_no_more_is_foreseen_than_there_is_room_for(
    store: SQLiteStore, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressions, "ASKED_AT_ONCE", 2)
    monkeypatch.setattr(suppressions, "ASKED_AT_MOST", 2)
    shelf = Asked(store.suppressions)
    asking = SuppressionList(shelf, clock)  # type: ignore[arg-type]

    for name in ("ann", "bob", "cid"):
        asking.foresee([f"{name}@example.org"])

    assert asking._foreseen.keys() == {"ann@example.org", "bob@example.org"}
    await asking.stop()


async def test_what_is_suppressed_or_lifted_after_it_was_foreseen_counts(suppressed: SuppressionList) -> None:
    suppressed.foresee(["ann@example.org", "bob@example.org"])
    await suppressed.suppress(SuppressRequest(address="ann@example.org"), source="shop")
    assert (await suppressed.matching(["ann@example.org"])).keys() == {"ann@example.org"}

    suppressed.foresee(["ann@example.org"])
    await suppressed.lift(LiftRequest(address="ann@example.org"))
    assert await suppressed.matching(["ann@example.org"]) == {}


async def test_what_is_there_and_lasts_as_long_is_what_suppressing_again_answers(
    suppressed: SuppressionList,
) -> None:
    await suppressed.bounced(lease(), HARD)

    again = await suppressed.suppress(SuppressRequest(address="ann@example.org"), source="admin:eve")
    other = await suppressed.suppress(
        SuppressRequest(address="ann@example.org", scope="category:offers"), source="admin:eve"
    )

    assert (again.reason, again.source) == (Reason.HARD_BOUNCE, "server")
    assert (other.reason, other.source, other.scope) == (Reason.MANUAL, "admin:eve", "category:offers")


async def test_what_is_lifted_is_written_to_again(suppressed: SuppressionList) -> None:
    await suppressed.bounced(lease(), HARD)

    assert await suppressed.lift(LiftRequest(address="ANN@example.org")) == 1

    assert await suppressed.matching(["ann@example.org"]) == {}
    assert await suppressed.lift(LiftRequest(address="ann@example.org")) == 0


async def test_an_entry_that_would_be_over_already_is_refused_and_in_a_list_holds_nothing(
    suppressed: SuppressionList,
) -> None:
    asked = SuppressRequest(address="ann@example.org", expires_at=NOW - timedelta(days=1))

    with pytest.raises(Unfit, match="expires_at"):
        await suppressed.suppress(asked, source="shop")
    await suppressed.suppress_many([asked], source="shop")

    assert await listed(suppressed) == []


async def test_what_this_process_adds_is_counted_by_reason(suppressed: SuppressionList) -> None:
    meters = Counting()
    suppressed.measure(meters)  # type: ignore[arg-type]

    await suppressed.bounced(lease(), HARD)
    await suppressed.bounced(lease(), HARD)

    assert meters.counts["bellhop_suppressions"] == dict.fromkeys(Reason, 0) | {Reason.HARD_BOUNCE: 1}


async def test_the_house_is_kept_only_by_a_clock_that_is_sure(
    suppressed: SuppressionList, clock: HeldClock, store: SQLiteStore
) -> None:
    await suppressed.suppress(
        SuppressRequest(address="ann@example.org", expires_at=NOW + timedelta(seconds=1)), source="shop"
    )
    clock.now += timedelta(days=1)
    clock.may_delete = False
    await suppressed.keep_house()
    assert (await store.suppressions.matching(["ann@example.org"], now=NOW)).keys() == {"ann@example.org"}

    clock.may_delete = True
    await suppressed.keep_house()

    assert await store.suppressions.matching(["ann@example.org"], now=NOW) == {}


async def test_a_store_that_is_away_is_the_askers_answer(
    suppressed: SuppressionList, store: SQLiteStore
) -> None:
    await store.close()

    suppressed.foresee(["ann@example.org", "bob@example.org"])
    with pytest.raises(StoreUnavailable):
        await suppressed.matching(["ann@example.org"])


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("head", ["address,scope\n", '"address","scope"\r\n', " Email\t,scope\n"])
def test_a_list_is_read_with_a_byte_order_mark_and_without(mark: str, head: str):
    [entry] = suppressing.suppressions([mark + head, "ann@example.org,\n"], now=NOW)

    assert isinstance(entry, Suppression)
    assert (entry.address, entry.scope) == ("ann@example.org", EVERYTHING)
