"""The shelf of snoozes, in the table `receipts`."""

import secrets
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from storage.encoding import micros, moment_or_none
from storage.snoozes import Returned, Snoozes
from storage.sqlite import acts
from storage.sqlite.shelf import SQLiteShelf, reading, writing


class SQLiteSnoozes(SQLiteShelf, Snoozes):
    """A receipt whose `wake_at` has come is due; its lease is a later `wake_at`, with the holder's token.

    By an index that holds only what waits: it costs nothing where nobody has put anything off.
    """

    @writing
    def bring_back(
        self, connection: sqlite3.Connection, *, limit: int, lease_seconds: float, now: datetime
    ) -> tuple[str, list[Returned]]:
        """One transaction: the receipts, the turns and the leases. Rows are taken one by one, `limit` of them."""
        token, at = secrets.token_hex(8), micros(now)
        due = connection.execute(
            "SELECT user, room, seq FROM receipts WHERE wake_at <= ? ORDER BY wake_at LIMIT ?", (at, limit)
        ).fetchall()
        returned = []
        for user, room, seq in due:
            key = {"user": user, "room": room, "seq": seq}
            slept = connection.execute(
                "UPDATE receipts SET snoozed_until = NULL, read_at = NULL, unread_at = :at, returned_at = :at"
                " WHERE user = :user AND room = :room AND seq = :seq AND snoozed_until IS NOT NULL",
                {**key, "at": at},
            ).rowcount
            if slept:
                acts.take_turn(connection, [(user, room)])
            id_, unread_at = connection.execute(
                "UPDATE receipts SET token = :token, wake_at = :until"
                " WHERE user = :user AND room = :room AND seq = :seq RETURNING id, unread_at",
                {**key, "token": token, "until": micros(now + timedelta(seconds=lease_seconds))},
            ).fetchone()
            if unread_at is None:
                # Read meanwhile: there is nothing to tell any more.
                connection.execute(f"UPDATE receipts SET {_ENDED} WHERE {_MINE}", {**key, "token": token})  # noqa: S608
            else:
                returned.append(Returned(user=user, room=room, seq=seq, id=id_))
        return token, returned

    @writing
    def end(self, connection: sqlite3.Connection, returned: Sequence[Returned], *, token: str) -> None:
        connection.executemany(
            f"UPDATE receipts SET {_ENDED} WHERE {_MINE}",  # noqa: S608 - constants only
            [{"user": each.user, "room": each.room, "seq": each.seq, "token": token} for each in returned],
        )

    @reading
    def next_due(self, connection: sqlite3.Connection) -> datetime | None:
        (due,) = connection.execute("SELECT MIN(wake_at) FROM receipts WHERE wake_at IS NOT NULL").fetchone()
        return moment_or_none(due)


_ENDED = "wake_at = NULL, token = NULL"
_MINE = "user = :user AND room = :room AND seq = :seq AND token = :token"
