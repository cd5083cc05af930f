"""The sentences of `storage/opens.py`, held against every store."""

from typing import Any

from storage.ids import uuid7
from storage.opens import Open
from tests.contract.store_cases import NOW, later


def opened(mail: str = "m1", **fields: Any) -> Open:
    return Open(
        **{
            "id": uuid7(), "mail": mail, "user": "ann", "notification": None, "at": NOW, "network": b"\x00\xff",
            "signals": (), **fields,
        }
    )  # fmt: skip


async def test_opens_are_noted_up_to_so_many_of_a_mail(store):
    noted = [await store.opens.note(opened(at=later(n)), most=2) for n in range(3)]
    assert await store.opens.note(opened("m2"), most=2)

    assert noted == [True, True, False]
    assert [each.at for each in await store.opens.about("m1", limit=9)] == [later(1), NOW]


async def test_an_open_comes_back_as_it_was_noted_and_is_found_by_what_it_is_about(store, other):
    whole = opened(notification="n1", signals=("agent", "proxy"))
    of_mail = opened("n1", at=later(1))
    for each in (whole, of_mail, opened("m3", user="bob")):
        await store.opens.note(each, most=9)

    assert await other.opens.about("n1", limit=9) == [of_mail, whole]
    assert await other.opens.about("n1", limit=1) == [of_mail]
    assert await other.opens.of_user("ann", limit=9) == [of_mail, whole]
    assert await other.opens.of_user("ann", limit=1) == [of_mail]
    assert [await store.opens.about("\ud800", limit=9), await store.opens.of_user("\ud800", limit=9)] == [
        [],
        [],
    ]


async def test_what_is_old_is_forgotten_a_part_at_a_time(store):
    for n in range(4):
        await store.opens.note(opened(at=later(n)), most=9)

    forgotten = [await store.opens.prune(before=later(3), limit=2) for _ in range(3)]

    assert forgotten == [2, 1, 0]
    assert [each.at for each in await store.opens.about("m1", limit=9)] == [later(3)]
