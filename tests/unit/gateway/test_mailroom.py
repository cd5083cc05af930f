"""The mailroom, where no journey walks to its edges."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.notify import mailroom
from gateway.notify.mailroom import Mailroom, Revived
from gateway.notify.requests import MailRequest
from storage.endings import Buried
from storage.ids import uuid7
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Notification
from storage.sqlite import SQLiteStore
from storage.streams import Emission

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "bellhop.db")
    await opened.open()
    yield opened
    await opened.close()


async def bury(store: SQLiteStore, count: int) -> None:
    order = MailOrder(to="ann@shop.example", subject=None, due_at=NOW, unless=None)
    mail = Mail(order=order, state=MailState.PENDING, due_at=NOW, reason=None, updated_at=NOW)
    for number in range(count):
        notification = Notification(
            id=uuid7(), room="user:ann", type="T", title=str(number), data={}, created_at=NOW, mail=mail
        )
        await store.streams.append([Emission(notifications=(notification,))])
    for lease in await store.outbox.lease(
        lane=LaneName.TRANSACTIONAL, limit=count, lease_seconds=60, now=NOW
    ):
        assert await store.outbox.end(lease, Buried(reason="no such mailbox", code=550), now=NOW)


async def test_all_dead_mail_is_revived_page_by_page_up_to_a_bound(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    """One order never grows with the number of dead letters; what is left is said."""
    monkeypatch.setattr(mailroom, "REVIVE_PAGES", 2)
    monkeypatch.setattr(mailroom, "REVIVE_PAGE", 1)
    woken: list[None] = []
    room = Mailroom(
        outbox=store.outbox,
        campaigns=store.campaigns,
        clock=lambda: NOW,
        wake_mailer=lambda lanes: woken.append(None),
    )
    await bury(store, 3)

    assert await room.revive_all() == Revived(count=2, more=True)
    assert await room.revive_all() == Revived(count=1, more=False)
    assert len(woken) == 3
    assert await room.revive_all() == Revived(count=0, more=False)
    assert len(woken) == 3


async def test_mail_is_looked_for_as_its_address_is_written_and_as_addresses_are_compared(store: SQLiteStore):
    """The domain of the mail that is there may be written otherwise than that which is asked for."""
    room = Mailroom(
        outbox=store.outbox, clock=lambda: NOW, wake_mailer=lambda lanes: None, campaigns=store.campaigns
    )
    await bury(store, 2)

    found = await room.page(MailRequest(address="Ann@SHOP.example", user="ann", state=MailState.DEAD))

    assert [item.title for item in found.items] == ["1", "0"]
    assert (await room.page(MailRequest(address="Ann@SHOP.example", user="bob"))).items == ()
    [first] = (await room.page(MailRequest(limit=1))).items
    assert (await room.page(MailRequest(notification=first.id))).items == (first,)
    assert (await room.page(MailRequest(since=NOW, until=NOW))).items == ()
