"""The shelf of memberships, in the table `memberships`."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from storage.encoding import micros, moment, writable
from storage.finding import LAST
from storage.people import Erasure
from storage.sqlite.heads import heads
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.topics import (
    COUNTED,
    TOPICS_PER_USER,
    Changed,
    Full,
    MembersPage,
    TopicMember,
    Topics,
    TopicsPage,
)

MIGRATIONS = (
    Migration(
        name="topics-1",
        run=statements("""
CREATE TABLE memberships (
    topic TEXT NOT NULL,
    user TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (topic, user)
) WITHOUT ROWID;
CREATE INDEX memberships_user ON memberships (user, topic);
"""),
    ),
)
REVISION = "memberships"
"""The fact that counts the changes."""


class SQLiteTopics(SQLiteShelf, Topics):
    """A row for each member of a topic.

    The revision is a fact of the file, raised in the transaction of each change.
    """

    MIGRATIONS = MIGRATIONS

    @writing
    def change(
        self,
        connection: sqlite3.Connection,
        topic: str,
        *,
        room: str,
        add: Sequence[str],
        remove: Sequence[str],
        now: datetime,
    ) -> Changed | Full:
        """One transaction, in which nobody can come to have one topic too many."""
        fresh = _strangers(connection, topic, add)
        if full := _full(connection, fresh):
            return Full(full)
        at = micros(now)
        head = heads(connection, [room])[room]
        connection.executemany(
            "INSERT OR IGNORE INTO inboxes (user, room, read_upto, begins, begun_at) VALUES (?, ?, ?, ?, ?)",
            [(user, room, head, head, at) for user in fresh],
        )
        connection.executemany(
            "INSERT INTO memberships (topic, user, since) VALUES (?, ?, ?)",
            [(topic, user, at) for user in fresh],
        )
        removed = connection.execute(
            "DELETE FROM memberships WHERE topic = ? AND user IN (SELECT value FROM json_each(?))",
            (topic, json.dumps(writable(remove))),
        ).rowcount
        (revision,) = connection.execute(
            "INSERT INTO facts (name, value) VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (REVISION,),
        ).fetchone()
        return Changed(added=len(fresh), removed=removed, revision=revision)

    @reading
    def named(
        self, connection: sqlite3.Connection, *, prefix: str = "", after: str | None, limit: int
    ) -> TopicsPage:
        """By a recursion from one topic to the next, which reads `limit` topics and not their members."""
        # From one to the next, by the index: not through all members of each.
        found = [
            topic
            for (topic,) in connection.execute(
                "WITH RECURSIVE named (topic) AS ("
                " SELECT (SELECT topic FROM memberships WHERE topic > ?1 AND topic >= ?2 ORDER BY topic LIMIT 1)"
                " UNION ALL"
                " SELECT (SELECT m.topic FROM memberships m WHERE m.topic > named.topic ORDER BY m.topic LIMIT 1)"
                " FROM named WHERE named.topic IS NOT NULL LIMIT ?4)"
                " SELECT topic FROM named WHERE topic < ?3",
                (after or "", prefix, prefix + LAST, limit + 1),
            )
        ]
        return TopicsPage(topics=tuple(found[:limit]), next=found[limit - 1] if len(found) > limit else None)

    @reading
    def counts(self, connection: sqlite3.Connection, topics: Sequence[str]) -> dict[str, int]:
        """Each by its part of the primary key, up to `COUNTED` rows."""
        rows = connection.execute(
            "SELECT value, (SELECT COUNT(*) FROM (SELECT 1 FROM memberships WHERE topic = value LIMIT ?))"
            " FROM json_each(?)",
            (COUNTED, json.dumps(writable(topics))),
        )
        return dict(rows.fetchall())

    @reading
    def members(
        self, connection: sqlite3.Connection, topic: str, *, after: str | None, limit: int, prefix: str = ""
    ) -> MembersPage:
        found = connection.execute(
            "SELECT user, since FROM memberships WHERE topic = ? AND user > ? AND user >= ? AND user < ?"
            " ORDER BY user LIMIT ?",
            (topic, after or "", prefix, prefix + LAST, limit + 1),
        ).fetchall()
        page = found[:limit]
        return MembersPage(
            members=tuple(TopicMember(user=user, since=moment(since)) for user, since in page),
            next=page[-1][0] if len(found) > limit else None,
        )

    @reading
    def of_user(self, connection: sqlite3.Connection, user: str) -> dict[str, datetime]:
        rows = connection.execute(
            "SELECT topic, since FROM memberships WHERE user = ? ORDER BY topic LIMIT ?",
            (user, TOPICS_PER_USER),
        )
        return {topic: moment(since) for topic, since in rows}

    @reading
    def of_users(self, connection: sqlite3.Connection, users: Sequence[str]) -> dict[str, tuple[str, ...]]:
        rows = connection.execute(
            "SELECT user, json_group_array(topic) FROM"
            " (SELECT user, topic FROM memberships WHERE user IN (SELECT value FROM json_each(?))"
            " ORDER BY user, topic) GROUP BY user",
            (json.dumps(writable(users)),),
        )
        return {user: tuple(json.loads(topics)[:TOPICS_PER_USER]) for user, topics in rows}

    @reading
    def revision(self, connection: sqlite3.Connection) -> int:
        found = connection.execute("SELECT value FROM facts WHERE name = ?", (REVISION,)).fetchone()
        return 0 if found is None else int(found[0])

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        connection.execute("DELETE FROM memberships WHERE user = ?", (erasure.user,))
        return 0


def _strangers(connection: sqlite3.Connection, topic: str, users: Sequence[str]) -> list[str]:
    """Those of `users` who are no members yet, each once."""
    known = {
        user
        for (user,) in connection.execute(
            "SELECT user FROM memberships WHERE topic = ? AND user IN (SELECT value FROM json_each(?))",
            (topic, json.dumps(users)),
        )
    }
    return [user for user in dict.fromkeys(users) if user not in known]


def _full(connection: sqlite3.Connection, users: Sequence[str]) -> tuple[str, ...]:
    """Those of `users` who have as many topics as one may."""
    rows = connection.execute(
        "SELECT user FROM memberships WHERE user IN (SELECT value FROM json_each(?))"
        " GROUP BY user HAVING COUNT(*) >= ?",
        (json.dumps(users), TOPICS_PER_USER),
    )
    return tuple(user for (user,) in rows)
