"""Every sentence of the Protocol `Presence`, held by both adapters; and what only a cluster can show."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.cluster.presence.base import Joined, Left, Online, Presence, Visitor
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.cluster.presence.local import LocalPresence
from gateway.cluster.presence.redis import RedisPresence

GRACE = 0.2
START = datetime(2026, 11, 22, 8, 27, 41, 123000, tzinfo=UTC)


def visitor(
    connection: str, user: str = "ann", *, age: float = 0, name: str | None = None, roles=(), topics=()
) -> Visitor:
    return Visitor(
        connection=connection,
        user=user,
        name=name,
        roles=tuple(roles),
        topics=tuple(topics),
        since=START - timedelta(seconds=age),
    )


class Clock:
    """A clock that tests hold."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Announced(list[Joined | Left]):
    """What was announced, in order."""

    fails = False
    """Whether who listens fails, having heard it."""

    async def __call__(self, change: Joined | Left) -> None:
        self.append(change)
        if self.fails:
            raise RuntimeError("nobody listens")

    def brief(self) -> list[tuple[str, str]]:
        return [(type(each).__name__, each.user) for each in self]


async def elapse(presence: LocalPresence | RedisPresence, clock: Clock, seconds: float) -> None:
    """Have the clock run, and the node watch as often as it does in life."""
    while seconds > 0:
        clock.forward(min(seconds, 1.5))
        await presence.sweep()
        seconds -= 1.5


async def until(condition: Callable[[], object], *, seconds: float = 40) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def until_answered(ask: Callable[[], Awaitable[object]], *, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(PresenceUnavailable):
                if await ask():
                    return
            await asyncio.sleep(0.01)


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def announced() -> Announced:
    return Announced()


@pytest.fixture(params=["local", "redis", "valkey"])
async def presence(request, url_of, prefix, clock, announced) -> AsyncIterator[LocalPresence | RedisPresence]:
    made: LocalPresence | RedisPresence
    if request.param == "local":
        made = LocalPresence(grace_seconds=5, clock=clock)
    else:
        made = RedisPresence(
            url_of(request.param),
            node_id="node-1",
            prefix=prefix,
            grace_seconds=5,
            ttl_seconds=30,
            clock=clock,
        )
    await made.start(announced)
    yield made
    await made.stop()


async def test_the_first_connection_of_a_user_joins_and_the_second_does_not(presence, announced):
    await presence.enter(visitor("c1", name="Ann", roles=["admin"]), limit=0)
    await presence.enter(visitor("c2"), limit=0)
    await presence.sweep()

    assert announced == [Joined(user="ann", name="Ann", roles=("admin",), at=START)]


async def test_the_same_connection_entering_twice_counts_once(presence, announced):
    await presence.enter(visitor("c1"), limit=1)

    assert await presence.enter(visitor("c1"), limit=1) == []
    await presence.sweep()

    assert await presence.counts() == (1, 1)
    assert announced.brief() == [("Joined", "ann")]


async def test_the_last_connection_leaves_after_the_grace_and_says_when_it_went(presence, announced, clock):
    await presence.enter(visitor("c1"), limit=0)
    await presence.enter(visitor("c2"), limit=0)
    await presence.leave("c1", now=clock.now)
    await elapse(presence, clock, 10)
    assert announced.brief() == [("Joined", "ann")]

    went = clock.now
    await presence.leave("c2", now=went)
    await elapse(presence, clock, 4.9)
    assert announced.brief() == [("Joined", "ann")]

    await elapse(presence, clock, 0.2)
    assert announced[1:] == [Left(user="ann", at=went)]
    await presence.sweep()
    assert len(announced) == 2


async def test_a_page_reload_within_the_grace_announces_nothing(presence, announced, clock):
    await presence.enter(visitor("c1"), limit=0)
    await presence.leave("c1", now=clock.now)
    await elapse(presence, clock, 3)
    await presence.enter(visitor("c2"), limit=0)
    await elapse(presence, clock, 60)

    assert announced.brief() == [("Joined", "ann")]
    assert await presence.find("ann") is not None


async def test_joined_and_left_alternate(presence, announced, clock):
    for turn in range(3):
        await presence.enter(visitor(f"c{turn}"), limit=0)
        await presence.leave(f"c{turn}", now=clock.now)
        await elapse(presence, clock, 5.1)
        await presence.sweep()

    assert announced.brief() == [("Joined", "ann"), ("Left", "ann")] * 3


async def test_an_unknown_connection_leaving_is_ignored(presence, announced, clock):
    await presence.leave("never-seen", now=clock.now)
    await elapse(presence, clock, 60)

    assert announced == []
    assert await presence.counts() == (0, 0)


async def test_the_oldest_connections_beyond_the_limit_are_answered(presence):
    assert await presence.enter(visitor("oldest", age=30), limit=2) == []
    assert await presence.enter(visitor("older", age=20), limit=2) == []

    assert await presence.enter(visitor("new", age=10), limit=2) == ["oldest"]
    assert await presence.enter(visitor("newest"), limit=2) == ["oldest", "older"]
    assert await presence.enter(visitor("other", "bob"), limit=2) == []


async def test_the_connection_that_enters_is_never_the_one_to_be_closed(presence):
    await presence.enter(visitor("c1", age=0), limit=1)

    assert await presence.enter(visitor("late", age=99), limit=1) == ["c1"]


async def test_a_limit_of_zero_is_no_limit(presence):
    for number in range(30):
        assert await presence.enter(visitor(f"c{number}"), limit=0) == []

    assert await presence.counts() == (1, 30)


async def test_find_answers_the_earliest_since_and_what_the_newest_token_says(presence):
    await presence.enter(visitor("c2", age=5, name="Ann B", roles=["admin"], topics=["deals"]), limit=0)
    await presence.enter(visitor("c1", age=50, name="Ann A", topics=["old"]), limit=0)

    assert await presence.find("ann") == Online(
        user="ann",
        name="Ann B",
        roles=("admin",),
        topics=("deals",),
        connections=2,
        since=START - timedelta(seconds=50),
    )
    assert await presence.find("an") is None
    assert await presence.find("anna") is None


async def test_within_the_grace_a_user_is_offline(presence, clock):
    await presence.enter(visitor("c1"), limit=0)
    await presence.leave("c1", now=clock.now)

    assert await presence.find("ann") is None
    assert await presence.counts() == (0, 0)
    assert (await presence.roster(after=None, limit=10)).online == ()


async def test_the_roster_comes_in_pages_ordered_by_user_with_the_counts_of_all(presence):
    users = ["zoë", "ann", "ann b", "Ann", "名前", "😀", "a}{b"]
    for user in users:
        await presence.enter(visitor(f"c-{user}", user), limit=0)
    await presence.enter(visitor("second", "ann"), limit=0)

    seen: list[str] = []
    after = None
    while True:
        page = await presence.roster(after=after, limit=2)
        assert (page.users, page.connections) == (7, 8)
        assert len(page.online) <= 2
        seen += [each.user for each in page.online]
        if page.next is None:
            break
        after = page.next

    assert seen == sorted(users)


async def test_a_page_that_ends_exactly_has_no_next(presence):
    await presence.enter(visitor("c1", "a"), limit=0)
    await presence.enter(visitor("c2", "b"), limit=0)

    assert (await presence.roster(after=None, limit=2)).next is None
    assert (await presence.roster(after=None, limit=1)).next == "a"


async def test_the_roster_can_be_narrowed_to_a_prefix(presence):
    for user in ("ann", "anna", "an", "bob", "annÿ", "ann😀", "Ann"):
        await presence.enter(visitor(f"c-{user}", user), limit=0)

    async def names(**query) -> list[str]:
        return [each.user for each in (await presence.roster(**query)).online]

    assert await names(after=None, limit=10, prefix="ann") == ["ann", "anna", "annÿ", "ann😀"]
    assert await names(after="anna", limit=10, prefix="ann") == ["annÿ", "ann😀"]
    assert await names(after="Zed", limit=10, prefix="ann") == ["ann", "anna", "annÿ", "ann😀"]
    assert await names(after="b", limit=10, prefix="ann") == []
    assert await names(after=None, limit=2, prefix="ann") == ["ann", "anna"]
    assert (await presence.roster(after=None, limit=4, prefix="ann")).next is None


async def test_stop_takes_the_connections_out_announces_who_left_and_can_be_repeated(
    presence, announced, clock
):
    await presence.enter(visitor("c1", "ann"), limit=0)
    await presence.enter(visitor("c2", "bob"), limit=0)
    await presence.leave("c2", now=clock.now)

    await presence.stop()
    await presence.stop()

    assert sorted(announced.brief()) == [
        ("Joined", "ann"), ("Joined", "bob"), ("Left", "ann"), ("Left", "bob"),
    ]  # fmt: skip


async def test_an_announcement_that_fails_does_not_stop_presence(presence, announced, caplog):
    announced.fails = True
    await presence.enter(visitor("c1", "ann"), limit=0)
    await presence.enter(visitor("c2", "bob"), limit=0)
    await presence.sweep()

    assert announced.brief() == [("Joined", "ann"), ("Joined", "bob")]
    assert await presence.counts() == (2, 2)
    assert "presence announcement failed" in caplog.text


# What a task must do by itself, in real time


@pytest.fixture(params=["local", "redis", "valkey"])
async def watching(request, url_of, prefix, announced) -> AsyncIterator[Presence]:
    made: Presence
    if request.param == "local":
        made = LocalPresence(grace_seconds=GRACE)
    else:
        made = RedisPresence(url_of(request.param), node_id="n1", prefix=prefix, grace_seconds=GRACE)
    await made.start(announced)
    yield made
    await made.stop()


async def test_departures_are_announced_by_themselves_when_they_fall_due(watching, announced):
    await watching.enter(visitor("c1", "ann"), limit=0)
    await watching.enter(visitor("c2", "bob"), limit=0)
    await until(lambda: len(announced) == 2)
    began = time.monotonic()
    await watching.leave("c1", now=datetime.now(UTC))
    await watching.leave("c2", now=datetime.now(UTC))

    await until(lambda: len(announced) == 4)

    assert GRACE - 0.02 <= time.monotonic() - began < GRACE + 2
    assert sorted(announced.brief()[2:]) == [("Left", "ann"), ("Left", "bob")]
