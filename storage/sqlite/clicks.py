"""The shelf of clicks, in the tables `click_targets` and `clicks`."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.clicks import Clicks, Hit, HitKind
from storage.encoding import FOREVER, is_writable, micros, micros_or_none, moment, moment_or_none
from storage.people import Erasure
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing

MIGRATIONS = (
    Migration(
        name="clicks-1",
        run=statements("""
CREATE TABLE click_targets (
    key BLOB NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    user TEXT,                          -- who alone was sent it; NULL: several were
    until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX click_targets_user ON click_targets (user) WHERE user IS NOT NULL;
CREATE INDEX click_targets_until ON click_targets (until);
CREATE TABLE clicks (
    id TEXT NOT NULL PRIMARY KEY,
    mail TEXT NOT NULL,
    user TEXT NOT NULL,
    type TEXT NOT NULL,
    notification TEXT,                  -- what is marked by it
    room TEXT,
    campaign TEXT,
    target BLOB NOT NULL,
    links INTEGER NOT NULL,
    at INTEGER NOT NULL,
    network BLOB NOT NULL,
    signals TEXT NOT NULL,              -- JSON, as are the rules of `why`
    kind TEXT NOT NULL,
    why TEXT NOT NULL,
    judged_at INTEGER,
    confirmed_at INTEGER
) WITHOUT ROWID;
CREATE INDEX clicks_mail ON clicks (mail, at, id);
CREATE INDEX clicks_notification ON clicks (notification, at, id) WHERE notification IS NOT NULL;
CREATE INDEX clicks_user ON clicks (user, at, id);
CREATE INDEX clicks_unjudged ON clicks (at, id) WHERE judged_at IS NULL;
CREATE INDEX clicks_oldest ON clicks (at);
"""),
    ),
)
_COLUMNS = (
    "id, mail, user, type, notification, room, campaign, target, links, at, network, signals, kind, why, judged_at,"
    " confirmed_at"
)


class SQLiteClicks(SQLiteShelf, Clicks):
    """A row for each target, and one for each hit.

    A target is found by its key, which is the primary key; a hit by its mail, its notification, its user, or as not
    judged yet.
    """

    MIGRATIONS = MIGRATIONS

    @writing
    def keep(
        self,
        connection: sqlite3.Connection,
        targets: Mapping[bytes, str],
        *,
        user: str,
        until: datetime | None,
    ) -> frozenset[bytes]:
        """A statement for each target, which judges whose it is now."""
        shared = set()
        for key, url in targets.items():
            (owner,) = connection.execute(
                "INSERT INTO click_targets (key, url, user, until) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                " user = CASE WHEN user = excluded.user THEN user END, until = MAX(until, excluded.until)"
                " RETURNING user",
                (key, url, user, FOREVER if until is None else micros(until)),
            ).fetchone()
            if owner is None:
                shared.add(key)
        return frozenset(shared)

    @reading
    def target(self, connection: sqlite3.Connection, key: bytes, *, now: datetime) -> str | None:
        found = connection.execute(
            "SELECT url FROM click_targets WHERE key = ? AND until > ?", (key, micros(now))
        ).fetchone()
        return None if found is None else str(found[0])

    @reading
    def targets_of(self, connection: sqlite3.Connection, user: str, *, limit: int) -> list[str]:
        if not is_writable(user):
            return []
        rows = connection.execute("SELECT url FROM click_targets WHERE user = ? LIMIT ?", (user, limit))
        return [url for (url,) in rows]

    @writing
    def note(self, connection: sqlite3.Connection, hit: Hit, *, most: int) -> bool:
        """The count and the insert are under one lock, so no mail has more than `most`."""
        (known,) = connection.execute("SELECT COUNT(*) FROM clicks WHERE mail = ?", (hit.mail,)).fetchone()
        if known >= most:
            return False
        connection.execute(
            f"INSERT INTO clicks ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - constants only
            (
                hit.id, hit.mail, hit.user, hit.type, hit.notification, hit.room, hit.campaign, hit.target, hit.links,
                micros(hit.at), hit.network, json.dumps(hit.signals), hit.kind, json.dumps(hit.why),
                micros_or_none(hit.judged_at), micros_or_none(hit.confirmed_at),
            ),
        )  # fmt: skip
        return True

    @reading
    def unjudged(self, connection: sqlite3.Connection, *, before: datetime, limit: int) -> list[Hit]:
        return _hits(
            connection,
            "judged_at IS NULL AND at < ? ORDER BY at, id LIMIT ?",
            (micros(before), limit),
        )

    @reading
    def of_mail(self, connection: sqlite3.Connection, mail: str) -> list[Hit]:
        return _hits(connection, "mail = ? ORDER BY at, id", (mail,))

    @reading
    def about(self, connection: sqlite3.Connection, id_: str, *, limit: int) -> list[Hit]:
        if not is_writable(id_):
            return []
        return _hits(
            connection, "mail = ?1 OR notification = ?1 ORDER BY at DESC, id DESC LIMIT ?2", (id_, limit)
        )

    @reading
    def of_user(self, connection: sqlite3.Connection, user: str, *, limit: int) -> list[Hit]:
        if not is_writable(user):
            return []
        return _hits(connection, "user = ? ORDER BY at DESC, id DESC LIMIT ?", (user, limit))

    @writing
    def judge(
        self, connection: sqlite3.Connection, id_: str, kind: HitKind, why: Sequence[str], *, now: datetime
    ) -> bool:
        return (
            connection.execute(
                "UPDATE clicks SET kind = ?, why = ?, judged_at = ? WHERE id = ? AND judged_at IS NULL",
                (kind, json.dumps(list(why)), micros(now), id_),
            ).rowcount
            == 1
        )

    @writing
    def confirm(
        self, connection: sqlite3.Connection, mail: str, target: bytes, *, now: datetime
    ) -> Hit | None:
        """One statement finds the newest and judges it."""
        changed = connection.execute(
            "UPDATE clicks SET confirmed_at = ? WHERE confirmed_at IS NULL AND id ="  # noqa: S608 - constants only
            " (SELECT id FROM clicks WHERE mail = ? AND target = ? ORDER BY at DESC, id DESC LIMIT 1)"
            f" RETURNING {_COLUMNS}",
            (micros(now), mail, target),
        ).fetchone()
        return None if changed is None else _hit(changed)

    @writing
    def prune(
        self, connection: sqlite3.Connection, *, hits_before: datetime | None, now: datetime, limit: int
    ) -> int:
        pruned = connection.execute(
            "DELETE FROM click_targets WHERE key IN (SELECT key FROM click_targets WHERE until <= ? LIMIT ?)",
            (micros(now), limit),
        ).rowcount
        if hits_before is None:
            return pruned
        old = connection.execute(
            "DELETE FROM clicks WHERE id IN (SELECT id FROM clicks WHERE at < ? ORDER BY at LIMIT ?)",
            (micros(hits_before), limit),
        ).rowcount
        return pruned + old

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        names = [(name,) for name in erasure.names]
        connection.executemany("DELETE FROM click_targets WHERE user = ?", names)
        connection.executemany("DELETE FROM clicks WHERE user = ?", names)
        return 0


def _hits(connection: sqlite3.Connection, which: str, values: tuple[Any, ...]) -> list[Hit]:
    return [
        _hit(row)
        for row in connection.execute(f"SELECT {_COLUMNS} FROM clicks WHERE {which}", values)  # noqa: S608 - constants only
    ]


def _hit(row: tuple[Any, ...]) -> Hit:
    (
        id_, mail, user, type_, notification, room, campaign, target, links, at, network, signals, kind, why, judged_at,
        confirmed_at,
    ) = row  # fmt: skip
    return Hit(
        id=id_, mail=mail, user=user, type=type_, notification=notification, room=room, campaign=campaign,
        target=bytes(target), links=links, at=moment(at), network=bytes(network), signals=tuple(json.loads(signals)),
        kind=HitKind(kind), why=tuple(json.loads(why)), judged_at=moment_or_none(judged_at),
        confirmed_at=moment_or_none(confirmed_at),
    )  # fmt: skip
