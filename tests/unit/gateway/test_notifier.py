"""The use cases that no journey walks to their edges."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import notifier as use_cases
from gateway.bus.local import LocalBus
from gateway.contacts import ContactBook
from gateway.gossip import HeadGossip
from gateway.notifier import EmailRequest, EmitRequest, Notifier
from gateway.presence.local import LocalPresence
from storage.groupcommit import GroupCommit
from storage.sqlite import SQLiteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Nobody:
    """A node without sessions."""

    def hears(self, room: str) -> bool:
        return False

    def receive(self, room: str, seq: int, event: bytes) -> None:
        raise AssertionError("nobody is there")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "bellhop.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def notifier(store: SQLiteStore) -> AsyncIterator[Notifier]:
    commit = GroupCommit(store)
    yield Notifier(
        store=store,
        commit=commit,
        receiver=Nobody(),
        bus=LocalBus(),
        gossip=HeadGossip(learns=store, bus=LocalBus()),
        presence=LocalPresence(),
        contacts=ContactBook(store),
        clock=lambda: NOW,
        wake_mailer=lambda: None,
    )
    await commit.close()


async def emit_and_bury(notifier: Notifier, store: SQLiteStore, count: int) -> None:
    for number in range(count):
        email = EmailRequest(to="ann@shop.example")
        await notifier.emit(
            EmitRequest(rooms=("user:ann",), type="T", title=str(number), data={}, email=email), scope="test"
        )
    for lease in await store.lease(limit=count, lease_seconds=60, now=NOW):
        assert await store.bury(lease, reason="no such mailbox", code=550, now=NOW)


async def test_all_dead_mail_is_revived_page_by_page_up_to_a_bound(
    notifier: Notifier, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
):
    """One order never grows with the number of dead letters; what is left is said."""
    monkeypatch.setattr(use_cases, "REVIVE_PAGES", 2)
    monkeypatch.setattr(use_cases, "REVIVE_PAGE", 1)
    await emit_and_bury(notifier, store, 3)

    assert await notifier.revive_all() == (2, True)
    assert await notifier.revive_all() == (1, False)
    assert await notifier.revive_all() == (0, False)


async def test_a_frame_that_nobody_hears_is_never_made(notifier: Notifier, monkeypatch: pytest.MonkeyPatch):
    """Most notifications are for users who are out."""

    def fail(*_: object) -> bytes:
        raise AssertionError("a frame was made")

    monkeypatch.setattr(use_cases.wire, "event", fail)

    emitted = await notifier.emit(
        EmitRequest(rooms=("user:ann",), type="T", title="x", data={}), scope="test"
    )

    assert emitted.notifications[0].seq == 1
