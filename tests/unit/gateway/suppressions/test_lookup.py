"""Addresses are looked up together, ahead, and not at all where the list is empty, and what has changed counts at once."""

import asyncio
from typing import Any

import pytest

from gateway.notify.suppressions import lookup
from gateway.notify.suppressions.listing import LiftRequest, SuppressionList, SuppressRequest
from storage.errors import StoreUnavailable
from storage.sqlite import SQLiteStore
from tests.unit.gateway.suppressions.listing import HARD, HeldClock, lease, listed


async def test_an_address_is_found_however_it_is_written(suppressed: SuppressionList) -> None:
    await suppressed.bounced(lease(), HARD)

    found = await suppressed.lookup.matching(
        ["ANN@EXAMPLE.ORG", "ann@example.org", "bob@example.org", "no address"]
    )

    assert found.keys() == {"ANN@EXAMPLE.ORG", "ann@example.org"}
    assert await listed(suppressed, address="aNN@example.org") == await listed(suppressed)
    assert await suppressed.lookup.matching([]) == {}


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
    assert await suppressed.lookup.matching(["bob@example.org"], roughly=True) == {}
    asked = shelf.times

    for _ in range(10):
        assert await suppressed.lookup.matching(["bob@example.org"], roughly=True) == {}

    assert shelf.times == asked
    other = SuppressionList(store.suppressions, clock)  # type: ignore[arg-type]
    await other.suppress(SuppressRequest(address="bob@example.org"), source="shop")
    # As a mail leaves it is asked for exactly.
    assert (await suppressed.lookup.matching(["bob@example.org"])).keys() == {"bob@example.org"}
    await suppressed.suppress(SuppressRequest(address="eve@example.org"), source="shop")
    assert (await suppressed.lookup.matching(["bob@example.org"], roughly=True)).keys() == {"bob@example.org"}


async def test_those_who_ask_while_the_store_answers_are_answered_together(
    suppressed: SuppressionList, store: SQLiteStore, clock: HeldClock
) -> None:
    await suppressed.suppress(SuppressRequest(address="bob@example.org"), source="shop")
    shelf = Asked(store.suppressions)
    asking = SuppressionList(shelf, clock)  # type: ignore[arg-type]

    answers = await asyncio.gather(
        *(
            asking.lookup.matching([f"{name}@example.org", "no address"])
            for name in ["ann", "bob", "Bob", "cid"]
        )
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

    asking.lookup.foresee(["ann@example.org", "Bob@example.org", "no address"])
    assert await asking.lookup.matching(["ann@example.org"]) == {}
    assert (await asking.lookup.matching(["bob@example.org"])).keys() == {"bob@example.org"}
    assert shelf.times == 1

    await asking.lookup.matching(["bob@example.org"])
    assert shelf.times == 2
    await asking.stop()
    asking.lookup.foresee(["ann@example.org"])  # nobody answers any more: who asks then hears of it


async def test_what_was_foreseen_long_ago_is_asked_again(
    store: SQLiteStore, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "FORESEEN_SECONDS", 0.0)
    shelf = Asked(store.suppressions)
    asking = SuppressionList(shelf, clock)  # type: ignore[arg-type]

    asking.lookup.foresee(["ann@example.org"])
    await asking.lookup.matching(["bob@example.org"])
    assert shelf.times == 1  # both at once
    await asking.lookup.matching(["ann@example.org"])

    assert shelf.times == 2
    await asking.stop()


async def test_no_more_is_foreseen_than_there_is_room_for(
    store: SQLiteStore, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "ASKED_AT_ONCE", 2)
    monkeypatch.setattr(lookup, "ASKED_AT_MOST", 2)
    shelf = Asked(store.suppressions)
    asking = SuppressionList(shelf, clock)  # type: ignore[arg-type]

    for name in ("ann", "bob", "cid"):
        asking.lookup.foresee([f"{name}@example.org"])

    assert asking.lookup._foreseen.keys() == {"ann@example.org", "bob@example.org"}
    await asking.stop()


async def test_what_is_suppressed_or_lifted_after_it_was_foreseen_counts(suppressed: SuppressionList) -> None:
    suppressed.lookup.foresee(["ann@example.org", "bob@example.org"])
    await suppressed.suppress(SuppressRequest(address="ann@example.org"), source="shop")
    assert (await suppressed.lookup.matching(["ann@example.org"])).keys() == {"ann@example.org"}

    suppressed.lookup.foresee(["ann@example.org"])
    await suppressed.lift(LiftRequest(address="ann@example.org"))
    assert await suppressed.lookup.matching(["ann@example.org"]) == {}


async def test_a_store_that_is_away_is_the_askers_answer(
    suppressed: SuppressionList, store: SQLiteStore
) -> None:
    await store.close()

    suppressed.lookup.foresee(["ann@example.org", "bob@example.org"])
    with pytest.raises(StoreUnavailable):
        await suppressed.lookup.matching(["ann@example.org"])
