"""Whatever fails, every notification answered 2xx reaches everyone entitled to it: once per connection, in order.

Each fault is inflicted on three nodes under load; at the end a table tells what it came to. Two more promises are held
under the same faults: the admins are told of who comes and goes, once and in turn; and every mail ends.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults import mail
from tests.faults.cluster import Cluster, Crowd, cluster
from tests.faults.presence import ADMINS, announcements, heard, repeated
from tests.faults.witness import Verdict
from tests.support.smtp import Wait

FAULT_SECONDS = 20
LONGEST_DELAY_SECONDS = 35
SETTLE_SECONDS = 45
MAIL_SETTLE_SECONDS = 120
PRESENCE_TTL_SECONDS = 10
GHOST_SECONDS = PRESENCE_TTL_SECONDS + 5
SETTINGS = {
    "DRAIN_SECONDS": "8",
    "PRESENCE_TTL": f"{PRESENCE_TTL_SECONDS}",
    "LOG_LEVEL": "warning",
    # The first wait quadruples with every attempt: with this, mail outlives half a minute without a relay and ends
    # before the suite does.
    "MAIL_RETRY": "0.5s",
    "MAIL_LEASE": "30s",
}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

Inflict = Callable[[Cluster], Coroutine[Any, Any, None]]


async def no_fault(here: Cluster) -> None:
    """The measure of the others."""
    del here


async def mail_server_away(here: Cluster) -> None:
    """The mail server is down for thirty seconds, and then answers 421, 450 and 550 at random."""
    await here.post.refuse()
    await asyncio.sleep(30)
    mail.moody(here.relay, recipients=400)
    await here.post.listen()


async def mail_worker_killed(here: Cluster) -> None:
    """A node is killed when the relay has taken its mails, and the store does not answer that they be settled."""
    taken = asyncio.Event()
    held = 8
    here.relay.on("CONTENT", *[Wait(taken)] * held)
    with contextlib.suppress(TimeoutError):
        await here.relay.until(lambda: not here.relay.script["CONTENT"])
    here.mongod.pause()
    await asyncio.sleep(0.3)
    before = len(here.relay.received)
    taken.set()
    with contextlib.suppress(TimeoutError):
        await here.relay.until_received(before + held)
    await asyncio.sleep(0.3)
    await here.kill(0)
    here.mongod.resume()
    await asyncio.sleep(3)
    await here.nodes[0].start()


async def node_killed(here: Cluster) -> None:
    """kill -9 of a node, and its restart five seconds later."""
    await here.kill(0)
    await asyncio.sleep(5)
    await here.nodes[0].start()


async def publisher_killed(here: Cluster) -> None:
    """A node stores and answers, but nothing that it publishes arrives; then it is killed, with that unsaid."""
    here.bus.mute = True
    await asyncio.sleep(1)
    await here.kill(-1)
    here.bus.mute = False
    await asyncio.sleep(3)
    await here.nodes[-1].start()


async def listener_deaf(here: Cluster) -> None:
    """Nothing arrives at a node's subscribed connections for fifteen seconds, and they stay open."""
    here.bus.deaf = True
    await asyncio.sleep(15)
    here.bus.deaf = False


async def redis_restarted_empty(here: Cluster) -> None:
    """Redis is killed, and is back after five seconds without its memory."""
    here.redis.kill()
    await asyncio.sleep(5)
    await asyncio.to_thread(here.redis.start)


async def redis_paused(here: Cluster) -> None:
    """Redis answers nothing for fifteen seconds, with its connections open."""
    here.redis.pause()
    await asyncio.sleep(15)
    here.redis.resume()


async def subscribers_killed(here: Cluster) -> None:
    """Redis closes all subscribed connections every second."""
    async with Redis.from_url(here.redis.url) as admin:
        for _ in range(FAULT_SECONDS - 4):
            with contextlib.suppress(RedisError):
                await admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(1)


async def store_restarted(here: Cluster) -> None:
    """MongoDB is killed as by a crash, and is back after three seconds."""
    here.mongod.kill()
    await asyncio.sleep(3)
    await asyncio.to_thread(here.mongod.start)


async def store_steps_down(here: Cluster) -> None:
    """The primary steps down, and is elected again some seconds later."""
    async with AsyncMongoClient(here.mongod.url) as admin:
        with contextlib.suppress(PyMongoError):
            await admin.admin.command("replSetStepDown", 5, force=True)


async def node_paused(here: Cluster) -> None:
    """A node stands still for twenty seconds, and goes on as if nothing had been."""
    here.nodes[1].signal(signal.SIGSTOP)
    await asyncio.sleep(20)
    here.nodes[1].signal(signal.SIGCONT)


async def rolling_restart(here: Cluster) -> None:
    """SIGTERM to one node after the other, each restarted when it has ended."""
    for node in here.nodes:
        assert await node.terminate() == 0
        await node.start()


FAULTS: list[Inflict] = [
    no_fault,
    # Early, because what they delay has until the end of the suite.
    mail_server_away,
    mail_worker_killed,
    node_killed,
    publisher_killed,
    listener_deaf,
    redis_restarted_empty,
    redis_paused,
    subscribers_killed,
    store_restarted,
    store_steps_down,
    node_paused,
    rolling_restart,
]


@dataclass(slots=True)
class Row:
    """What one fault came to."""

    fault: str
    verdict: Verdict = field(default_factory=Verdict)
    announced: int = 0
    announced_again: int = 0
    wrongly_left: int = 0
    ghost_seconds: float = 0.0

    def text(self) -> str:
        v = self.verdict
        refused = ", ".join(f"{count} {name}" for name, count in sorted(v.refused.items())) or "0"
        return (
            f"{self.fault:<22}{v.answered:>9}{v.delivered:>11}{v.lost:>6}{v.duplicated:>12}{v.out_of_order:>14}"
            f"{v.longest_delay_seconds:>12.1f} s{v.returns:>9}{self.announced:>11}{self.announced_again:>7}"
            f"{self.wrongly_left:>13}{self.ghost_seconds:>10.1f} s   {refused}"
        )


HEADER = (
    f"{'fault':<22}{'answered':>9}{'delivered':>11}{'lost':>6}{'duplicated':>12}{'out of order':>14}"
    f"{'longest delay':>14}{'returns':>9}{'announced':>11}{'again':>7}{'left falsely':>13}{'ghosts for':>12}   refused"
)
MAIL_HEADER = f"{'mail':<22}{'sent':>9}{'dead':>11}{'owed':>6}{'repeated':>12}   dead because"


@dataclass(slots=True)
class Results:
    rows: list[Row] = field(default_factory=list)
    mails: dict[str, mail.MailVerdict] = field(default_factory=dict)

    def text(self) -> str:
        lines = ["", HEADER, *(row.text() for row in self.rows), "", MAIL_HEADER]
        for fault, verdict in sorted(self.mails.items()):
            ended = verdict.ended
            reasons = "; ".join(
                f"{count} × {reason}" for reason, count in verdict.dead_because.most_common(3)
            )
            lines.append(
                f"{fault:<22}{ended['sent']:>9}{ended['dead']:>11}{ended['pending'] + ended['leased']:>6}"
                f"{verdict.repeats:>12}   {reasons}"
            )
        return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def results() -> Results:
    return Results()


@pytest.fixture(scope="module", autouse=True)
def _show(results: Results, show: Callable[[str], None]) -> Iterator[None]:
    yield
    show(results.text())


@pytest.fixture(scope="module")
def show(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints past the capturing of output: the table is what the suite is for."""
    manager = request.config.pluginmanager.getplugin("capturemanager")

    def past_capturing(text: str) -> None:
        with manager.global_and_fixture_disabled():
            print(text, flush=True)

    return past_capturing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path_factory.mktemp("faults"), **SETTINGS) as started:
        yield started


@pytest.mark.parametrize("inflict", FAULTS, ids=lambda fault: fault.__name__)
async def test_nothing_is_lost_repeated_or_disordered(here: Cluster, results: Results, inflict: Inflict):
    """Zeros in lost, duplicated and out of order; nobody waits longer than 35 seconds; presence tells the truth."""
    row = Row(inflict.__name__)
    results.rows.append(row)
    told_before = announcements(here.admins)
    async with here.crowd(row.fault) as crowd:
        load = here.load(row.fault)
        running = asyncio.create_task(load.run(FAULT_SECONDS), name="load")
        await asyncio.sleep(1)

        fault = asyncio.create_task(inflict(here), name="fault")
        await asyncio.sleep(2)
        await crowd.leave()
        await fault
        # From here on everything works again: what the fault has left behind has to go.
        ghosts = asyncio.create_task(_ghosts_gone(here, crowd), name="ghosts")
        await running

        row.verdict = await here.settled(crowd, load, seconds=SETTLE_SECONDS)
        row.ghost_seconds = await ghosts
        told = announcements(here.admins)
        again = [user for user in told if repeated(told[user]) > repeated(told_before.get(user, []))]
        wrongly_left = [each.user for each in crowd.witnesses if told.get(each.user, [])[-1:] != ["joined"]]
        row.announced, row.announced_again, row.wrongly_left = (
            sum(len(told[user]) - len(told_before.get(user, [])) for user in told),
            len(again),
            len(wrongly_left),
        )
    # The next fault begins with nobody there, so that nobody's leave of this one is its business.
    await _rosters_are(_admins_of(here), here, seconds=GHOST_SECONDS)

    assert load.given_up == 0
    assert row.verdict.answered > FAULT_SECONDS * 100
    assert (row.verdict.lost, row.verdict.duplicated, row.verdict.out_of_order) == (0, 0, 0)
    assert row.verdict.longest_delay_seconds < LONGEST_DELAY_SECONDS
    assert row.ghost_seconds < GHOST_SECONDS
    assert not again, {user: heard(here.admins, user) for user in again[:3]}
    assert not wrongly_left, {user: heard(here.admins, user) for user in wrongly_left[:3]}


async def test_every_mail_ended_with_a_reason(here: Cluster, results: Results):
    """Sent or dead; received as often as sent, but for those whose worker was killed between the 250 and the settling."""
    ended = await mail.settled(here.mail_page, seconds=MAIL_SETTLE_SECONDS)

    results.mails = await mail.judge(here.mail_page, here.relay, here.killed_at)

    assert ended
    for fault, verdict in results.mails.items():
        judged = (verdict.unexplained, verdict.sent_and_never_received, verdict.unexcused)
        assert judged == (0, 0, 0), fault


async def _ghosts_gone(here: Cluster, crowd: Crowd) -> float:
    """Wait until every node's roster names exactly those who are connected; answers how long that took."""
    expected = {each.user: 1 for each in crowd.witnesses} | _admins_of(here)
    # A little longer than is allowed, so that the table can say how much.
    return await _rosters_are(expected, here, seconds=2 * GHOST_SECONDS)


async def _rosters_are(expected: dict[str, int], here: Cluster, *, seconds: float) -> float:
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with contextlib.suppress(OSError, TimeoutError, aiohttp.ClientError):
            if all(roster == expected for roster in await here.rosters()):
                break
        await asyncio.sleep(0.25)
    return time.monotonic() - began


def _admins_of(here: Cluster) -> dict[str, int]:
    return {f"{ADMINS}{number}": 1 for number in range(len(here.admins))}
