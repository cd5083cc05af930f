"""`SQLiteStore`: the store's Protocols over one file, which several processes may share."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from storage.beginnings import Membership
from storage.coalescing import Coalescer
from storage.encoding import FOREVER, WIPED, is_writable, micros, moment_or_none
from storage.errors import IdempotencyMismatch, StoreUnavailable, Unstorable
from storage.models import (
    Appended,
    Contact,
    Count,
    Emission,
    HistoryPage,
    HistoryQuery,
    Lease,
    MailPage,
    MailState,
    Marked,
    Notification,
    Opening,
    OpeningRequest,
    Receipt,
    UserData,
)
from storage.sqlite import beginnings, contacts, inboxes, lineage, outbox, rows, streams
from storage.sqlite.connections import Connections
from storage.store import Store

PING_SECONDS = 1.5


class SQLiteStore(Store):
    """A store in the file `path`, made if missing with its folder. Every method is one hop to a thread."""

    def __init__(self, path: str | Path) -> None:
        self._connections = Connections(Path(path))
        self._openings: Coalescer[OpeningRequest, Opening] = Coalescer(
            self._open_batch, name="sqlite-openings", batch_weight=64, queue_weight=50_000
        )

    async def open(self) -> None:
        await self._connections.open()

    async def ping(self, *, size: int = 1) -> None:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._connections.write(_overwrite, size)
        except TimeoutError as error:
            raise StoreUnavailable("SQLite: the file is busy") from error

    async def shared_secret(self) -> bytes:
        return await self._connections.write(_shared_secret)

    async def time(self) -> datetime | None:
        return None

    async def close(self) -> None:
        await self._openings.close()
        await self._connections.close()

    # Streams

    async def append(self, emissions: Sequence[Emission]) -> list[Appended | IdempotencyMismatch]:
        try:
            try:
                return await self._connections.write(streams.append, emissions)
            except sqlite3.IntegrityError:
                # An id that is stored already: rare enough to look for only now.
                return await self._connections.write(streams.append_anew, emissions)
        except sqlite3.IntegrityError as error:
            raise Unstorable("a notification's id is taken by another") from error
        except (UnicodeEncodeError, OverflowError, sqlite3.DataError) as error:
            raise Unstorable(f"SQLite cannot hold it: {error}") from error

    def learn(self, heads: Mapping[str, int]) -> None:
        """Not needed: within the transaction that appends, looking costs next to nothing."""

    def unlearn(self) -> None:
        """Nothing is remembered."""

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        return await self._connections.read(streams.heads, rooms)

    async def span(
        self, room: str, *, after: int, limit: int, now: datetime | None = None
    ) -> list[Notification]:
        shown_at = WIPED if now is None else micros(now)
        return await self._connections.read(
            streams.span, room, after=after, upto=FOREVER, limit=limit, shown_at=shown_at
        )

    async def notification(self, notification_id: str) -> Notification | None:
        return (
            await self._connections.read(rows.find, notification_id) if is_writable(notification_id) else None
        )

    async def receipts(self, notification_id: str) -> dict[str, Receipt]:
        return (
            await self._connections.read(streams.receipts, notification_id)
            if is_writable(notification_id)
            else {}
        )

    async def recall(self, notification_id: str, *, now: datetime) -> Notification | None:
        if not is_writable(notification_id):
            return None
        return await self._connections.write(streams.recall, notification_id, now=micros(now))

    async def expire(self, *, now: datetime, limit: int) -> int:
        return await self._connections.write(streams.expire, now=micros(now), limit=limit)

    async def prune(self, *, before: datetime, limit: int) -> int:
        return await self._connections.write(streams.prune, before=micros(before), limit=limit)

    # Inboxes

    async def opening(
        self,
        user: str,
        rooms: Sequence[str],
        *,
        since: Mapping[str, int],
        limit: int,
        now: datetime,
        membership: Membership | None = None,
        epoch: str | None = None,
    ) -> Opening:
        return await self._openings.ask(OpeningRequest(user, rooms, since, limit, now, membership, epoch))

    async def _open_batch(self, requests: list[OpeningRequest]) -> list[Opening]:
        # One hop and one snapshot for all who came at once: a thread hop costs more than the queries.
        openings, unbegun = await self._connections.read(inboxes.openings, requests)
        if unbegun:
            # Once for each user and room: whoever has been here before is answered above.
            await self._connections.write(
                beginnings.begin, unbegun, now=micros(max(request.now for request in requests))
            )
            openings, _ = await self._connections.read(inboxes.openings, requests)
        return openings

    async def begin(self, user: str, rooms: Sequence[str], *, membership: Membership, now: datetime) -> None:
        if unbegun := await self._connections.read(beginnings.unbegun, [(user, rooms, membership)]):
            await self._connections.write(beginnings.begin, unbegun, now=micros(now))

    async def history(self, query: HistoryQuery, *, now: datetime) -> HistoryPage:
        return await self._connections.read(inboxes.history, query, now=micros(now))

    async def unread(self, user: str, rooms: Sequence[str], *, now: datetime) -> Count:
        return await self._connections.read(inboxes.unread, user, rooms, now=micros(now))

    async def read(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        return await self._connections.write(inboxes.read, user, rooms, ids, now=micros(now))

    async def read_all(self, user: str, rooms: Sequence[str], *, now: datetime) -> Marked:
        return await self._connections.write(inboxes.read_all, user, rooms, now=micros(now))

    async def seen(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        return await self._connections.write(inboxes.seen, user, rooms, ids, now=micros(now))

    async def dismiss(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        return await self._connections.write(inboxes.dismiss, user, rooms, ids, now=micros(now))

    async def receipt(self, user: str, notification_id: str) -> Receipt:
        if not is_writable(notification_id):
            return Receipt()
        return await self._connections.read(inboxes.receipt, user, notification_id)

    # Contacts

    async def remember(self, known: Sequence[Contact]) -> None:
        await self._connections.write(contacts.remember, known)

    async def forget(self, users: Sequence[str]) -> None:
        await self._connections.write(contacts.forget, users)

    async def contact(self, user: str) -> Contact | None:
        return await self._connections.read(contacts.contact, user)

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        return await self._connections.read(contacts.contacts, users)

    async def user_data(self, user: str, room: str, *, limit: int) -> UserData:
        return await self._connections.read(contacts.user_data, user, room, limit=limit)

    async def erase_user(self, user: str, room: str, *, now: datetime) -> int:
        return await self._connections.write(contacts.erase_user, user, room, now=micros(now))

    # Lineage

    async def epoch(self) -> str:
        return await self._connections.read(lineage.epoch)

    async def turn(self, *, seen: str | None = None) -> str:
        return await self._connections.write(lineage.turn, seen=seen)

    # Outbox

    async def lease(self, *, limit: int, lease_seconds: float, now: datetime) -> list[Lease]:
        until = micros(now + timedelta(seconds=lease_seconds))
        return await self._connections.write(outbox.lease, limit=limit, until=until, now=micros(now))

    async def prolong(self, lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        return await self._connections.write(outbox.prolong, lease, until=until)

    async def settle(self, lease: Lease, *, now: datetime) -> bool:
        return await self._connections.write(outbox.conclude, lease, state=MailState.SENT, now=micros(now))

    async def skip(self, lease: Lease, *, reason: str, now: datetime) -> bool:
        return await self._connections.write(
            outbox.conclude, lease, state=MailState.SKIPPED, reason=reason, now=micros(now)
        )

    async def postpone(
        self,
        lease: Lease,
        *,
        until: datetime,
        reason: str,
        code: int | None,
        count_attempt: bool,
        now: datetime,
    ) -> bool:
        return await self._connections.write(
            outbox.postpone,
            lease,
            until=micros(until),
            reason=reason,
            code=code,
            count_attempt=count_attempt,
            now=micros(now),
        )

    async def bury(self, lease: Lease, *, reason: str, code: int | None, now: datetime) -> bool:
        return await self._connections.write(
            outbox.conclude, lease, state=MailState.DEAD, reason=reason, code=code, now=micros(now)
        )

    async def release(self, lease: Lease, *, now: datetime) -> bool:
        return await self._connections.write(outbox.release, lease, now=micros(now))

    async def revive(self, ids: Sequence[str], *, now: datetime) -> list[str]:
        return await self._connections.write(outbox.revive, ids, now=micros(now))

    async def next_due(self) -> datetime | None:
        return moment_or_none(await self._connections.read(outbox.next_due))

    async def mail_page(self, *, state: MailState | None, before: str | None, limit: int) -> MailPage:
        return await self._connections.read(outbox.mail_page, state=state, before=before, limit=limit)

    async def mail_counts(self) -> dict[MailState, int]:
        return await self._connections.read(outbox.mail_counts)


def _shared_secret(connection: sqlite3.Connection) -> bytes:
    connection.execute("INSERT OR IGNORE INTO facts VALUES ('secret', randomblob(32))")
    (secret,) = connection.execute("SELECT value FROM facts WHERE name = 'secret'").fetchone()
    return bytes(secret)


def _overwrite(connection: sqlite3.Connection, size: int) -> None:
    # At random: what is as it was is not written.
    connection.execute(
        "INSERT INTO facts (name, value) VALUES ('probe', randomblob(?))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (max(size, 8),),
    )
