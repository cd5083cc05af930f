"""The shelf of people, in the table `contacts`."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.encoding import (
    data_of,
    data_text,
    is_writable,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    writable,
)
from storage.finding import BLANKS, CANDIDATES, LAST, forms, matching, sought
from storage.people import TOLD, Contact, Erasure, FoundContacts, People, Profile, Told
from storage.sqlite import obligations
from storage.sqlite.schema import Migration, statements
from storage.sqlite.shelf import SQLiteShelf, reading, writing
from storage.sqlite.threads import Threads


def _words(contact: str) -> str:
    """A JSON list of the words that a contact is found by: a text in quotes, parted where it has blanks."""
    said = f"{contact}.user || ' ' || COALESCE({contact}.email, '') || ' ' || COALESCE({contact}.name, '')"
    for blank in BLANKS:
        said = f"replace({said}, char({ord(blank)}), ' ')"
    return f"""'[' || replace(json_quote(lower({said})), ' ', '","') || ']'"""


_NEW_WORDS = (
    "INSERT INTO contact_words (word, user)"  # noqa: S608 - made of constants
    f" SELECT DISTINCT value, NEW.user FROM json_each({_words('NEW')}) WHERE value <> ''"
)
_ALL_WORDS = f"""
INSERT INTO contact_words (word, user)
    SELECT DISTINCT each.value, contact.user FROM contacts AS contact, json_each({_words("contact")}) AS each
    WHERE each.value <> '';
"""  # noqa: S608 - made of constants
# By triggers: whoever comes back as the one who left costs one comparison.
_TRIGGERS = f"""
CREATE TRIGGER contacts_added AFTER INSERT ON contacts BEGIN {_NEW_WORDS}; END;
CREATE TRIGGER contacts_changed AFTER UPDATE OF email, name ON contacts
    WHEN OLD.email IS NOT NEW.email OR OLD.name IS NOT NEW.name
    BEGIN DELETE FROM contact_words WHERE user = NEW.user; {_NEW_WORDS}; END;
"""  # noqa: S608 - made of constants

MIGRATIONS = (
    Migration(
        name="people-1",
        schema=1,
        run=statements("""
CREATE TABLE contacts (
    user TEXT NOT NULL PRIMARY KEY,
    email TEXT,
    name TEXT,
    last_seen INTEGER
) WITHOUT ROWID;
"""),
    ),
    Migration(
        name="people-2",
        schema=4,
        run=statements("""
-- NULL: before this was kept
ALTER TABLE contacts ADD COLUMN first_seen INTEGER;
"""),
    ),
    Migration(
        name="people-3",
        run=statements("""
-- the language of the user's last token
ALTER TABLE contacts ADD COLUMN locale TEXT;
"""),
    ),
    Migration(
        name="people-told",
        run=statements("""
ALTER TABLE contacts ADD COLUMN timezone TEXT;
-- JSON
ALTER TABLE contacts ADD COLUMN attributes TEXT;
-- when a backend last told each column, as JSON
ALTER TABLE contacts ADD COLUMN told TEXT NOT NULL DEFAULT '{}';
"""),
    ),
    Migration(
        name="people-found",
        run=statements(f"""
CREATE TABLE contact_words (
    word TEXT NOT NULL,
    user TEXT NOT NULL,
    PRIMARY KEY (word, user)
) WITHOUT ROWID;
CREATE INDEX contact_words_user ON contact_words (user);
{_ALL_WORDS}{_TRIGGERS}
CREATE TRIGGER contacts_gone AFTER DELETE ON contacts BEGIN DELETE FROM contact_words WHERE user = OLD.user; END;
"""),  # noqa: S608 - made of constants
    ),
    Migration(
        name="people-blanks",
        # Words were parted at spaces alone.
        run=statements(f"""
DROP TRIGGER contacts_added;
DROP TRIGGER contacts_changed;
DELETE FROM contact_words;
{_ALL_WORDS}{_TRIGGERS}
"""),  # noqa: S608 - made of constants
    ),
)

_CONTACT = "user, email, name, locale, timezone, last_seen, told"
_PROFILE = f"SELECT attributes, {_CONTACT} FROM contacts"  # noqa: S608 - constants only


def _newest(column: str) -> str:
    """What is known gives way to what is newer, and not to nothing."""
    return (
        # Most have been told nothing of: then there is no JSON to be read.
        f"{column} = CASE WHEN told <> '{{}}' AND :said < told ->> '$.{column}' THEN {column}"
        f" WHEN excluded.last_seen < last_seen THEN COALESCE({column}, excluded.{column})"
        f" ELSE COALESCE(excluded.{column}, {column}) END"
    )


_REMEMBER = f"""
INSERT INTO contacts (user, email, name, locale, last_seen, first_seen) VALUES (:user, :email, :name, :locale, :seen,
    COALESCE(:seen, CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)))
ON CONFLICT (user) DO UPDATE SET {_newest("email")}, {_newest("name")}, {_newest("locale")},
    last_seen = MAX(COALESCE(excluded.last_seen, last_seen), COALESCE(last_seen, excluded.last_seen))
"""  # noqa: S608 - made of constants


def _contacts(connection: sqlite3.Connection, users: Sequence[str]) -> dict[str, Contact]:
    rows = connection.execute(
        f"SELECT {_CONTACT} FROM contacts WHERE user IN (SELECT value FROM json_each(?))",  # noqa: S608 - constants only
        (json.dumps(writable(users)),),
    )
    return {row[0]: _contact_of(row) for row in rows}


def _contact_of(row: tuple[Any, ...]) -> Contact:
    user, email, name, locale, timezone, last_seen, told = row
    return Contact(
        user=user,
        email=email,
        name=name,
        locale=locale,
        timezone=timezone,
        last_seen=moment_or_none(last_seen),
        told_at={column: moment(at) for column, at in json.loads(told).items()},
    )


def _profile_of(row: tuple[Any, ...]) -> Profile:
    return Profile(contact=_contact_of(row[1:]), attributes={} if row[0] is None else data_of(row[0]))


class SQLitePeople(SQLiteShelf, People):
    """A row for each user who is known.

    The words that a user is found by are a table of their own, which triggers write: no statement here can forget them.
    """

    MIGRATIONS = MIGRATIONS

    def __init__(self, threads: Threads, shelves: Sequence[SQLiteShelf]) -> None:
        """`shelves` are all of the store: whoever is erased is erased from each."""
        super().__init__(threads)
        self._shelves = shelves

    @writing
    def remember(self, connection: sqlite3.Connection, contacts: Sequence[Contact]) -> None:
        """Known fields give way to newer ones only: `last_seen` tells which of two is newer."""
        connection.executemany(
            _REMEMBER,
            [
                {
                    "user": c.user, "email": c.email, "name": c.name, "locale": c.locale,
                    "seen": micros_or_none(c.last_seen), "said": micros_or_none(c.said_at or c.last_seen),
                }
                for c in contacts
            ],
        )  # fmt: skip

    @writing
    def tell(self, connection: sqlite3.Connection, told: Sequence[Told]) -> None:
        """One statement for each. The words that a contact is found by are a trigger's to write."""
        for each in told:
            at = micros(each.at)
            values: dict[str, Any] = {
                column: data_text(value) if column == "attributes" and value is not None else value
                for column, value in each.fields.items()
                if column in TOLD
            }
            connection.execute(
                f"INSERT INTO contacts ({', '.join(['user', 'first_seen', 'told', *values])})"  # noqa: S608 - names of `TOLD`
                f" VALUES (?, ?, ?{', ?' * len(values)}) ON CONFLICT (user) DO UPDATE SET"
                f" {', '.join(f'{column} = excluded.{column}' for column in values)}"
                f"{', ' if values else ''}told = json_patch(told, excluded.told)",
                (each.user, at, json.dumps(dict.fromkeys(values, at)), *values.values()),
            )

    @reading
    def profile(self, connection: sqlite3.Connection, user: str) -> Profile | None:
        if not is_writable(user):
            return None
        row = connection.execute(f"{_PROFILE} WHERE user = ?", (user,)).fetchone()
        return None if row is None else _profile_of(row)

    @reading
    def contact(self, connection: sqlite3.Connection, user: str) -> Contact | None:
        return _contacts(connection, [user]).get(user)

    @reading
    def contacts(self, connection: sqlite3.Connection, users: Sequence[str]) -> dict[str, Contact]:
        return _contacts(connection, users)

    @reading
    def search(self, connection: sqlite3.Connection, text: str, *, limit: int) -> FoundContacts:
        """By the table of words, `CANDIDATES` of each form and over both; then each is judged as a whole."""
        words = sought(text) if is_writable(text) else []
        if not words:
            return FoundContacts(contacts=(), more=False)
        users: dict[str, None] = {}
        for form in forms(words[0]):
            rows = connection.execute(
                "SELECT DISTINCT user FROM contact_words WHERE word >= ? AND word < ? LIMIT ?",
                (form, form + LAST, CANDIDATES),
            )
            users |= dict.fromkeys(user for (user,) in rows)
        found = matching(_contacts(connection, list(users)[:CANDIDATES]).values(), words)
        return FoundContacts(
            contacts=tuple(found[:limit]), more=len(found) > limit or len(users) >= CANDIDATES
        )

    @reading
    def known(self, connection: sqlite3.Connection, *, after: str | None, limit: int) -> list[Profile]:
        rows = connection.execute(f"{_PROFILE} WHERE user > ? ORDER BY user LIMIT ?", (after or "", limit))
        return [_profile_of(row) for row in rows]

    @writing
    def forget(self, connection: sqlite3.Connection, users: Sequence[str]) -> None:
        _forget(connection, users)

    @reading
    def addresses(self, connection: sqlite3.Connection, user: str, room: str) -> list[str]:
        contact = _contacts(connection, [user]).get(user)
        known = [] if contact is None or contact.email is None else [contact.email]
        return list(dict.fromkeys([*known, *obligations.recipients(connection, room)]))

    @reading
    def of_nobody_else(
        self, connection: sqlite3.Connection, user: str, addresses: Sequence[str]
    ) -> tuple[str, ...]:
        return _of_nobody_else(connection, user, writable(addresses))

    @writing
    def erase_user(
        self,
        connection: sqlite3.Connection,
        user: str,
        room: str,
        *,
        now: datetime,
        addresses: Sequence[str] = (),
    ) -> int:
        """One transaction over all shelves: the user is forgotten whole, or not at all."""
        own = _of_nobody_else(connection, user, writable(addresses))
        erasure = Erasure(user=user, room=room, at=micros(now), addresses=own)
        return sum(shelf.erase(connection, erasure) for shelf in self._shelves)

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        _forget(connection, [erasure.user])
        return 0


def _of_nobody_else(connection: sqlite3.Connection, user: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """Those of the addresses that no other known user has: by the words that users are found by."""
    rows = connection.execute(
        "SELECT value FROM json_each(?) WHERE NOT EXISTS"
        " (SELECT 1 FROM contact_words WHERE word = value AND user <> ?) ORDER BY key",
        (json.dumps(addresses), user),
    )
    return tuple(address for (address,) in rows)


def _forget(connection: sqlite3.Connection, users: Sequence[str]) -> None:
    connection.executemany("DELETE FROM contacts WHERE user = ?", [(user,) for user in users])
