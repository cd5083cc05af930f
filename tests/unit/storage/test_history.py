"""How much of a room a page of its history looks at."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.histories import HistoryQuery
from storage.inboxes import Selection
from storage.notifications import Notification
from storage.sqlite import SQLiteStore, history
from storage.sqlite.streams import TYPED_FROM
from storage.streams import Emission
from tests.support.sqlite_steps import steps_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = "user:ann"
STORED = 1000
STEPS_A_PAGE = 2000
"""Of SQLite's machine, for a page that looks at a few."""
STEPS_A_NOTIFICATION = 10
"""For each that is looked through."""


@pytest.fixture
async def store(tmp_path: Path):
    store = SQLiteStore(tmp_path / "bellhop.db")
    await store.open()
    notifications = [
        Notification(id=f"{number:04}", room=ROOM, type="NEWS", title="t", created_at=NOW, data={})
        for number in range(STORED)
    ]
    await store.streams.append([Emission(notifications=tuple(notifications))])
    yield store
    await store.close()


def looked_up(path: Path, query: HistoryQuery) -> tuple[list[str], int]:
    """The ids of the page, and how many steps SQLite has taken for it."""
    row, steps = steps_of(
        path, lambda connection: connection.execute(*history.asking(query, now=1)).fetchone()
    )
    return [item.notification.id for item in history.told(query, row).items], steps


async def test_who_has_read_everything_is_told_so_without_a_look_at_the_room(store, tmp_path):
    """Of the unread of a room, what was read by `read_all` is not looked at."""
    await store.inboxes.read_all("ann", [ROOM], now=NOW)

    found, steps = looked_up(
        tmp_path / "bellhop.db", HistoryQuery(user="ann", rooms=[ROOM], unread_only=True)
    )

    assert found == []
    assert steps < STEPS_A_PAGE


async def test_what_was_made_unread_again_is_found_below_what_was_read(store, tmp_path):
    """All of the room above it is looked at, and nothing below."""
    await store.inboxes.read_all("ann", [ROOM], now=NOW)
    await store.inboxes.mark_unread(Selection("ann", [ROOM], ["0990", "0995"], now=NOW))

    found, steps = looked_up(
        tmp_path / "bellhop.db", HistoryQuery(user="ann", rooms=[ROOM], unread_only=True)
    )

    assert found == ["0995", "0990"]
    assert steps < STEPS_A_PAGE


async def enlarge(store, upto: int, rare: str = "") -> None:
    """Append to the room, up to this place in it; one is of another type."""
    for first in range(STORED, upto, 1000):
        notifications = [
            Notification(
                id=f"{number:04}", room=ROOM, type="GIFT" if f"{number:04}" == rare else "NEWS", title="t",
                created_at=NOW, data={},
            )
            for number in range(first, first + 1000)
        ]  # fmt: skip
        await store.streams.append([Emission(notifications=tuple(notifications))])


async def test_a_type_that_little_of_a_large_room_is_of_is_found_without_a_look_at_all_of_it(store, tmp_path):
    """Only what is at the beginning of the room is looked through, however large it has become."""
    await enlarge(store, 6000, rare="3000")

    found, steps = looked_up(tmp_path / "bellhop.db", HistoryQuery(user="ann", rooms=[ROOM], types=["GIFT"]))

    assert found == ["3000"]
    assert steps < STEPS_A_PAGE + 2 * STEPS_A_NOTIFICATION * TYPED_FROM


async def test_of_such_a_type_what_was_read_is_not_looked_at(store, tmp_path):
    """What is read of it is as much as what is large of the room."""
    await enlarge(store, 4000)
    await store.inboxes.read_all("ann", [ROOM], now=NOW)

    query = HistoryQuery(user="ann", rooms=[ROOM], types=["NEWS"], unread_only=True)
    found, steps = looked_up(tmp_path / "bellhop.db", query)

    assert found == []
    assert steps < STEPS_A_PAGE
