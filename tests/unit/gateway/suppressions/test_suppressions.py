"""The suppression list over a real store: how an address comes to stand there, and how it is lifted."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notify.requests import Unfit
from gateway.notify.suppressions.listing import (
    LiftRequest,
    SuppressionList,
    SuppressionsRequest,
    SuppressRequest,
)
from gateway.process import suppressing
from mailer.address import compared
from mailer.bounces import Bounce, BounceSeverity
from storage.sqlite import SQLiteStore
from storage.suppressions import EVERYTHING, Evidence, Reason, Suppression
from tests.unit.gateway.suppressions.listing import HARD, NOW, SOFT, HeldClock, lease, listed


class Counting:
    """A part's meters, as far as counts go."""

    def __init__(self) -> None:
        self.counts: dict[str, Any] = {}

    def watch_counts(self, name: str, help_: str, label: str, counts: Counter[str]) -> None:
        self.counts[name] = counts


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

    assert await suppressed.lookup.matching(["ann@example.org"]) == {}
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


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("head", ["address,scope\n", '"address","scope"\r\n', " Email\t,scope\n"])
def test_a_list_is_read_with_a_byte_order_mark_and_without(mark: str, head: str):
    [entry] = suppressing.suppressions([mark + head, "ann@example.org,\n"], now=NOW)

    assert isinstance(entry, Suppression)
    assert (entry.address, entry.scope) == ("ann@example.org", EVERYTHING)


def test_of_a_list_with_postal_addresses_too_the_mail_addresses_are_taken():
    """As other senders export them: the streets are in a column `Address`."""
    lines = [
        "Email Address,First Name,Address\n",
        'ann@example.org,Ann,"1 High St, London"\n',
        "bob@example.org,Bob,\n",
    ]

    entries = list(suppressing.suppressions(lines, now=NOW))

    assert [getattr(each, "address", each) for each in entries] == ["ann@example.org", "bob@example.org"]
