"""The sentences of `storage/preferences.py`, held against every store."""

import asyncio
from typing import Any

from storage.preferences import CHANGES_KEPT, PreferenceChange, StoredPreferences
from tests.contract.store_cases import NOW, later

DOCUMENT = {"types": {"A.b": {"$email": False}}, "locale": "de"}


def change(version: int, *, seconds: float = 0, asked: Any = None, **fields: Any) -> PreferenceChange:
    return PreferenceChange(
        version=version,
        at=later(seconds),
        asked={"n": version} if asked is None else asked,
        **{"by": "user", **fields},
    )


async def test_a_document_is_replaced_by_who_knows_its_version_and_by_nobody_else(store, other):
    assert await store.preferences.put("ann", DOCUMENT, change(1))
    assert not await other.preferences.put("ann", {}, change(1))
    assert not await other.preferences.put("ann", {}, change(3))
    assert await other.preferences.put("ann", {"locale": "en"}, change(2, by="service:shop", mail="n-1"))
    assert not await store.preferences.put("bob", {}, change(2))

    assert await store.preferences.of_users(["ann", "bob", "\ud800"]) == {
        "ann": StoredPreferences(document={"locale": "en"}, version=2)
    }
    assert await store.preferences.changes("ann", limit=10) == (
        change(2, by="service:shop", mail="n-1"),
        change(1),
    )
    assert await store.preferences.changes("ann", limit=1) == (change(2, by="service:shop", mail="n-1"),)
    assert await store.preferences.changes("bob", limit=1) == ()
    assert await store.preferences.changes("\ud800", limit=1) == ()


async def test_what_is_kept_comes_back_as_it_was(store):
    await store.preferences.put("ann", DOCUMENT, change(1, asked=DOCUMENT))

    assert (await store.preferences.of_users(["ann"]))["ann"].document == DOCUMENT
    assert (await store.preferences.changes("ann", limit=1))[0].asked == DOCUMENT


async def test_of_many_who_change_at_once_each_version_is_one_ones(store, other):
    async def count_up(shelf: Any) -> int:
        won = 0
        while won < 20:
            kept = (await shelf.of_users(["ann"])).get("ann", StoredPreferences(document={"n": 0}, version=0))
            document = {"n": kept.document["n"] + 1}
            won += await shelf.put("ann", document, change(kept.version + 1))
        return won

    await asyncio.gather(*(count_up(shelf) for shelf in (store.preferences, other.preferences)))

    assert await store.preferences.of_users(["ann"]) == {
        "ann": StoredPreferences(document={"n": 40}, version=40)
    }


async def test_the_newest_changes_are_kept_and_no_more(store):
    for version in range(1, CHANGES_KEPT + 3):
        assert await store.preferences.put("ann", {}, change(version))

    kept = await store.preferences.changes("ann", limit=1000)
    assert [each.version for each in kept] == list(range(CHANGES_KEPT + 2, 2, -1))


async def test_who_has_chosen_anything_is_told_by_pages_and_who_did_lately(store):
    for number in range(5):
        await store.preferences.put(f"u{number}", {}, change(1, seconds=number))
    await store.preferences.put("u0", {}, change(2, seconds=9))

    assert await store.preferences.users(after="", limit=3) == ["u0", "u1", "u2"]
    assert await store.preferences.users(after="u2", limit=3) == ["u3", "u4"]
    assert list((await store.preferences.changed_since(later(3), limit=10)).items()) == [
        ("u0", 2),
        ("u4", 1),
        ("u3", 1),
    ]
    assert await store.preferences.changed_since(NOW, limit=2) == {"u0": 2, "u4": 1}
    assert await store.preferences.changed_since(later(10), limit=2) == {}


async def test_an_erased_user_has_chosen_nothing_and_may_begin_anew(store):
    await store.preferences.put("ann", DOCUMENT, change(1))
    await store.preferences.put("bob", DOCUMENT, change(1))

    await store.people.erase_user("ann", "user:ann", now=later(1))

    assert set(await store.preferences.of_users(["ann", "bob"])) == {"bob"}
    assert await store.preferences.changes("ann", limit=1) == ()
    assert await store.preferences.put("ann", {}, change(1))
