"""The sentences of `storage/mailboxes.py`, held against every store."""

import asyncio

from storage.mailboxes import RefusingMailbox
from tests.contract.store_cases import NOW, later

ANN = RefusingMailbox(user="ann", address="ann@example.org", at=NOW)


async def listed(store, **asked) -> list[RefusingMailbox]:
    return list(await store.mailboxes.page(**({"after": None, "limit": 100} | asked)))


async def test_a_refusal_is_noted_once_of_an_address_and_anew_of_another(store, other):
    answers = await asyncio.gather(
        *(node.mailboxes.refuse("ann", ANN.address, at=NOW) for node in (store, other) for _ in range(3))
    )

    assert sorted(answers) == [False] * 5 + [True]
    assert not await store.mailboxes.refuse("ann", ANN.address, at=later(60))
    assert await listed(other) == [ANN]
    await store.mailboxes.told(ANN, "n1")
    assert await store.mailboxes.refuse("ann", "ann@home.example", at=later(60))
    assert await listed(store) == [RefusingMailbox(user="ann", address="ann@home.example", at=later(60))]


async def test_who_was_told_is_not_among_those_to_be_told(store):
    for user in ("bob", "ann", "cat"):
        await store.mailboxes.refuse(user, f"{user}@example.org", at=NOW)

    assert await store.mailboxes.told(ANN, "n1")
    assert not await store.mailboxes.told(ANN, "n2")

    told = RefusingMailbox(user="ann", address=ANN.address, at=NOW, told="n1")
    assert await store.mailboxes.of_many(["ann", "nobody", "\ud800"]) == [told]
    assert [each.user for each in await listed(store)] == ["ann", "bob", "cat"]
    assert [each.user for each in await listed(store, untold=True)] == ["bob", "cat"]
    assert [each.user for each in await listed(store, after="ann", limit=1)] == ["bob"]
    assert [each.user for each in await listed(store, after="bob", untold=True)] == ["cat"]


async def test_what_is_over_is_forgotten_unless_it_began_anew(store):
    await store.mailboxes.refuse("ann", "old@example.org", at=NOW)
    [old] = await listed(store)
    await store.mailboxes.refuse("ann", ANN.address, at=NOW)

    assert not await store.mailboxes.forget(old)
    assert not await store.mailboxes.told(old, "n1")
    assert await store.mailboxes.forget(ANN)
    assert not await store.mailboxes.forget(ANN)
    assert await listed(store) == []


async def test_an_erased_users_mailbox_is_forgotten_and_no_other(store):
    for user in ("ann", "bob"):
        await store.mailboxes.refuse(user, f"{user}@example.org", at=NOW)

    await store.people.erase_user("ann", "user:ann", now=NOW)

    assert [each.user for each in await listed(store)] == ["bob"]
