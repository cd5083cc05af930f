"""The sentences of `storage/strays.py`, held against every store."""

from datetime import timedelta

import pytest

from storage.errors import InvalidCursor
from storage.ids import uuid7
from storage.obligations import Kind, Obligation, Subject
from storage.strays import RAW_BYTES, Stray
from tests.contract.store_cases import NOW, later, mail, notification, put


def stray(**fields) -> Stray:
    given = {"received_at": NOW, "kind": "other", "subject": "Hm", "raw": b"Subject: Hm\r\n\r\n\x00\xff"}
    return Stray(id=uuid7(), **(given | fields))


async def strays(store, *, limit: int = 100) -> list[Stray]:
    return list((await store.strays.page(before=None, limit=limit)).items)


async def test_a_stray_comes_back_as_it_came_and_cut_where_it_is_long(store):
    given = stray(subject="Größe $1", mail=uuid7())
    long = stray(received_at=later(1), raw=b"x" * (RAW_BYTES + 1))
    for each in (given, long):
        await store.strays.keep(each, most=10)

    first, second = await strays(store)

    assert second == given
    assert first.raw == b"x" * RAW_BYTES


async def test_strays_are_read_page_by_page_and_the_newest_are_kept(store):
    given = [stray(received_at=later(n // 2)) for n in range(9)]
    for each in given:
        await store.strays.keep(each, most=5)
    expected = sorted(given, key=lambda each: (each.received_at, each.id), reverse=True)[:5]

    first = await store.strays.page(before=None, limit=3)
    second = await store.strays.page(before=first.next, limit=3)

    assert [*first.items, *second.items] == expected
    assert second.next is None
    with pytest.raises(InvalidCursor):
        await store.strays.page(before="nonsense", limit=3)


async def test_old_strays_are_pruned(store):
    for seconds in (0, 1, 2):
        await store.strays.keep(stray(received_at=later(seconds)), most=10)

    assert await store.strays.prune(before=later(2)) == 2
    assert [each.received_at for each in await strays(store)] == [NOW + timedelta(seconds=2)]


async def test_strays_that_quote_an_erased_users_address_are_gone(store):
    quoting = stray(raw=b"To: <Ann@Example.org>\r\n\r\nHello")
    other = stray(raw=b"To: <bob@example.org>\r\n\r\nHello")
    for each in (quoting, other):
        await store.strays.keep(each, most=10)

    await store.people.erase_user("1", "user:1", now=NOW)
    assert len(await strays(store)) == 2
    await store.people.erase_user("1", "user:1", now=NOW, addresses=("ann@example.org",))

    assert await strays(store) == [other]


async def test_strays_about_mail_of_an_erased_user_are_gone_whatever_they_quote(store):
    """As a letter in answer to it, that came from another address of the person."""
    own = notification("user:1", mail=mail(to="ann@example.org"))
    news = notification("user:1", in_app=False)
    of_address = notification("user:ann@example.org", in_app=False)
    others = notification("user:2", mail=mail(to="bob@example.org"))
    await put(store, own, others)
    campaign = Subject(kind=Kind.CAMPAIGN, id=uuid7())
    apart = [
        Obligation(id=uuid7(), of=Subject(kind=Kind.NOTIFICATION, id=own.id), mail=mail(to="x@example.org")),
        Obligation(id=uuid7(), of=campaign, mail=mail(to="ann@example.org"), news=news),
        Obligation(id=uuid7(), of=campaign, mail=mail(to="ann@example.org"), news=of_address),
    ]
    await store.outbox.owe(apart)
    for mail_ in (own.id, *(each.id for each in apart)):
        await store.strays.keep(stray(mail=mail_), most=10)
    kept = [stray(mail=others.id), stray(mail="unknown"), stray()]
    for each in kept:
        await store.strays.keep(each, most=10)

    for _ in range(2):
        await store.people.erase_user("1", "user:1", now=NOW, addresses=("ann@example.org",))

        assert {each.id for each in await strays(store)} == {each.id for each in kept}
