"""A session that has gone before its turn to be moved came leaves nothing behind."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from auth.principal import Principal
from gateway.sockets.memberships import LiveMemberships
from gateway.sockets.moving import Mover
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.inboxes import Count
from tests.unit.gateway.delivery.scene import frame
from tests.unit.gateway.delivery.test_replaying import Scene

ROOM = "topic:deals"
END = datetime(2030, 1, 1, tzinfo=UTC)


class Engine:
    def write(self, sid: str, packet: Any) -> None: ...

    async def close(self, *_: Any) -> None: ...


class Reading:
    async def unread(self, *_: Any) -> Count:
        return Count(unread=0, heads={})


class Book:
    in_use = True

    async def of_many(self, users: list[str]) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(users, ("deals",))


def session(name: str) -> Session:
    return Session(
        sid=name, namespace="/", principal=Principal(user=name, expires_at=END), locale=None,
        rooms=(f"user:{name}", "all"), ends_at=END, stage=Stage.ENTERED,
    )  # fmt: skip


async def test_who_goes_while_many_are_moved_is_in_no_room():
    here = Scene()
    engine: Any = Engine()
    sessions = Sessions(engine, node="n")
    at: Any = SimpleNamespace(
        sessions=sessions, delivery=here.delivery, replaying=here.replaying, server=engine
    )
    reading: Any = Reading()
    book: Any = Book()
    live = LiveMemberships(book, sessions, Mover(at, reading))
    everybody = [session(f"u{n}") for n in range(20)]
    for each in everybody:
        sessions.add(each)
    asked, gate = asyncio.Event(), asyncio.Event()
    plain = here.inboxes.opening

    async def slow(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        await gate.wait()
        return await plain(*args, **kwargs)

    here.inboxes.opening = slow

    def go(each: Session) -> None:
        sessions.remove(each.sid)
        here.delivery.rooms.leave(each.sid, each.rooms)

    settling = asyncio.create_task(live._settle([each.user for each in everybody]))
    await asyncio.wait_for(asked.wait(), 5)
    # It waits for its turn: only so many are moved at once.
    go(everybody[-1])
    gate.set()
    await settling
    for each in everybody[:-1]:
        go(each)
    for seq in range(1, 3000):
        here.delivery.receive(ROOM, seq, frame(seq))
    await here.delivery.rooms.release([ROOM])

    assert ROOM not in here.delivery.streams
