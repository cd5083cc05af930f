"""The sentences of `storage/links.py`, held against every store."""

from tests.contract.store_cases import NOW


async def test_a_key_stands_for_its_user_and_for_no_other(store, other):
    await store.links.remember({})
    await store.links.remember({b"\x00\xff": "ann", b"\x01": "bob"})
    await other.links.remember({b"\x00\xff": "somebody else", b"\x02": "ann"})

    assert [await other.links.user_of(key) for key in (b"\x00\xff", b"\x01", b"\x02", b"\x03")] == [
        "ann",
        "bob",
        "ann",
        None,
    ]


async def test_the_keys_of_an_erased_user_stand_for_nobody(store):
    await store.links.remember({b"a1": "ann", b"a2": "ann", b"b1": "bob"})

    await store.people.erase_user("ann", "user:ann", now=NOW)

    assert [await store.links.user_of(key) for key in (b"a1", b"a2", b"b1")] == [None, None, "bob"]
