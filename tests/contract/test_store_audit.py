"""The sentences of `storage/audit.py`, held against every store."""

from dataclasses import replace

import pytest

from storage.audit import DONE, Deed, DeedSearch
from storage.errors import InvalidCursor
from storage.ids import uuid7
from tests.contract.store_cases import NOW, later


def deed(second: float = 0, **fields) -> Deed:
    given = {"by": "user:ann", "role": "admin", "operation": "recall", "target": "a-notification"} | fields
    return Deed(id=uuid7(), at=later(second), **given)


async def begun(store, *deeds: Deed) -> None:
    for each in deeds:
        await store.audit.begin(each)


async def all_of(store, **asked) -> list[Deed]:
    items: list[Deed] = []
    before = None
    while True:
        page = await store.audit.page(DeedSearch(**asked), before=before, limit=2)
        items += page.items
        before = page.next
        if before is None:
            return items


async def test_a_deed_is_there_before_its_end_and_the_first_word_on_it_stays(store, other):
    plain = deed(detail={"reason": "too many", "ids": ["a", "b"]}, request_id="req-1")
    await store.audit.begin(plain)
    assert await all_of(other) == [plain]

    await store.audit.end(plain.id, DONE, now=later(1))
    await other.audit.end(plain.id, "unavailable", now=later(2))

    assert await all_of(other) == [replace(plain, outcome=DONE, ended_at=later(1))]


async def test_deeds_are_found_by_all_that_is_said_of_them_newest_first(store):
    first = deed(0)
    second = deed(1, by="service:shop", target="user:bob", operation="erase")
    third = deed(1, target="user:bob", operation="disconnect")
    fourth = deed(2, target=None, operation="revive_all")
    await begun(store, first, second, third, fourth)

    assert await all_of(store) == [fourth, third, second, first]
    assert await all_of(store, by="user:ann") == [fourth, third, first]
    assert await all_of(store, target="user:bob") == [third, second]
    assert await all_of(store, operation="recall") == [first]
    assert await all_of(store, operation="erase", by="user:ann") == []
    assert await all_of(store, since=later(1), until=later(2)) == [third, second]
    assert await all_of(store, target="\ud800") == []
    with pytest.raises(InvalidCursor):
        await store.audit.page(DeedSearch(), before="yesterday", limit=2)


async def test_what_a_person_did_and_what_was_done_to_them_is_told_to_them(store):
    did, done_to = deed(0, by="user:bob"), deed(1, target="user:bob", operation="disconnect")
    await begun(store, did, done_to, deed(2))

    assert await store.audit.of_person("bob", limit=10) == [done_to, did]
    assert await store.audit.of_person("bob", limit=1) == [done_to]


async def test_old_deeds_are_forgotten_in_steps(store):
    await begun(store, *(deed(n) for n in range(5)))

    assert await store.audit.prune(before=later(3), limit=2) == 2
    assert await store.audit.prune(before=later(3), limit=2) == 1
    assert await store.audit.prune(before=later(3), limit=2) == 0
    assert [each.at for each in await all_of(store)] == [later(4), later(3)]


async def test_a_deed_outlives_its_people_by_their_ids(store):
    kept = deed(target="user:bob", operation="erase")
    await store.audit.begin(kept)

    for user in ("ann", "bob"):
        await store.people.erase_user(user, f"user:{user}", now=NOW)

    assert await all_of(store) == [kept]
