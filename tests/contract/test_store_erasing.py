"""Erasing reaches every shelf there is: a new one has to say here what it keeps of users, and is looked through."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from storage.audit import Deed
from storage.campaigns import Campaign
from storage.clicks import Hit, HitKind
from storage.connect import connect, file_of
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.inboxes import Selection
from storage.lanes import Pause
from storage.mail import LaneName, MailState
from storage.obligations import Digest, Kind, Obligation, Subject
from storage.opens import Open
from storage.people import Contact, Told
from storage.preferences import PreferenceChange
from storage.recipients import Recipient
from storage.schedule import Scheduled
from storage.store import Store
from storage.strays import Stray
from storage.suppressions import Reason, Suppression
from storage.trials import Participant
from tests.contract.store_cases import NOW, later, mail, notification, put

ID = "erasee-7f3a"
ROOM = f"user:{ID}"
ADDRESS = "erasee@private.example"
NAME = "Xanthippe"
SECRET = "a-private-matter"
TEXTS = (ADDRESS, NAME, NAME.lower(), SECRET)
"""Of the user: of these nothing is kept anywhere."""
NUMBERED = {"rooms", "notifications", "deeds"}
"""What keeps the name of a user's room all the same: its sequences never restart, and an audit says to whom it was done."""

Filler = Callable[[Store], Awaitable[object]]


async def _streams(store: Store) -> None:
    await put(store, notification(ROOM, title=SECRET, body=SECRET, data={"of": SECRET}))


async def _inboxes(store: Store) -> None:
    (told,) = await put(store, notification("all"))
    await store.inboxes.read(Selection(ID, ["all"], [told.id], now=NOW))
    await store.inboxes.read_all(ID, [ROOM], now=NOW)


async def _outbox(store: Store) -> None:
    """A mail of its own, one that is held, and one of a campaign."""
    await put(store, notification(ROOM, mail=mail(to=ADDRESS, subject=SECRET)))
    held = replace(mail(to=ADDRESS, subject=SECRET, due_at=later(60)), decided_by="quiet_hours")
    await put(store, notification(ROOM, mail=held))
    news = notification(ROOM, title=SECRET, data={"of": SECRET}, in_app=False)
    of = Subject(kind=Kind.CAMPAIGN, id="summer")
    await store.outbox.owe([Obligation(id=uuid7(), of=of, mail=mail(to=ADDRESS), news=news)])


async def _people(store: Store) -> None:
    await store.people.remember([Contact(user=ID, email=ADDRESS, name=NAME, last_seen=NOW)])
    await store.people.tell([Told(user=ID, fields={"attributes": {"of": SECRET}}, at=NOW)])


async def _preferences(store: Store) -> None:
    change = PreferenceChange(version=1, at=NOW, by="link", mail=uuid7(), asked={"timezone": SECRET})
    await store.preferences.put(ID, {"timezone": SECRET}, change)


async def _schedule(store: Store) -> None:
    item = Scheduled(
        id=uuid7(), due_at=later(60), room=ROOM, scope="shop", request=SECRET, cancel_key=SECRET, created_at=NOW
    )  # fmt: skip
    await store.schedule.add([item], now=NOW)
    await store.schedule.cancel("shop", "other", room=ROOM, now=NOW)


async def _suppressions(store: Store) -> None:
    suppression = Suppression(
        id=uuid7(), address=ADDRESS, reason=Reason.UNSUBSCRIBE, source="link", created_at=NOW
    )
    await store.suppressions.add([suppression])
    await store.suppressions.bounced_softly(ADDRESS, at=NOW, days=30)


async def _strays(store: Store) -> None:
    raw = f"Final-Recipient: rfc822; {ADDRESS}".encode()
    await store.strays.keep(
        Stray(id=uuid7(), received_at=NOW, kind="delivery", subject="Returned", raw=raw), most=10
    )


async def _digests(store: Store) -> None:
    digest = Digest(
        id=uuid7(), room=ROOM, key="daily", rule="digest", opened_at=NOW, closes_at=later(60), lead=uuid7()
    )
    await store.digests.lead(digest)


async def _lanes(store: Store) -> None:
    pause = Pause(at=NOW, by=f"user:{ID}", reason="too many come back")
    await store.lanes.pause(LaneName.BULK, pause, judged=None)


async def _campaigns(store: Store) -> None:
    """One of the user's own."""
    campaign = Campaign(id=uuid7(), name="Autumn", type="NEWS", plan="{}", by=f"user:{ID}", created_at=NOW)
    await store.campaigns.create(campaign)


async def _recipients(store: Store) -> None:
    """The user, of another's campaign."""
    campaign = Campaign(id=uuid7(), name="Winter", type="NEWS", plan="{}", by="service:shop", created_at=NOW)
    await store.campaigns.create(campaign)
    recipient = Recipient(id=uuid7(), user=ID, address=ADDRESS, given=SECRET)
    await store.recipients.add(campaign.id, [recipient], now=NOW)


async def _audit(store: Store) -> None:
    deed = Deed(id=uuid7(), at=NOW, by=f"user:{ID}", role="admin", operation="disconnect", target=ROOM)
    await store.audit.begin(deed)


async def _clicks(store: Store) -> None:
    """A link that only the user was sent, and a hit on it."""
    await store.clicks.keep({b"key": f"https://shop.example/{SECRET}"}, user=ID, until=None)
    hit = Hit(
        id=uuid7(), mail=uuid7(), user=ID, type="NEWS", notification=uuid7(), room=ROOM, campaign=None, target=b"key",
        links=1, at=NOW, network=b"net", signals=(),
    )  # fmt: skip
    assert await store.clicks.note(hit, most=1)


async def _opens(store: Store) -> None:
    opened = Open(id=uuid7(), mail=uuid7(), user=ID, notification=uuid7(), at=NOW, network=b"net", signals=())
    assert await store.opens.note(opened, most=1)


async def _trials(store: Store) -> None:
    await store.trials.enrol([Participant(trial="t", user=ID, variant="a", at=NOW, reached=True)])


KEEPS: dict[str, Filler | str] = {
    "streams": _streams,
    "inboxes": _inboxes,
    "outbox": _outbox,
    "snoozes": "keeps nothing beside the inboxes",
    "people": _people,
    "epochs": "keeps the line of the sequences",
    "switches": lambda store: store.switches.change("SALE", {"enabled": False}, by=f"user:{ID}", now=NOW),
    "tallies": "keeps numbers by type and hour",
    "stats": "keeps no names of people: who read in a shared room is a keyed hash, another one for each notification",
    "topics": lambda store: store.topics.change("deals", room="topic:deals", add=[ID], remove=[], now=NOW),
    "preferences": _preferences,
    "links": lambda store: store.links.remember({b"key": ID}),
    "schedule": _schedule,
    "digests": _digests,
    "suppressions": _suppressions,
    "strays": _strays,
    "lanes": _lanes,
    "mailboxes": lambda store: store.mailboxes.refuse(ID, ADDRESS, at=NOW),
    "campaigns": _campaigns,
    "recipients": _recipients,
    "audit": _audit,
    "archive": lambda store: store.archive.keys([ID]),
    "clicks": _clicks,
    "opens": _opens,
    "trials": _trials,
}
"""By shelf: what it is given of a user, or what it keeps instead. Whoever adds a shelf adds a line here."""


async def _records(url: str) -> dict[str, list[str]]:
    """Everything in the store, by table or collection."""
    path = file_of(url)
    if path is None:
        async with AsyncMongoClient[dict[str, Any]](url) as client:
            database = client.get_default_database()
            return {
                name: [repr(document) for document in await database[name].find().to_list()]
                for name in await database.list_collection_names()
            }
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: [repr(row) for row in connection.execute(f'SELECT * FROM "{name}"')]  # noqa: S608 - its own names
            for (name,) in tables
        }


def _holding(records: dict[str, list[str]], marks: Iterable[str]) -> dict[str, int]:
    """How many records of each table hold one of `marks`."""
    counts = {name: sum(any(mark in row for mark in marks) for row in rows) for name, rows in records.items()}
    return {name: count for name, count in counts.items() if count}


def test_every_shelf_says_what_it_keeps_of_users():
    shelves = {name for name, value in vars(Store).items() if isinstance(value, property)}

    assert shelves == set(KEEPS)


async def test_of_an_erased_user_no_shelf_keeps_anything(store, store_url):
    for name, fill in KEEPS.items():
        if isinstance(fill, str):
            continue
        before = sum(_holding(await _records(store_url), (ID, *TEXTS)).values())
        await fill(store)
        # Else this test would hold nothing of the shelf.
        assert sum(_holding(await _records(store_url), (ID, *TEXTS)).values()) > before, name

    await store.people.erase_user(ID, ROOM, now=later(1), addresses=[ADDRESS])

    left = await _records(store_url)
    assert _holding(left, TEXTS) == {}
    assert set(_holding(left, (ID,))) <= NUMBERED


async def test_a_room_of_more_than_a_page_is_erased_whole(store, store_url, monkeypatch):
    # Three of one moment among them: a page may end between two of these.
    monkeypatch.setattr("storage.mongo.pages.IDS_PER_PAGE", 2)
    made = (NOW, later(1), later(1), later(1), later(2))
    told = [await put(store, notification(ROOM, title=SECRET, created_at=at)) for at in made]
    for (each,) in told:
        of = Subject(kind=Kind.NOTIFICATION, id=each.id)
        await store.outbox.owe([Obligation(id=uuid7(), of=of, mail=mail(to=ADDRESS))])
    assert await store.people.addresses(ID, ROOM) == [ADDRESS]

    assert await store.people.erase_user(ID, ROOM, now=later(3)) == len(made)

    assert _holding(await _records(store_url), TEXTS) == {}


class _Asked(CommandListener):
    """How many values were named at a time in what MongoDB was asked of what is owed."""

    def __init__(self) -> None:
        self.named: list[int] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command.get("find") == "obligations":
            self.named += _named(event.command["filter"])

    def succeeded(self, event: CommandSucceededEvent) -> None:
        del event

    def failed(self, event: CommandFailedEvent) -> None:
        del event


def _named(asked: Any) -> list[int]:
    """The length of each `$in`."""
    if isinstance(asked, list):
        return [length for each in asked for length in _named(each)]
    if isinstance(asked, dict):
        return [*([len(asked["$in"])] if "$in" in asked else []), *_named(list(asked.values()))]
    return []


async def test_what_is_owed_for_a_room_of_more_than_a_page_is_told_newest_first(store_url, monkeypatch):
    """Page by page on MongoDB: the ids of a busy room are more than one question may hold."""
    asked = _Asked()
    monkeypatch.setattr("storage.mongo.pages.IDS_PER_PAGE", 3)
    monkeypatch.setattr(
        "storage.mongo.collections.AsyncMongoClient", partial(AsyncMongoClient, event_listeners=[asked])
    )
    store = connect(store_url)
    await store.open()
    told = [each for n in range(7) for each in await put(store, notification(ROOM, created_at=later(n)))]
    news = notification(ROOM, in_app=False)
    owed: dict[int, Obligation] = {}
    # In another order than what it is of, so that the newest are of every page.
    for age, each in zip((6, 1, 4, 3, 0, 5, 2), told, strict=True):
        owed[age] = Obligation(
            id=uuid7(),
            of=Subject(kind=Kind.NOTIFICATION, id=each.id),
            mail=replace(mail(), updated_at=later(age)),
            # One that is owed to the room as well.
            news=news if age == 5 else None,
        )
    campaign = Subject(kind=Kind.CAMPAIGN, id="summer")
    owed[7] = Obligation(id=uuid7(), of=campaign, mail=replace(mail(), updated_at=later(7)), news=news)
    await store.outbox.owe(list(owed.values()))

    for limit in (4, 100):
        found = await store.outbox.of_room(ROOM, limit=limit)
        assert [each.id for each in found] == [owed[age].id for age in range(7, -1, -1)][:limit]

    assert (max(asked.named) if file_of(store_url) is None else 3) == 3
    await store.close()


async def test_an_erasure_that_is_cut_short_knows_the_addresses_when_it_is_begun_again(store, monkeypatch):
    """They are read from what is erased: that goes last."""
    await store.people.remember([Contact(user=ID, email=ADDRESS, last_seen=NOW)])

    def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(type(store.suppressions), "erase", away)
    with pytest.raises(StoreUnavailable):
        await store.people.erase_user(ID, ROOM, now=NOW, addresses=[ADDRESS])

    assert await store.people.addresses(ID, ROOM) == [ADDRESS]


async def test_what_is_kept_under_the_address_as_a_user_is_erased_too(store):
    """As of recipients whom a campaign knew by their addresses alone."""
    hit = Hit(
        id="h", mail="m", user=ADDRESS, type="NEWS", notification=None, room=None, campaign="c", target=b"k", links=1,
        at=NOW, network=b"n", signals=(), kind=HitKind.HUMAN, why=(), judged_at=None, confirmed_at=None,
    )  # fmt: skip
    await store.clicks.note(hit, most=5)
    await store.clicks.keep({b"k": "https://shop.example"}, user=ADDRESS, until=None)

    await store.people.erase_user(ID, ROOM, now=NOW, addresses=[ADDRESS])

    assert await store.clicks.of_user(ADDRESS, limit=5) == []
    assert await store.clicks.targets_of(ADDRESS, limit=5) == []


@pytest.mark.parametrize("other", [Contact(user=ADDRESS), Contact(user="43", email=ADDRESS.title())])
async def test_an_address_that_another_known_user_has_stays_theirs(store, other):
    """As of whom the erased one has sent something: what they have chosen, and what they are owed, is not the erased one's."""
    theirs = f"user:{ADDRESS}"
    await store.people.remember([other])
    no = {"categories": {"offers": {"email": False}}}
    change = PreferenceChange(version=1, at=NOW, by="link", asked=no)
    await store.preferences.put(ADDRESS, no, change)
    await store.links.remember({b"key": ADDRESS})
    (told,) = await put(store, notification(theirs, mail=mail(to=ADDRESS, due_at=later(60))))
    await _suppressions(store)
    await put(store, notification(ROOM, mail=mail(to=ADDRESS)))
    asked = await store.people.addresses(ID, ROOM)
    assert asked == [ADDRESS]
    assert await store.people.of_nobody_else(ID, [ADDRESS, "own@example.org"]) == ("own@example.org",)

    await store.people.erase_user(ID, ROOM, now=later(1), addresses=asked)

    assert (await store.preferences.of_users([ADDRESS]))[ADDRESS].document == no
    assert await store.links.user_of(b"key") == ADDRESS
    kept = await store.outbox.find(told.id)
    assert (kept.mail.state, kept.mail.order.to) == (MailState.PENDING, ADDRESS)
    assert ADDRESS in await store.suppressions.matching([ADDRESS], now=later(2))
    assert await store.people.addresses(ID, ROOM) == []


async def test_an_address_of_ones_own_is_forgotten_though_others_are_found_by_the_like_of_it(store):
    await store.people.remember(
        [Contact(user=ID, email=ADDRESS, name=ADDRESS), Contact(user="43", email=f"other-{ADDRESS}")]
    )
    await _suppressions(store)

    await store.people.erase_user(ID, ROOM, now=later(1), addresses=[ADDRESS])

    assert await store.suppressions.matching([ADDRESS], now=later(2)) == {}
