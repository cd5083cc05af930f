"""`MongoStore`: the store's Protocols over a MongoDB database, which any number of processes share."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from storage.beginnings import Membership
from storage.coalescing import Coalescer
from storage.encoding import WIPED, is_writable, micros
from storage.errors import IdempotencyMismatch, StoreUnavailable
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
from storage.mongo import contacts, inboxes, lineage, outbox, streams
from storage.mongo.append import Appender
from storage.mongo.collections import Collections, connected, translated, translated_at_open
from storage.store import Store

P = ParamSpec("P")
T = TypeVar("T")


class MongoStore(Store):
    """A store in the database that `url` names (`bellhop` if none); options of the URL win over ours."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._collections: Collections | None = None
        self._appender = Appender()
        self._running: set[asyncio.Task[Any]] = set()
        self._openings: Coalescer[OpeningRequest, Opening] = Coalescer(
            self._open_batch, name="mongo-openings", batch_weight=100, queue_weight=50_000
        )

    async def open(self) -> None:
        collections = self._collections or connected(self._url)
        try:
            with translated_at_open():
                await collections.prepare()
        except BaseException:
            if self._collections is None:
                await collections.close()
            raise
        if self._collections is None:
            self._collections = collections

    async def ping(self, *, size: int = 1) -> None:
        await self._run(Collections.ping, size=size)

    async def time(self) -> datetime | None:
        return await self._run(Collections.time)

    async def shared_secret(self) -> bytes:
        return await self._run(Collections.shared_secret)

    async def close(self) -> None:
        await self._openings.close()
        collections, self._collections = self._collections, None
        if collections is not None:
            await asyncio.gather(*self._running, return_exceptions=True)
            await collections.close()

    async def _run(
        self,
        work: Callable[Concatenate[Collections, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `work` to its end, whether or not the caller waits for it.

        What takes several writes is not left half done by a client that goes away, and the driver, which gives
        up a connection at each cancellation, keeps its connections.
        """
        if self._collections is None:
            raise StoreUnavailable("the store is not open")
        task = asyncio.create_task(work(self._collections, *args, **kwargs), name="mongo-operation")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        with translated():
            return await asyncio.shield(task)

    # Streams

    async def append(self, emissions: Sequence[Emission]) -> list[Appended | IdempotencyMismatch]:
        return await self._run(self._appender.append, emissions)

    def learn(self, heads: Mapping[str, int]) -> None:
        self._appender.learn(heads)

    def unlearn(self) -> None:
        self._appender.unlearn()

    async def heads(self, rooms: Sequence[str]) -> dict[str, int]:
        return await self._run(streams.heads, rooms)

    async def span(
        self, room: str, *, after: int, limit: int, now: datetime | None = None
    ) -> list[Notification]:
        shown_at = WIPED if now is None else micros(now)
        return await self._run(streams.span, room, after=after, limit=limit, shown_at=shown_at)

    async def notification(self, notification_id: str) -> Notification | None:
        return await self._run(streams.find, notification_id) if is_writable(notification_id) else None

    async def receipts(self, notification_id: str) -> dict[str, Receipt]:
        return await self._run(streams.receipts, notification_id) if is_writable(notification_id) else {}

    async def recall(self, notification_id: str, *, now: datetime) -> Notification | None:
        if not is_writable(notification_id):
            return None
        return await self._run(streams.recall, notification_id, now=micros(now))

    async def expire(self, *, now: datetime, limit: int) -> int:
        return await self._run(streams.expire, now=micros(now), limit=limit)

    async def prune(self, *, before: datetime, limit: int) -> int:
        return await self._run(streams.prune, before=micros(before), limit=limit)

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
        return await self._run(inboxes.openings, requests)

    async def begin(self, user: str, rooms: Sequence[str], *, membership: Membership, now: datetime) -> None:
        await self._run(inboxes.begin, user, rooms, membership, now=micros(now))

    async def history(self, query: HistoryQuery, *, now: datetime) -> HistoryPage:
        return await self._run(inboxes.history, query, now=micros(now))

    async def unread(self, user: str, rooms: Sequence[str], *, now: datetime) -> Count:
        return await self._run(inboxes.unread, user, rooms, now=micros(now))

    async def read(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        return await self._run(inboxes.read, user, rooms, ids, now=micros(now))

    async def read_all(self, user: str, rooms: Sequence[str], *, now: datetime) -> Marked:
        return await self._run(inboxes.read_all, user, rooms, now=micros(now))

    async def seen(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        return await self._run(inboxes.seen, user, rooms, ids, now=micros(now))

    async def dismiss(self, user: str, rooms: Sequence[str], ids: Sequence[str], *, now: datetime) -> Marked:
        return await self._run(inboxes.dismiss, user, rooms, ids, now=micros(now))

    async def receipt(self, user: str, notification_id: str) -> Receipt:
        if not is_writable(notification_id):
            return Receipt()
        return await self._run(inboxes.receipt, user, notification_id)

    # Contacts

    async def remember(self, known: Sequence[Contact]) -> None:
        await self._run(contacts.remember, known)

    async def forget(self, users: Sequence[str]) -> None:
        await self._run(contacts.forget, users)

    async def contact(self, user: str) -> Contact | None:
        return await self._run(contacts.contact, user)

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        return await self._run(contacts.contacts, users)

    async def user_data(self, user: str, room: str, *, limit: int) -> UserData:
        return await self._run(contacts.user_data, user, room, limit=limit)

    async def erase_user(self, user: str, room: str, *, now: datetime) -> int:
        return await self._run(contacts.erase_user, user, room, now=micros(now))

    # Lineage

    async def epoch(self) -> str:
        return await self._run(lineage.epoch)

    async def turn(self, *, seen: str | None = None) -> str:
        return await self._run(lineage.turn, seen=seen)

    # Outbox

    async def lease(self, *, limit: int, lease_seconds: float, now: datetime) -> list[Lease]:
        until = micros(now + timedelta(seconds=lease_seconds))
        return await self._run(outbox.lease, limit=limit, until=until, now=micros(now))

    async def prolong(self, lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
        until = micros(now + timedelta(seconds=lease_seconds))
        return await self._run(outbox.prolong, lease, until=until)

    async def settle(self, lease: Lease, *, now: datetime) -> bool:
        return await self._run(outbox.conclude, lease, state=MailState.SENT, now=micros(now))

    async def skip(self, lease: Lease, *, reason: str, now: datetime) -> bool:
        return await self._run(
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
        return await self._run(
            outbox.postpone,
            lease,
            until=micros(until),
            reason=reason,
            code=code,
            count_attempt=count_attempt,
            now=micros(now),
        )

    async def bury(self, lease: Lease, *, reason: str, code: int | None, now: datetime) -> bool:
        return await self._run(
            outbox.conclude, lease, state=MailState.DEAD, reason=reason, code=code, now=micros(now)
        )

    async def release(self, lease: Lease, *, now: datetime) -> bool:
        return await self._run(outbox.release, lease, now=micros(now))

    async def revive(self, ids: Sequence[str], *, now: datetime) -> list[str]:
        return await self._run(outbox.revive, ids, now=micros(now))

    async def next_due(self) -> datetime | None:
        return await self._run(outbox.next_due)

    async def mail_page(self, *, state: MailState | None, before: str | None, limit: int) -> MailPage:
        return await self._run(outbox.mail_page, state=state, before=before, limit=limit)

    async def mail_counts(self) -> dict[MailState, int]:
        return await self._run(outbox.mail_counts)
