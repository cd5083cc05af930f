"""Looking for mail, as `storage/outbox.py` says of `mail_page`, held against every store."""

from dataclasses import replace

import pytest

from storage.endings import Buried, Sent
from storage.ids import uuid7
from storage.mail import LaneName, MailState
from storage.obligations import Kind, Obligation, Subject
from storage.outbox import ANY, MailSearch
from storage.store import Store
from tests.contract.store_cases import NOW, later, mail, notification, put

CAMPAIGN = "019a0c5e-7d00-7000-8000-0000000000ca"


async def owe(store: Store, user: str, to: str, *, at: float = 0, alone: bool = False) -> str:
    """A mail of a notification or, alone, of a campaign; answers its id."""
    moment = later(at)
    owed = replace(mail(to, due_at=moment), updated_at=moment)
    if not alone:
        [stored] = await put(store, notification(f"user:{user}", mail=owed, created_at=moment))
        return stored.id
    news = notification(f"user:{user}", in_app=False, created_at=moment, id="")
    made = Obligation(id=uuid7(), of=Subject(kind=Kind.CAMPAIGN, id=CAMPAIGN), mail=owed, news=news)
    await store.outbox.owe([made])
    return made.id


async def found(store: Store, limit: int = 100, **asked: object) -> list[str]:
    """All that is found, page by page."""
    ids: list[str] = []
    before = None
    while True:
        page = await store.outbox.mail_page(MailSearch(**asked), before=before, limit=limit)
        ids += [item.id for item in page.items]
        before = page.next
        if before is None:
            return ids


async def test_mail_is_found_by_its_address_in_whatever_case_newest_first(store):
    first = await owe(store, "ann", "Ann@Example.org")
    await owe(store, "bob", "bob@example.org", at=1)
    second = await owe(store, "eve", "ann@example.org", at=2, alone=True)
    third = await owe(store, "ann", "ANN@example.ORG", at=3)

    assert await found(store, addresses=("ann@example.org",)) == [third, second, first]
    assert await found(store, 1, addresses=("ann@EXAMPLE.org", "ann@x.example")) == [third, second, first]
    assert await found(store, addresses=("ann",)) == []


async def test_mail_is_found_by_whose_it_is(store):
    first = await owe(store, "ann", "one@example.org")
    second = await owe(store, "ann", "two@example.org", at=1, alone=True)
    await owe(store, "anna", "one@example.org", at=2)
    await put(store, notification("user:ann", created_at=later(3)))

    assert await found(store, room="user:ann") == [second, first]
    assert await found(store, 1, room="user:ann", addresses=("one@example.org",)) == [first]


async def test_mail_is_found_by_what_it_tells(store):
    own = await owe(store, "ann", "ann@example.org")
    alone = [
        await owe(store, user, f"{user}@example.org", at=at, alone=True)
        for at, user in enumerate(("bob", "cat"), 1)
    ]

    assert await found(store, of=own) == [own]
    assert await found(store, of=alone[0]) == [alone[0]]
    assert await found(store, 1, of=CAMPAIGN) == [alone[1], alone[0]]
    assert await found(store, of=CAMPAIGN, room="user:bob") == [alone[0]]
    assert await found(store, of=own, addresses=("ANN@example.org",)) == [own]
    assert await found(store, of=uuid7()) == []


async def test_all_that_is_asked_must_hold(store):
    mails = [await owe(store, "ann", "ann@example.org", at=at) for at in range(4)]
    [lease] = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(9))
    await store.outbox.end(lease, Buried(reason="x"), now=NOW)
    [lease] = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later(9))
    await store.outbox.end(lease, Sent(), now=NOW)

    assert await found(store, since=later(1), until=later(3)) == [mails[2], mails[1]]
    assert await found(store, state=MailState.DEAD, room="user:ann") == [mails[0]]
    assert await found(store, state=MailState.SENT, addresses=("ann@example.org",), since=later(1)) == [
        mails[1]
    ]
    assert await found(store, state=MailState.PENDING, until=later(3)) == [mails[2]]
    assert await found(store, state=MailState.SENT, until=later(1)) == []


@pytest.mark.parametrize(
    "search",
    [
        MailSearch(addresses=("ann@example.org",), state=MailState.PENDING),
        MailSearch(room="user:ann", state=MailState.PENDING),
        MailSearch(of=CAMPAIGN, state=MailState.PENDING),
    ],
    ids=lambda search: "address" if search.addresses else "room" if search.room else "of",
)
async def test_what_an_erased_user_was_sent_is_found_by_no_address(store, search):
    await owe(store, "ann", "ann@example.org")
    await owe(store, "ann", "ann@example.org", alone=True)

    await store.people.erase_user("ann", "user:ann", now=NOW)

    assert (await store.outbox.mail_page(search, before=None, limit=10)).items == ()
    assert len((await store.outbox.mail_page(ANY, before=None, limit=10)).items) == 1
