"""The sentences of `storage/switches.py`, held against every store."""

import asyncio

import pytest

from storage import switches
from storage.errors import TooManySwitched
from storage.switches import CHANGES_KEPT, ERASED, SwitchChange, Switched, SwitchTable
from tests.contract.store_cases import NOW, later


async def set_(store, type_, asked, *, by="service:shop", now=NOW):
    return await store.switches.change(type_, asked, by=by, now=now)


async def test_nothing_is_set_at_first(store):
    assert await store.switches.version() == 0
    assert await store.switches.all() == SwitchTable(version=0, types={})
    assert await store.switches.history("ORDER", limit=10) == []


async def test_a_change_is_there_for_every_node_with_who_and_when(store, other):
    asked = {"enabled": False, "channels": {"email": {"percent": 12.5}}}

    switched = await set_(store, "ORDER", asked, by="user:Jürgen", now=later(1))

    assert switched == Switched(settings=asked, last=SwitchChange(at=later(1), by="user:Jürgen", asked=asked))
    assert await other.switches.all() == SwitchTable(
        version=await other.switches.version(), types={"ORDER": switched}
    )
    assert await other.switches.history("ORDER", limit=10) == [switched.last]


async def test_what_is_left_out_stays_and_null_takes_away(store):
    await set_(store, "ORDER", {"enabled": False, "channels": {"email": {"enabled": False, "percent": 5}}})
    await set_(store, "ORDER", {"channels": {"email": {"percent": 25}, "in_app": {"enabled": True}}})
    await set_(store, "ORDER", {"enabled": None, "channels": {"in_app": {"enabled": None}}}, now=later(2))

    [switched] = (await store.switches.all()).types.values()

    assert switched.settings == {"channels": {"email": {"enabled": False, "percent": 25}}}
    assert switched.last.at == later(2)
    last = {"channels": {"email": {"enabled": None, "percent": None}}}
    assert (await set_(store, "ORDER", last)).settings == {}
    # It was switched once: its history is told.
    assert (await store.switches.all()).types["ORDER"] == Switched(
        settings={}, last=SwitchChange(at=NOW, by="service:shop", asked=last)
    )


async def test_the_version_grows_with_each_change_of_any_type(store, other):
    versions = [await store.switches.version()]
    for type_ in ("ORDER", "SALE", "ORDER", "SALE", "SALE"):
        await set_(store, type_, {"enabled": False})
        versions.append(await other.switches.version())

    assert versions == sorted(set(versions))


async def test_of_changes_that_are_made_at_once_none_is_lost(store, other):
    """Twenty of one type, each of another setting, and twenty of types of their own, by two nodes."""
    changes = [(store, other)[n % 2].switches for n in range(20)]
    await asyncio.gather(
        *(
            shelf.change("ORDER", {"channels": {f"c{n}": {"percent": n}}}, by=f"user:{n}", now=NOW)
            for n, shelf in enumerate(changes)
        ),
        *(
            shelf.change(f"T{n}", {"enabled": False}, by="user:root", now=NOW)
            for n, shelf in enumerate(changes)
        ),
    )

    table = await store.switches.all()

    assert table.types["ORDER"].settings == {"channels": {f"c{n}": {"percent": n} for n in range(20)}}
    assert table.types.keys() == {"ORDER", *(f"T{n}" for n in range(20))}
    assert table.version == await other.switches.version()
    history = await store.switches.history("ORDER", limit=100)
    assert {change.by for change in history} == {f"user:{n}" for n in range(20)}
    assert table.types["ORDER"].last == history[0]


async def test_who_has_a_table_misses_no_change_below_its_version(store, other):
    """While two nodes change it, whoever reads has all up to the version that the table tells."""
    done = asyncio.Event()

    async def change(shelf, name):
        for n in range(15):
            await shelf.change(f"{name}{n}", {"enabled": False}, by="service:shop", now=NOW)

    async def read():
        seen = []
        while not done.is_set():
            seen.append(await store.switches.all())
        return seen

    reading = asyncio.create_task(read())
    await asyncio.gather(change(store.switches, "A"), change(other.switches, "B"))
    done.set()

    final = await other.switches.all()
    for table in await reading:
        assert len(table.types) >= table.version
    assert len(final.types) == final.version == 30


async def test_of_each_type_the_newest_changes_are_kept(store):
    for n in range(CHANGES_KEPT + 5):
        await set_(store, "ORDER", {"channels": {"email": {"percent": n}}}, now=later(n))
    await set_(store, "SALE", {"enabled": False})

    kept = await store.switches.history("ORDER", limit=1000)

    assert [change.at for change in kept] == [later(n) for n in range(CHANGES_KEPT + 4, 4, -1)]
    assert len(await store.switches.history("ORDER", limit=3)) == 3
    assert len(await store.switches.history("SALE", limit=1000)) == 1


async def test_there_is_a_bound_to_the_types_and_those_that_are_there_go_on(store, monkeypatch):
    for module in ("storage.sqlite.switches", "storage.mongo.switches"):
        monkeypatch.setattr(f"{module}.TYPES_MAX", 3)
    for n in range(3):
        await set_(store, f"T{n}", {"enabled": False})

    with pytest.raises(TooManySwitched):
        await set_(store, "T3", {"enabled": False})

    assert (await set_(store, "T1", {"enabled": None})).settings == {}
    assert (await store.switches.all()).types.keys() == {"T0", "T1", "T2"}


async def test_an_admin_who_was_erased_is_named_no_more(store):
    await set_(store, "ORDER", {"enabled": False}, by="user:ann")
    await set_(store, "ORDER", {"enabled": True}, by="user:bob")
    await set_(store, "ORDER", {"enabled": False}, by="user:ann")
    version = await store.switches.version()

    await store.people.erase_user("ann", "user:ann", now=NOW)

    assert [change.by for change in await store.switches.history("ORDER", limit=10)] == [
        ERASED, "user:bob", ERASED,
    ]  # fmt: skip
    assert (await store.switches.all()).types["ORDER"].last.by == ERASED
    assert await store.switches.version() == version


def test_a_patch_of_something_that_is_no_object_replaces_it():
    assert switches.merged({"a": 1, "b": 2}, {"a": {"c": 3}, "b": {}}) == {"a": {"c": 3}}
