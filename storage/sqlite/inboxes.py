"""The shelf of inboxes, in the tables `inboxes` and `receipts`."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.beginnings import BeginningRequest, Membership
from storage.encoding import is_writable, micros, moment_or_none, writable
from storage.histories import HistoryPage, HistoryQuery, Muted
from storage.inboxes import Acted, Count, Inboxes, Marked, Opening, OpeningRequest, Selection
from storage.openings import OpeningsTogether
from storage.people import Erasure
from storage.receipts import Receipt
from storage.sqlite import acts, beginnings, history, marks, openings, receipts
from storage.sqlite.muting import shown
from storage.sqlite.rows import RECEIPT, covered_at, receipt_from
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.sqlite.standings import heads, of_user, standings, total, turn
from storage.sqlite.threads import Threads

MIGRATIONS = (
    Migration(
        name="inboxes-1",
        schema=1,
        run=statements("""
CREATE TABLE inboxes (
    user TEXT NOT NULL,
    room TEXT NOT NULL,
    read_upto INTEGER NOT NULL,
    read_at INTEGER,                    -- when the user last read everything
    PRIMARY KEY (user, room)
) WITHOUT ROWID;
CREATE INDEX inboxes_room ON inboxes (room, read_upto);

CREATE TABLE receipts (
    user TEXT NOT NULL,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    seen_at INTEGER,
    read_at INTEGER,
    dismissed_at INTEGER,
    clicked_at INTEGER,
    PRIMARY KEY (user, room, seq)
) WITHOUT ROWID;
CREATE INDEX receipts_room ON receipts (room, seq);
CREATE INDEX receipts_newest ON receipts (user, id);
"""),
    ),
    # Who is in the store already keeps all that is unread: their rooms begin at 0, and are told by having no beginning.
    Migration(
        name="inboxes-2",
        schema=4,
        run=statements("""
-- everything up to here was before the user; NULL: not told yet
ALTER TABLE inboxes ADD COLUMN begins INTEGER;
-- when that was told
ALTER TABLE inboxes ADD COLUMN begun_at INTEGER;
INSERT INTO facts (name, value) SELECT 'beginnings', CASE WHEN EXISTS (SELECT 1 FROM notifications)
    THEN CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) ELSE 0 END;
"""),
    ),
    Migration(
        name="inboxes-3",
        run=statements("""
-- how often something of the room became unread again; NULL: never
ALTER TABLE inboxes ADD COLUMN turn INTEGER;
ALTER TABLE receipts ADD COLUMN archived_at INTEGER;
ALTER TABLE receipts ADD COLUMN acted TEXT;
ALTER TABLE receipts ADD COLUMN acted_at INTEGER;
-- since when it is unread again, whatever `read_upto` says; `read_at` is NULL then
ALTER TABLE receipts ADD COLUMN unread_at INTEGER;
-- the same where it was a snooze that ended
ALTER TABLE receipts ADD COLUMN returned_at INTEGER;
ALTER TABLE receipts ADD COLUMN snoozed_until INTEGER;
-- when it is to come back, or to be told that it has; NULL: not at all
ALTER TABLE receipts ADD COLUMN wake_at INTEGER;
ALTER TABLE receipts ADD COLUMN token TEXT;
CREATE INDEX receipts_archived ON receipts (user, room, seq) WHERE archived_at IS NOT NULL;
CREATE INDEX receipts_snoozed ON receipts (user, room, seq) WHERE snoozed_until IS NOT NULL;
CREATE INDEX receipts_unread ON receipts (user, room, seq) WHERE unread_at IS NOT NULL;
CREATE INDEX receipts_returned ON receipts (user, returned_at) WHERE returned_at IS NOT NULL;
CREATE INDEX receipts_waking ON receipts (wake_at) WHERE wake_at IS NOT NULL;
"""),
    ),
)


class SQLiteInboxes(OpeningsTogether, SQLiteShelf, Inboxes):
    """What users have read; a whole room read is one number, and single ones are receipts above it."""

    MIGRATIONS = MIGRATIONS

    def __init__(self, threads: Threads) -> None:
        SQLiteShelf.__init__(self, threads)
        OpeningsTogether.__init__(self, self._open_batch, name="sqlite-openings", batch=64)

    async def _open_batch(self, requests: list[OpeningRequest]) -> list[Opening]:
        """One look for all who came at once, which answers most of them.

        Where somebody is new in a room, there is another once it has begun; those who have missed something are answered
        from a look of their own.
        """
        asked = openings.asking(requests)
        looked = openings.told(requests, await self._threads.look(openings.LOOK, asked))
        if looked.unbegun:
            # Once for each user and room.
            looked = openings.told(requests, await self._begin_and_look(looked.unbegun, asked))
        late = [request for request, answer in zip(requests, looked.answers, strict=True) if answer is None]
        rest = iter(await asyncio.gather(*map(self._opened, late)) if late else ())
        return [next(rest) if answer is None else answer for answer in looked.answers]

    async def _opened(self, request: OpeningRequest) -> Opening:
        """What one session has missed. Of several the loop makes one while others are looked for."""
        asked = openings.asking_missed(request)
        if request.muted is None:
            return openings.opened(request, await self._threads.look(openings.MISSED, asked))
        row, hidden = await self._look_and_hide(request, asked)
        return openings.opened(request, row, hidden=hidden)

    @reading
    def _look_and_hide(
        self, connection: sqlite3.Connection, request: OpeningRequest, asked: Mapping[str, Any]
    ) -> tuple[Sequence[Any], int]:
        """In one snapshot: what is unread of what is muted, with the standings that it is taken off."""
        row = connection.execute(openings.MISSED, asked).fetchone()
        return row, openings.hidden(connection, request, row)

    @writing
    def _begin_and_look(
        self,
        connection: sqlite3.Connection,
        unbegun: Sequence[BeginningRequest],
        asked: Mapping[str, Any],
    ) -> Sequence[Any]:
        """In one transaction: nothing can be appended between a beginning and the count that goes by it."""
        beginnings.begin(connection, unbegun, now=asked["now"])
        return openings.look(connection, asked)

    async def begin(self, user: str, rooms: Sequence[str], *, membership: Membership, now: datetime) -> None:
        """A read for nearly everybody, and a transaction for those who are new; what others begin in between stays as
        it is.
        """
        asked = [(user, rooms, membership)]
        (found,) = await self._threads.look(beginnings.LOOK, {"members": beginnings.members(asked)})
        if unbegun := beginnings.told(asked, found):
            await self._begin(unbegun, now=now)

    @writing
    def _begin(
        self, connection: sqlite3.Connection, requests: Sequence[BeginningRequest], *, now: datetime
    ) -> None:
        beginnings.begin(connection, requests, now=micros(now))

    async def history(self, query: HistoryQuery, *, now: datetime) -> HistoryPage:
        """One look for nearly everybody; where rooms are to begin, there is another once they have."""
        statement, values = history.asking(query, now=micros(now))
        row = await self._threads.look(statement, values)
        if unbegun := history.unbegun(query, row):
            await self._begin(unbegun, now=now)
            row = await self._threads.look(statement, values)
        return history.told(query, row)

    @reading
    def unread(
        self,
        connection: sqlite3.Connection,
        user: str,
        rooms: Sequence[str],
        *,
        now: datetime,
        muted: Muted | None = None,
    ) -> Count:
        """One row for all rooms, and a second question only for who has muted something."""
        at = micros(now)
        standing = standings(connection, of_user(user, rooms), now=at)
        unread = shown(connection, user, standing, muted, now=at)
        return Count(unread=unread, heads=heads(standing), turn=turn(standing))

    @writing
    def read(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return marks.mark(connection, marks.READ, chosen)

    @writing
    def seen(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return marks.mark(connection, marks.SEEN, chosen)

    @writing
    def dismiss(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return marks.mark(connection, marks.DISMISS, chosen)

    @writing
    def click(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return marks.mark(connection, marks.CLICK, chosen)

    @writing
    def read_all(
        self, connection: sqlite3.Connection, user: str, rooms: Sequence[str], *, now: datetime
    ) -> Marked:
        """Rooms of which nothing is unread are not written to. Receipts up to the heads are given up in the same
        transaction.
        """
        at = micros(now)
        standing = standings(connection, of_user(user, rooms), now=at)
        unread = [place for place in standing if place.unread]
        acts.advance(connection, user, unread, read_at=at)
        acts.settle(connection, user, unread)
        return Marked(
            changed=total(unread),
            unread=0,
            heads=heads(standing),
            turn=turn(standing),
            read_from={place.room: place.read_upto for place in unread},
        )

    @writing
    def mark_unread(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return acts.do(connection, acts.UNREAD, chosen)

    @writing
    def archive(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return acts.do(connection, acts.ARCHIVE, chosen)

    @writing
    def unarchive(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return acts.do(connection, acts.UNARCHIVE, chosen)

    @writing
    def undismiss(self, connection: sqlite3.Connection, chosen: Selection) -> Marked:
        return acts.do(connection, acts.UNDISMISS, chosen)

    @writing
    def snooze(self, connection: sqlite3.Connection, chosen: Selection, *, until: datetime) -> Marked:
        return acts.do(connection, acts.SNOOZE, chosen, given={"until": micros(until)})

    @writing
    def act(self, connection: sqlite3.Connection, chosen: Selection, action: str) -> Acted:
        """The mark, and then what stands there: whoever was first has the same answer as whoever comes again."""
        marked = acts.do(connection, acts.ACT, chosen, given={"action": action})
        acted, acted_at = acts.acted(connection, chosen)
        return Acted(
            changed=marked.changed, unread=marked.unread, heads=marked.heads, turn=marked.turn, acted=acted,
            acted_at=moment_or_none(acted_at),
        )  # fmt: skip

    @reading
    def receipt(self, connection: sqlite3.Connection, user: str, notification_id: str) -> Receipt:
        """One row, by the notification's id and the primary keys of inbox and receipt."""
        if not is_writable(notification_id):
            return Receipt()
        row = connection.execute(
            f"SELECT {RECEIPT}, {covered_at('n.seq')}"  # noqa: S608 - constants only
            " FROM notifications n"
            " LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room"
            " LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
            " WHERE n.id = :id AND n.seq IS NOT NULL",
            {"user": user, "id": notification_id},
        ).fetchone()
        return Receipt() if row is None else receipt_from(row)

    @reading
    def receipts_of(
        self, connection: sqlite3.Connection, user: str, ids: Sequence[str]
    ) -> dict[str, Receipt]:
        """One question by the primary key of notifications, whatever the number of ids."""
        rows = connection.execute(
            f"SELECT n.id, {RECEIPT}, {covered_at('n.seq')}"  # noqa: S608 - constants only
            " FROM notifications n"
            " LEFT JOIN inboxes i ON i.user = :user AND i.room = n.room"
            " LEFT JOIN receipts c ON c.user = :user AND c.room = n.room AND c.seq = n.seq"
            " WHERE n.id IN (SELECT value FROM json_each(:ids)) AND n.seq IS NOT NULL",
            {"user": user, "ids": json.dumps(writable(ids))},
        )
        found = dict.fromkeys(ids, Receipt())
        for id_, *row in rows:
            found[id_] = receipt_from(tuple(row))
        return found

    @reading
    def receipts(self, connection: sqlite3.Connection, notification_id: str) -> dict[str, Receipt]:
        return receipts.of_notification(connection, notification_id) if is_writable(notification_id) else {}

    @reading
    def receipts_of_user(
        self, connection: sqlite3.Connection, user: str, *, limit: int
    ) -> dict[str, Receipt]:
        return receipts.of_user(connection, user, limit=limit)

    @reading
    def read_upto(self, connection: sqlite3.Connection, user: str) -> dict[str, int]:
        return dict(connection.execute("SELECT room, read_upto FROM inboxes WHERE user = ?", (user,)))

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute("DELETE FROM inboxes WHERE user = ?", (erasure.user,))
        connection.execute("DELETE FROM receipts WHERE user = ?", (erasure.user,))
        return 0
