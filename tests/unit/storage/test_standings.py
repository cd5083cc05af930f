"""How much of a room is looked at to tell how a user stands in it, and whether the user is known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.beginnings import Membership
from storage.encoding import micros
from storage.inboxes import OpeningRequest, Selection
from storage.notifications import Notification
from storage.sqlite import SQLiteStore, beginnings, openings
from storage.streams import Emission
from tests.support.sqlite_steps import steps_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = "user:ann"
STORED, READ = 2000, 100
STEPS_A_RECEIPT = 100
"""Of SQLite's machine: to look through the room for each takes thousands."""


@pytest.fixture
async def store(tmp_path: Path):
    """A room of which some were read one by one."""
    store = SQLiteStore(tmp_path / "bellhop.db")
    await store.open()
    notifications = [
        Notification(
            id=f"{n:04}", room=ROOM, type="NEWS", title="t", created_at=NOW + timedelta(seconds=n), data={}
        )
        for n in range(STORED)
    ]
    await store.streams.append([Emission(notifications=tuple(notifications))])
    read = [each.id for each in notifications[:: STORED // READ]]
    await store.inboxes.read(Selection("ann", [ROOM], read, now=NOW))
    yield store
    await store.close()


def request(**since: int) -> OpeningRequest:
    return OpeningRequest("ann", [ROOM, "all"], since, 20, NOW)


async def test_what_was_read_one_by_one_is_looked_up_one_by_one(store: SQLiteStore, tmp_path: Path):
    asked = [request()]

    row, looked = steps_of(
        tmp_path / "bellhop.db", lambda connection: openings.look(connection, openings.asking(asked))
    )
    behind, opened = steps_of(
        tmp_path / "bellhop.db",
        lambda connection: connection.execute(
            openings.MISSED, openings.asking_missed(request(**{ROOM: STORED - 1}))
        ).fetchone(),
    )
    opening = openings.opened(request(**{ROOM: STORED - 1}), behind)

    [told] = openings.told(asked, row).answers
    assert told is not None
    assert told.unread == opening.unread == STORED - READ
    assert [missed.seq for missed in opening.missed] == [STORED]
    assert max(looked, opened) < READ * STEPS_A_RECEIPT


async def test_when_a_user_was_heard_of_first_is_seen_at_the_beginning_of_the_room(
    store: SQLiteStore, tmp_path: Path
):
    membership = Membership(own=ROOM, everybodys=["all"])

    known, steps = steps_of(
        tmp_path / "bellhop.db",
        lambda connection: beginnings._known(connection, [("ann", ["all"], membership)]),
    )

    assert known["ann"].heard_at in (0, micros(NOW))
    assert steps < 2 * STORED
