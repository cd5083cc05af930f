"""Appending: how notifications get their sequences. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence

from msgspec.structs import replace

from storage.collapsing import Latest, Pair, following, latest_of, pair_of
from storage.encoding import key_text, micros
from storage.errors import IdempotencyMismatch
from storage.notifications import Notification
from storage.sqlite import collapsing, mail_rows, obligations
from storage.sqlite.bulk import Row
from storage.sqlite.heads import heads
from storage.sqlite.rows import NOTIFICATION, find, insert, notification_of, row_of
from storage.streams import Appended, Emission

Look = Callable[[sqlite3.Connection, Collection[str]], dict[str, int]]


class _Append:
    """One call of `append`: what is known already, what is new, and the rows to write.

    It looks everything up first (keys, heads, chains: three questions at most), then numbers in memory, then writes.
    The write lock is held from before the first look, so nothing that it has seen can change.
    """

    def __init__(self, connection: sqlite3.Connection, emissions: Sequence[Emission], look: Look) -> None:
        """`connection` is in its caller's transaction."""
        self._connection = connection
        self._emissions = emissions
        self._look = look
        self._heads: dict[str, int] = {}
        self._known: dict[str, tuple[bytes, tuple[Notification, ...]]] = {}
        self._rows: list[Row] = []
        self._mails: list[Row] = []
        self._latest: dict[Pair, Latest] = {}
        self._superseded: list[collapsing.Succession] = []

    def run(self) -> list[Appended | IdempotencyMismatch]:
        """Answer each emission, in order, with all of them written."""
        self._look_up_keys()
        rooms = {n.room for emission in self._emissions for n in emission.notifications if n.in_app}
        self._heads = self._look(self._connection, rooms)
        pairs = {pair_of(n) for each in self._emissions for n in each.notifications if n.collapse is not None}
        if pairs:
            self._latest = collapsing.latest(self._connection, pairs)
        answers = [self._answer(emission) for emission in self._emissions]
        insert(self._connection, self._rows)
        if self._mails:
            obligations.insert(self._connection, self._mails)
        if self._superseded:
            collapsing.supersede(self._connection, self._superseded)
        return answers

    def _look_up_keys(self) -> None:
        """What is stored under the keys that come, by the index of keys; the notifications of one emission in their order."""
        keys = [key_text(emission.key) for emission in self._emissions if emission.key is not None]
        if not keys:
            return
        rows = self._connection.execute(
            f"SELECT {NOTIFICATION}, n.key, n.fingerprint FROM notifications n {mail_rows.JOIN}"  # noqa: S608 - constants
            " WHERE n.key IN (SELECT value FROM json_each(?)) ORDER BY n.key, n.ordinal",
            (json.dumps(keys),),
        )
        for row in rows:
            key, fingerprint = row[-2:]
            _, earlier = self._known.get(key, (fingerprint, ()))
            self._known[key] = (fingerprint, (*earlier, notification_of(row)))

    def _answer(self, emission: Emission) -> Appended | IdempotencyMismatch:
        """What this emission becomes: new, a duplicate, or a mismatch. A key that comes twice is known the second time."""
        if emission.key is None:
            return Appended(notifications=self._number(emission, None))
        key = key_text(emission.key)
        known = self._known.get(key)
        if known is None:
            appended = self._number(emission, key)
            self._known[key] = (emission.key.fingerprint, appended)
            return Appended(notifications=appended)
        fingerprint, notifications = known
        if fingerprint != emission.key.fingerprint:
            return IdempotencyMismatch("the idempotency key was used before with another content")
        return Appended(notifications=notifications, duplicate=True)

    def _number(self, emission: Emission, key: str | None) -> tuple[Notification, ...]:
        """Give the emission's notifications their sequences, and put their rows and mails down to be written."""
        fingerprint = None if emission.key is None else emission.key.fingerprint
        numbered = []
        for ordinal, notification in enumerate(emission.notifications):
            given = notification
            if given.in_app:
                self._heads[given.room] = seq = self._heads[given.room] + 1
                given = replace(given, seq=seq)
            since = None
            if given.collapse is not None:
                given, since = self._follow(given)
            place = None if key is None else ordinal
            self._rows.append(
                row_of(given, key, place, fingerprint, waits_since=since, origin=emission.origin)
            )
            if given.mail is not None:
                self._mails.append(mail_rows.row_of(given, given.mail))
            numbered.append(given)
        return tuple(numbered)

    def _follow(self, notification: Notification) -> tuple[Notification, int | None]:
        """The notification as the newest of its chain, and since when mail of that waits."""
        pair = pair_of(notification)
        before = self._latest.get(pair)
        followed, since = following(notification, before)
        if before is not None:
            self._superseded.append((before.id, followed.id, micros(followed.created_at)))
        self._latest[pair] = latest_of(followed, since)
        return followed, since


def append(
    connection: sqlite3.Connection, emissions: Sequence[Emission], look: Look = heads
) -> list[Appended | IdempotencyMismatch]:
    """Store emissions, as `Streams.append` says. Raises `sqlite3.IntegrityError` when an id is stored already: then
    nothing is.

    `look` finds the heads of rooms; what it answers holds how far they have come in the end.
    """
    return _Append(connection, emissions, look).run()


def append_anew(
    connection: sqlite3.Connection, emissions: Sequence[Emission]
) -> list[Appended | IdempotencyMismatch]:
    """`append` for a call in which some ids are stored already: whoever brings those is answered as a duplicate.

    One emission after the other, which is slow and rare. Of an emission of which some ids are stored and others not, the
    error is raised again: no call of this store leaves such a one.
    """
    answers: list[Appended | IdempotencyMismatch] = []
    for emission in emissions:
        stored = [find(connection, notification.id) for notification in emission.notifications]
        if emission.key is None and stored and all(stored):
            answers.append(Appended(notifications=tuple(filter(None, stored)), duplicate=True))
        else:
            answers += append(connection, [emission])
    return answers
