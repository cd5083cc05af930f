"""The tables, and how an older file becomes a newer one: `PRAGMA user_version` counts the migrations that ran."""

import sqlite3

from storage.encoding import FOREVER
from storage.errors import StoreConfigurationError

_FIRST = f"""
CREATE TABLE rooms (                    -- those of which something was pruned or wiped
    room TEXT PRIMARY KEY,
    floor INTEGER NOT NULL DEFAULT 0,   -- everything up to here was pruned
    cleared INTEGER NOT NULL DEFAULT 0  -- everything up to here was pruned or wiped
) WITHOUT ROWID;

CREATE TABLE notifications (
    id TEXT NOT NULL PRIMARY KEY,
    room TEXT NOT NULL,
    seq INTEGER,
    type TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    link TEXT,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    recalled_at INTEGER,
    shown_until INTEGER NOT NULL,       -- its expiry, far away if none, 0 once wiped
    key TEXT,
    ordinal INTEGER,
    fingerprint BLOB
);
CREATE UNIQUE INDEX notifications_stream ON notifications (room, seq) WHERE seq IS NOT NULL;
CREATE UNIQUE INDEX notifications_key ON notifications (key, ordinal) WHERE key IS NOT NULL;
CREATE INDEX notifications_newest ON notifications (room, created_at);
CREATE INDEX notifications_gone ON notifications (room, shown_until, seq) WHERE shown_until < {FOREVER};
CREATE INDEX notifications_expiring ON notifications (shown_until) WHERE shown_until < {FOREVER} AND shown_until > 0;

CREATE TABLE mails (
    id TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,        -- of the notification
    recipient TEXT NOT NULL,
    subject TEXT,
    unless TEXT,
    ordered_at INTEGER NOT NULL,        -- when it was first due
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    reason TEXT,
    code INTEGER,
    updated_at INTEGER NOT NULL,
    sent_at INTEGER,
    token TEXT,
    wake_at INTEGER                     -- when a worker must look: due, or its lease ends; NULL when not owed
) WITHOUT ROWID;
CREATE INDEX mails_owed ON mails (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX mails_state ON mails (state, created_at, id);
CREATE INDEX mails_newest ON mails (created_at, id);

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

CREATE TABLE contacts (
    user TEXT NOT NULL PRIMARY KEY,
    email TEXT,
    name TEXT,
    last_seen INTEGER
) WITHOUT ROWID;
"""

# An index is most of what a row costs: the order of appending is that of the times, so one that has it is enough. It
# holds what has no sequence as well, so that all of a room can be found.
_ONE_INDEX_PER_ROOM = """
DROP INDEX notifications_newest;
DROP INDEX notifications_stream;
CREATE UNIQUE INDEX notifications_stream ON notifications (room, seq);
"""

_FACTS = """
CREATE TABLE facts (                    -- what is to be known of the store itself
    name TEXT NOT NULL PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
INSERT INTO facts (name, value) VALUES ('epoch', lower(hex(randomblob(4))));
"""

# Who is in the store already keeps all that is unread: their rooms begin at 0, and are told by having no beginning.
_BEGINNINGS = """
-- everything up to here was before the user; NULL: not told yet
ALTER TABLE inboxes ADD COLUMN begins INTEGER;
-- when that was told
ALTER TABLE inboxes ADD COLUMN begun_at INTEGER;
-- NULL: before this was kept
ALTER TABLE contacts ADD COLUMN first_seen INTEGER;
-- when the user whose own room it is was erased
ALTER TABLE rooms ADD COLUMN erased_at INTEGER;
INSERT INTO facts (name, value) SELECT 'beginnings', CASE WHEN EXISTS (SELECT 1 FROM notifications)
    THEN CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) ELSE 0 END;
"""

MIGRATIONS = (_FIRST, _ONE_INDEX_PER_ROOM, _FACTS, _BEGINNINGS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this release's schema, in one transaction; another process may be doing the same."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise StoreConfigurationError(
                f"the database has schema {version}, this release knows up to {len(MIGRATIONS)}: "
                "run the release that made it, or name another file"
            )
        for statements in MIGRATIONS[version:]:
            # Not executescript: it would commit first, and leave the lock to another process.
            for statement in filter(str.strip, statements.split(";\n")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
