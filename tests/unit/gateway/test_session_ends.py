"""The end of a token is the end of its session, however many end at once; and nothing keeps a revocation waiting."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from auth.principal import Principal
from gateway.cluster.commands import Disconnect, Recount
from gateway.sockets.commands import COMMANDS_LIMIT, SessionCommands
from gateway.sockets.counting import LiveCounts
from gateway.sockets.expiries import Expiries
from gateway.sockets.sessions import Session, Sessions, Stage
from storage.errors import StoreUnavailable

END = datetime(2030, 1, 1, tzinfo=UTC)
FAILS = "s3"
"""A session that cannot be ended."""


class Engine:
    def __init__(self) -> None:
        self.closed: set[str] = set()

    def write(self, sid: str, packet: Any) -> None: ...

    async def close(self, sid: str, *_: Any) -> None:
        if sid == FAILS:
            raise RuntimeError("as a handler may")
        self.closed.add(sid)


class Scene:
    """So many sessions, whose tokens end together."""

    def __init__(self, number: int) -> None:
        self.engine: Any = Engine()
        self.now = END - timedelta(hours=1)
        self.sessions = Sessions(self.engine, node="n")
        away: Any = self
        self.commands = SessionCommands(
            server=self.engine, sessions=self.sessions, delivery=away, contacts=away
        )
        self.counts = LiveCounts(self.sessions, away)
        self.expiries = Expiries(
            self.sessions, lambda: self.now, leeway_seconds=10, expired=self.commands.expire
        )
        for n in range(number):
            user = f"u{n}"
            session = Session(
                sid=f"s{n}", namespace="/", principal=Principal(user=user, expires_at=END), locale=None,
                rooms=(f"user:{user}", "all"), ends_at=END, stage=Stage.ENTERED,
            )  # fmt: skip
            self.sessions.add(session)
            self.expiries.watch(session)

    async def unread(self, *_: Any) -> None:
        """As of a store that is away: MongoDB is waited for for seconds."""
        await asyncio.sleep(0.02)
        raise StoreUnavailable("away")

    async def has_closed(self, number: int) -> None:
        async with asyncio.timeout(10):
            while len(self.engine.closed) < number:
                await asyncio.sleep(0.005)


async def test_all_end_whose_tokens_end_at_once():
    """More than there may be commands; and one that cannot be ended keeps none of the others."""
    number = COMMANDS_LIMIT + 2_000
    scene = Scene(number)
    scene.now = END + timedelta(seconds=1)

    scene.commands.start()
    scene.expiries.start()
    await scene.has_closed(number - 1)

    await scene.expiries.stop()
    await scene.commands.stop()


async def test_the_same_token_again_is_watched_once():
    scene = Scene(1)
    [session] = scene.sessions.all()

    for _ in range(1000):
        scene.expiries.watch(session)

    assert len(scene.expiries._heap) == 2


async def test_sessions_that_have_gone_leave_nothing_to_be_watched_behind():
    """Clients come and go all day, with tokens that last as long."""
    scene = Scene(200)
    stays, *leaving = scene.sessions.all()

    for visit in range(50):
        for session in leaving:
            scene.sessions.remove(session.sid)
        leaving = [replace(each, sid=f"{each.user} {visit}", watched=()) for each in leaving]
        for session in leaving:
            scene.sessions.add(session)
            scene.expiries.watch(session)
    scene.now = END + timedelta(seconds=1)
    scene.commands.start()
    scene.expiries.start()

    assert len(scene.expiries._heap) <= 1000
    await scene.has_closed(200)
    assert stays.sid in scene.engine.closed
    await scene.expiries.stop()
    await scene.commands.stop()


async def test_ends_do_not_wait_for_counts_of_a_store_that_is_away():
    scene = Scene(400)
    scene.counts.start()
    scene.commands.start()
    scene.counts.recount(Recount("all"))
    scene.commands._disconnect(Disconnect("u7"))
    began = asyncio.get_running_loop().time()

    await scene.has_closed(1)

    assert asyncio.get_running_loop().time() - began < 1
    assert scene.engine.closed == {"s7"}
    await scene.commands.stop()
    await scene.counts.stop()
