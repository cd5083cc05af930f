"""The sentences of `storage/people.py`, held against every store."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

from pymongo import AsyncMongoClient

from storage.beginnings import Membership
from storage.connect import connect, file_of
from storage.finding import CANDIDATES
from storage.inboxes import Selection
from storage.mail import MailState
from storage.people import TOLD, Contact, Profile, Told
from storage.receipts import Receipt
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


async def test_what_a_backend_tells_is_kept_by_field(store):
    await store.people.tell([])
    assert await store.people.profile("1") is None

    await store.people.tell(
        [
            Told(user="1", fields={"email": "ann@example.org", "name": "$Ann", "attributes": {"a.b": {"$c": 1}}}, at=NOW),
            Told(user="1", fields={"timezone": "Europe/Berlin", "name": None}, at=later(1)),
            Told(user="2", fields={}, at=NOW),
        ]
    )  # fmt: skip

    profile = await store.people.profile("1")
    assert profile.contact == Contact(user="1", email="ann@example.org", timezone="Europe/Berlin")
    assert dict(profile.attributes) == {"a.b": {"$c": 1}}
    assert await store.people.contact("1") == profile.contact
    assert dict(profile.contact.told_at) == {
        "email": NOW, "name": later(1), "attributes": NOW, "timezone": later(1)
    }  # fmt: skip
    await store.people.tell([Told(user="1", fields=dict.fromkeys(TOLD), at=later(2))])
    assert await store.people.profile("1") == Profile(contact=Contact(user="1"), attributes={})
    assert (await store.people.profile("2")).contact == Contact(user="2")
    assert await store.people.profile("\ud800") is None


async def test_a_token_gives_way_to_what_a_backend_has_told_since_it_was_issued(store):
    old = Contact(user="1", email="old@example.org", name="Old", last_seen=later(9), said_at=NOW)
    await store.people.remember([old])
    await store.people.tell([Told(user="1", fields={"email": "new@example.org"}, at=later(5))])

    # The same token, at a later connect.
    await store.people.remember([replace(old, last_seen=later(20))])
    assert await store.people.contact("1") == Contact(
        user="1", email="new@example.org", name="Old", last_seen=later(20)
    )
    await store.people.tell([Told(user="1", fields={"email": None}, at=later(21))])
    await store.people.remember([replace(old, last_seen=None), replace(old, last_seen=later(22))])
    assert (await store.people.contact("1")).email is None
    # A token that was issued later knows better; one that does not say when speaks as of now.
    await store.people.remember([replace(old, email="newer@example.org", said_at=later(30))])
    assert (await store.people.contact("1")).email == "newer@example.org"
    await store.people.tell([Told(user="1", fields={"email": "told@example.org"}, at=later(40))])
    await store.people.remember([Contact(user="1", email="said@example.org")])
    assert (await store.people.contact("1")).email == "said@example.org"


async def test_a_user_of_whom_only_a_backend_has_told_is_new_from_then_on(store):
    """What was said to everybody before is history to them, and what was said since is unread."""
    await fill(store, "all", 2, created_at=later(-10))
    await store.people.tell([Told(user="1", fields={"name": "Ann"}, at=NOW)])
    await store.people.remember([Contact(user="1", email="ann@example.org", last_seen=later(5))])
    await fill(store, "all", 1, created_at=later(10))

    opening = await store.inboxes.opening(
        "1", ["user:1", "all"], since={}, limit=10, now=later(20),
        membership=Membership(own="user:1", everybodys=("all", "admins")),
    )  # fmt: skip

    assert opening.unread == 1


async def test_all_that_is_held_about_a_user_is_told_and_then_forgotten(store):
    [hidden, own] = await put(
        store, notification("user:1", in_app=False, mail=mail()), notification("user:1", body="B")
    )
    [shared] = await fill(store, "all", 1)
    await fill(store, "all", 1)
    await store.people.remember([Contact(user="1", email="ann@example.org")])
    await store.inboxes.read(Selection("1", ["all"], [shared.id], now=NOW))
    await store.inboxes.read_all("1", ["user:1"], now=NOW)
    await store.inboxes.read(Selection("2", ["all"], [shared.id], now=NOW))

    assert await store.people.contact("1") == Contact(user="1", email="ann@example.org")
    assert [n.id for n in await store.streams.of_room("user:1", limit=10)] == [own.id, hidden.id]
    assert await store.inboxes.receipts_of_user("1", limit=10) == {shared.id: Receipt(read_at=NOW)}
    assert await store.inboxes.read_upto("1") == {"user:1": 1}
    assert len(await store.streams.of_room("user:1", limit=1)) == 1

    assert await store.people.erase_user("1", "user:1", now=later(1)) == 2
    assert await store.people.erase_user("1", "user:1", now=later(2)) == 0
    assert await store.people.contact("1") is None
    assert await store.streams.of_room("user:1", limit=10) == []
    assert (await store.inboxes.receipts_of_user("1", limit=10), await store.inboxes.read_upto("1")) == (
        {},
        {},
    )
    wiped = await store.streams.notification(hidden.id)
    assert (wiped.mail.state, wiped.mail.reason, wiped.mail.order.to) == (MailState.SKIPPED, "erased", "")
    assert await store.streams.heads(["user:1", "all"]) == {"user:1": 1, "all": 2}
    assert await store.inboxes.receipts(shared.id) == {"2": Receipt(read_at=NOW)}


async def _found(store, text: str, *, limit: int = 10) -> tuple[list[str], bool]:
    found = await store.people.search(text, limit=limit)
    return [contact.user for contact in found.contacts], found.more


async def test_people_are_found_by_how_their_id_address_or_name_begins(store):
    await store.people.remember(
        [
            Contact(user="42", name="Ann Smith", email="Ann.S@Example.org", last_seen=NOW),
            Contact(user="43", name="Özil Smithers"),
            Contact(user="ann", name='He said "hi" \\ $x'),
            Contact(user="Bob 7"),
            Contact(user="44", name="山田\u3000太郎"),
            Contact(user="45", name="Zoë\xa0Quist"),
        ]
    )

    assert await _found(store, "smith") == (["42", "43"], False)
    assert await _found(store, "SMITH an") == (["42"], False)
    assert await _found(store, "ann") == (["42", "ann"], False)
    assert await _found(store, "ann.s@") == (["42"], False)
    assert await _found(store, "4") == (["42", "43", "44", "45"], False)
    assert await _found(store, "özil") == await _found(store, "Öz") == (["43"], False)
    assert await _found(store, "bob") == await _found(store, "7") == (["Bob 7"], False)
    assert await _found(store, '"hi') == (["ann"], False)
    assert await _found(store, "太") == await _found(store, "山田 太郎") == (["44"], False)
    assert await _found(store, "quist") == (["45"], False)
    assert (
        await _found(store, "mith")
        == await _found(store, " ")
        == await _found(store, "\ud800")
        == ([], False)
    )
    assert (await store.people.search("42", limit=1)).contacts == (
        Contact(user="42", name="Ann Smith", email="Ann.S@Example.org", last_seen=NOW),
    )


async def test_whose_words_were_parted_at_spaces_alone_is_found_since(store, store_url):
    await store.people.remember([Contact(user="44", name="山田\u3000太郎")])
    await _as_before_blanks(store_url, "44", "山田\u3000太郎")
    assert await _found(store, "太") == ([], False)

    again = connect(store_url)
    await again.open()
    assert await _found(again, "太") == (["44"], False)
    await again.people.remember([Contact(user="44", name="山田\u3000次郎", last_seen=NOW)])
    assert await _found(again, "次") == (["44"], False)
    await again.close()


async def _as_before_blanks(url: str, user: str, name: str) -> None:
    """Have the store as the release before kept it: with the name as one word, and without the change."""
    if (path := file_of(url)) is None:
        async with AsyncMongoClient(url) as client:
            database = client.get_default_database()
            await database["contacts"].update_one({"_id": user}, {"$set": {"words": [user, "", name]}})
            await database["facts"].update_one({"_id": "migrations"}, {"$pull": {"ran": "people-blanks"}})
        return
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("DELETE FROM contact_words")
        file.executemany("INSERT INTO contact_words (word, user) VALUES (?, ?)", [(user, user), (name, user)])
        [(ran,)] = file.execute("SELECT value FROM facts WHERE name = 'migrations'").fetchall()
        names = [each for each in json.loads(ran) if each != "people-blanks"]
        file.execute("UPDATE facts SET value = ? WHERE name = 'migrations'", (json.dumps(names),))


async def test_a_search_goes_by_what_is_known_now(store):
    await store.people.remember([Contact(user="1", name="Ann"), Contact(user="2", name="Ann")])

    await store.people.remember([Contact(user="1", name="Berta", last_seen=NOW)])
    await store.people.tell([Told(user="2", fields={"name": None, "email": "cleo@example.org"}, at=later(1))])

    assert await _found(store, "ann") == ([], False)
    assert (await _found(store, "berta"), await _found(store, "cleo")) == ((["1"], False), (["2"], False))
    await store.people.forget(["1"])
    await store.people.erase_user("2", "user:2", now=later(2))
    assert await _found(store, "b") == await _found(store, "c") == ([], False)


async def test_a_search_says_when_there_are_more_than_it_shows_or_looks_at(store):
    await store.people.remember([Contact(user=f"{n:04}", name=f"Ann {n}") for n in range(CANDIDATES + 1)])

    assert await _found(store, "ann 7", limit=1) == (["0007"], True)
    assert (await _found(store, "ann 7", limit=200))[1] is True
    assert await _found(store, "0007") == (["0007"], False)


async def test_all_who_are_known_are_told_page_by_page_with_their_attributes(store):
    await store.people.remember([Contact(user=user, locale="de") for user in ("bob", "ann", "Zoë")])
    await store.people.tell([Told(user="bob", fields={"attributes": {"plan": "pro"}}, at=NOW)])

    first = await store.people.known(after=None, limit=2)
    rest = await store.people.known(after=first[-1].contact.user, limit=2)

    assert [each.contact.user for each in (*first, *rest)] == ["Zoë", "ann", "bob"]
    assert [each.attributes for each in rest] == [{"plan": "pro"}]
