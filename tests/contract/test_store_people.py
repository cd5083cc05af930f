"""The sentences of `storage/people.py`, held against every store."""

from storage.inboxes import Receipt
from storage.mail import MailState
from storage.people import Contact
from tests.contract.store_cases import (
    NOW,
    fill,
    later,
    mail,
    notification,
    put,
)


async def test_contacts_keep_what_was_known_and_take_what_is_newer(store):
    await store.people.remember([])
    await store.people.remember(
        [
            Contact(user="1", email="old@example.org", name="$Ann", last_seen=later(1)),
            Contact(user="1", email="new@example.org", last_seen=later(2)),
            Contact(user="2", name="Bob"),
        ]
    )

    assert await store.people.contact("1") == Contact(
        user="1", email="new@example.org", name="$Ann", last_seen=later(2)
    )
    await store.people.remember([Contact(user="1", email="late@example.org", last_seen=later(-1))])
    await store.people.remember([Contact(user="2", email="bob@example.org", last_seen=NOW)])
    assert await store.people.contact("1") == Contact(
        user="1", email="new@example.org", name="$Ann", last_seen=later(2)
    )
    assert await store.people.contact("2") == Contact(
        user="2", name="Bob", email="bob@example.org", last_seen=NOW
    )
    await store.people.remember([Contact(user="2", locale="de-AT", last_seen=later(3))])
    await store.people.remember([Contact(user="2", locale="en", last_seen=later(1))])
    assert (await store.people.contact("2")).locale == "de-AT"
    await store.people.remember([Contact(user="1", name="Anna")])
    assert (await store.people.contact("1")).name == "Anna"
    assert await store.people.contact("3") is None


async def test_many_contacts_are_had_in_one_question(store):
    await store.people.remember(
        [Contact(user=str(n), email=f"{n}@example.org", last_seen=NOW) for n in range(3000)]
    )

    found = await store.people.contacts([*map(str, range(1000, 2500)), "nobody", "\ud800", "1000"])

    assert found == {
        str(n): Contact(user=str(n), email=f"{n}@example.org", last_seen=NOW) for n in range(1000, 2500)
    }
    assert await store.people.contacts([]) == {}


async def test_a_forgotten_contact_is_not_known_and_the_others_are(store):
    await store.people.remember([Contact(user=user, name="N") for user in ("1", "2", "3")])

    await store.people.forget(["1", "3", "nobody"])
    await store.people.forget([])

    assert [await store.people.contact(user) is None for user in ("1", "2", "3")] == [True, False, True]


async def test_all_that_is_held_about_a_user_is_told_and_then_forgotten(store):
    [hidden, own] = await put(
        store, notification("user:1", in_app=False, mail=mail()), notification("user:1", body="B")
    )
    [shared] = await fill(store, "all", 1)
    await fill(store, "all", 1)
    await store.people.remember([Contact(user="1", email="ann@example.org")])
    await store.inboxes.read("1", ["all"], [shared.id], now=NOW)
    await store.inboxes.read_all("1", ["user:1"], now=NOW)
    await store.inboxes.read("2", ["all"], [shared.id], now=NOW)

    data = await store.people.user_data("1", "user:1", limit=10)
    assert data.contact == Contact(user="1", email="ann@example.org")
    assert [n.id for n in data.notifications] == [own.id, hidden.id]
    assert data.receipts == {shared.id: Receipt(read_at=NOW)}
    assert data.read_upto == {"user:1": 1}
    assert len((await store.people.user_data("1", "user:1", limit=1)).notifications) == 1

    assert await store.people.erase_user("1", "user:1", now=later(1)) == 2
    assert await store.people.erase_user("1", "user:1", now=later(2)) == 0
    empty = await store.people.user_data("1", "user:1", limit=10)
    assert (empty.contact, empty.notifications, dict(empty.receipts), dict(empty.read_upto)) == (
        None,
        (),
        {},
        {},
    )
    wiped = await store.streams.notification(hidden.id)
    assert (wiped.mail.state, wiped.mail.reason, wiped.mail.order.to) == (MailState.SKIPPED, "erased", "")
    assert await store.streams.heads(["user:1", "all"]) == {"user:1": 1, "all": 2}
    assert await store.inboxes.receipts(shared.id) == {"2": Receipt(read_at=NOW)}
