"""What the contract tests of stores share: things to put into a store, and processes that write to it."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.histories import HistoryQuery
from storage.ids import uuid7
from storage.mail import Mail, MailOrder, MailState
from storage.notifications import Notification
from storage.store import Store
from storage.streams import Appended, Emission, IdempotencyKey

NOW = datetime(2026, 11, 22, 8, 27, 41, 123456, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
ROOMS = ["user:1", "all"]
"""Those of the user 1."""


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def ids(store, **fields) -> list[str]:
    """What the user 1 is shown, newest first."""
    page = await store.inboxes.history(HistoryQuery(user="1", rooms=ROOMS, **fields), now=later(9))
    return [item.notification.id for item in page.items]


def notification(room: str = "all", **fields) -> Notification:
    fields.setdefault("created_at", NOW)
    return Notification(
        **{"id": uuid7(), "room": room, "type": "NOTE", "title": "A title", "data": {}, **fields}
    )


def mail(to: str = "ann@example.org", due_at: datetime = NOW, **order) -> Mail:
    return Mail(
        order=MailOrder(to=to, due_at=due_at, **order), state=MailState.PENDING, due_at=due_at, updated_at=NOW
    )


def key(text: str = "key", fingerprint: bytes = b"same", scope: str = "shop") -> IdempotencyKey:
    return IdempotencyKey(scope=scope, text=text, fingerprint=fingerprint)


def emission(*notifications: Notification, key: IdempotencyKey | None = None) -> Emission:
    return Emission(notifications=notifications, key=key)


async def put(store: Store, *notifications: Notification) -> list[Notification]:
    """Append each as an emission of its own; answers them as stored."""
    answers = await store.streams.append([emission(n) for n in notifications])
    return [n for answer in answers if isinstance(answer, Appended) for n in answer.notifications]


async def fill(store: Store, room: str, count: int, **fields) -> list[Notification]:
    return await put(store, *(notification(room, **fields) for _ in range(count)))


async def sequences(store: Store, room: str) -> list[int]:
    found: list[int] = []
    while page := await store.streams.span(room, after=found[-1] if found else 0, limit=1_000):
        found += [n.seq for n in page if n.seq is not None]
    return found


class Writer:
    """A process of its own that appends until it is told to stop, or has appended enough, or is killed."""

    def __init__(self, url: str, rooms: list[str], *, count: int, collapse_key: str = "") -> None:
        """With a `collapse_key` each takes the place of the one before it in its room."""
        command = [sys.executable, "-m", "tests.contract.store_writer", url, str(count), collapse_key, *rooms]
        self.process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE)
        self.answered: list[tuple[str, str, int]] = []

    async def line(self) -> bool:
        """Take down one line of answers; False at the end."""
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        if not line.endswith(b"\n"):
            return False
        for answer in line.decode().split():
            notification_id, room, seq = answer.split("/")
            self.answered.append((notification_id, room, int(seq)))
        return True

    async def finish(self) -> int:
        while await self.line():
            pass
        return await asyncio.to_thread(self.process.wait)

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
