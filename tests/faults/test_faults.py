"""Whatever fails, every notification answered 2xx reaches everyone entitled to it: once per connection, in order.

Each fault is inflicted on three nodes under load; at the end a table tells what it came to. Two more promises are held
under the same faults: the admins are told of who comes and goes, once and in turn; and every mail ends.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults import mail
from tests.faults.cluster import Cluster, Crowd, cluster
from tests.faults.presence import ADMINS, PresenceVerdict
from tests.faults.presence import judge as judge_presence
from tests.faults.witness import Verdict
from tests.support.smtp import Wait

FAULT_SECONDS = 20
LONGEST_DELAY_SECONDS = 35
SETTLE_SECONDS = 45
MAIL_SETTLE_SECONDS = 240
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
    async with here.post_away():
        await asyncio.sleep(30)
        mail.moody(here.relay, recipients=400)


async def mail_worker_killed(here: Cluster) -> None:
    """A node is killed when the relay has taken its mails, and the store is not there to be told."""
    taken = asyncio.Event()
    held = 12
    here.relay.on("CONTENT", *[Wait(taken)] * held)
    await here.relay.until(lambda: len(here.relay.waiting) == held)
    victim = here.node_of(Counter(here.relay.waiting).most_common(1)[0][0])
    async with here.store_away():
        here.mongod.kill()
        before = len(here.relay.received)
        taken.set()
        await here.relay.until_received(before + held)
        await here.kill(victim)
        await asyncio.to_thread(here.mongod.start)
    await here.nodes[victim].start()


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
    async with here.store_away():
        here.mongod.kill()
        await asyncio.sleep(3)
        await asyncio.to_thread(here.mongod.start)


async def store_steps_down(here: Cluster) -> None:
    """The primary steps down, and is elected again some seconds later."""
    async with here.store_away(), AsyncMongoClient(here.mongod.url) as admin:
        with contextlib.suppress(PyMongoError):
            await admin.admin.command("replSetStepDown", 5, force=True)


async def node_paused(here: Cluster) -> None:
    """A node stands still for twenty seconds, and goes on as if nothing had been."""
    await here.stop(1, seconds=20)


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
class Rosters:
    """How long after a fault the nodes' rosters were not yet what they should be."""

    ghost_seconds: float = 0.0
    """Some roster named somebody who was not there, or more of somebody's connections than there were."""
    incomplete_seconds: float = 0.0
    """Some roster left somebody out, or was not to be had."""
    last: str = ""
    """What was wrong when it was last."""


@dataclass(slots=True)
class Row:
    """What one fault came to."""

    fault: str
    verdict: Verdict = field(default_factory=Verdict)
    presence: PresenceVerdict = field(default_factory=lambda: PresenceVerdict(0, [], [], []))
    rosters: Rosters = field(default_factory=Rosters)

    def text(self) -> str:
        v, p = self.verdict, self.presence
        refused = ", ".join(f"{count} {name}" for name, count in sorted(v.refused.items())) or "0"
        return (
            f"{self.fault:<22}{v.answered:>9}{v.delivered:>11}{v.lost:>6}{v.duplicated:>12}{v.out_of_order:>14}"
            f"{v.longest_delay_seconds:>12.1f} s{v.returns:>9}{p.announced:>11}{len(p.out_of_turn):>13}"
            f"{len(p.wrongly_left) + len(p.last_left):>14}{self.rosters.ghost_seconds:>10.1f} s"
            f"{self.rosters.incomplete_seconds:>14.1f} s   {refused}"
        )


HEADER = (
    f"{'fault':<22}{'answered':>9}{'delivered':>11}{'lost':>6}{'duplicated':>12}{'out of order':>14}"
    f"{'longest delay':>14}{'returns':>9}{'announced':>11}{'out of turn':>13}{'falsely left':>14}{'ghosts for':>12}"
    f"{'incomplete for':>16}   refused"
)
MAIL_HEADER = f"{'mail':<22}{'sent':>9}{'dead':>11}{'owed':>6}{'repeated':>12}   because; dead because"


@dataclass(slots=True)
class Results:
    rows: list[Row] = field(default_factory=list)
    mails: dict[str, mail.MailVerdict] = field(default_factory=dict)

    def text(self) -> str:
        lines = ["", HEADER, *(row.text() for row in self.rows), "", MAIL_HEADER]
        for fault, verdict in sorted(self.mails.items()):
            ended = verdict.ended
            repeats = Counter(verdict.excused) + Counter({"no reason": len(verdict.unexcused)})
            reasons = [
                ", ".join(f"{count} {what}" for what, count in repeats.items()),
                ", ".join(f"{count} × {what}" for what, count in verdict.dead_because.most_common(3)),
            ]
            lines.append(
                f"{fault:<22}{ended['sent']:>9}{ended['dead']:>11}{ended['pending'] + ended['leased']:>6}"
                f"{repeats.total():>12}   {'; '.join(reasons)}"
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
    marks = [admin.mark() for admin in here.admins]
    async with here.crowd(row.fault) as crowd:
        load = here.load(row.fault)
        running = asyncio.create_task(load.run(FAULT_SECONDS), name="load")
        await asyncio.sleep(1)

        fault = asyncio.create_task(inflict(here), name="fault")
        await asyncio.sleep(2)
        await crowd.leave()
        await fault
        # From here on everything works again: what the fault has left behind has to go.
        rosters = asyncio.create_task(_rosters_right(here, crowd), name="rosters")
        await running

        row.verdict = await here.settled(crowd, load, seconds=SETTLE_SECONDS)
        row.rosters = await rosters
        row.presence = await _presence_told(here, crowd, marks)
    # The next fault begins with nobody there, so that nobody's leave of this one is its business.
    await _watch_rosters(here, _admins_of(here))

    assert load.given_up == 0
    assert row.verdict.answered > FAULT_SECONDS * 100
    assert (row.verdict.lost, row.verdict.duplicated, row.verdict.out_of_order) == (0, 0, 0)
    assert row.verdict.longest_delay_seconds < LONGEST_DELAY_SECONDS
    assert row.rosters.ghost_seconds < GHOST_SECONDS, row.rosters.last
    assert row.rosters.incomplete_seconds < GHOST_SECONDS, row.rosters.last
    assert (row.presence.out_of_turn, row.presence.wrongly_left, row.presence.last_left) == ([], [], [])


async def test_every_mail_ended_with_a_reason(here: Cluster, results: Results):
    """Sent or dead; received as often as sent, but where nobody could note what the relay had taken."""
    ended = await mail.settled(here.mail_page, seconds=MAIL_SETTLE_SECONDS)

    results.mails = await mail.judge(here.mail_page, here.relay, here.hindrances)

    assert ended
    for fault, verdict in results.mails.items():
        judged = (verdict.unexplained, verdict.sent_and_never_received, verdict.unexcused)
        assert judged == (0, 0, []), (fault, here.hindrances)
    # What was taken and never noted goes out again. Where a worker was killed over it that was certain, though what it held
    # may have been mail of the fault before.
    killed_over = (mail_server_away, mail_worker_killed)
    assert sum(results.mails[fault.__name__].excused["killed"] for fault in killed_over) > 0


async def _rosters_right(here: Cluster, crowd: Crowd) -> Rosters:
    """Wait until every node's roster names exactly those who are connected."""
    return await _watch_rosters(here, {each.user: 1 for each in crowd.witnesses} | _admins_of(here))


async def _watch_rosters(here: Cluster, expected: dict[str, int]) -> Rosters:
    seen = Rosters()
    began = time.monotonic()
    # Longer than is allowed, so that the table can say how much.
    while (elapsed := time.monotonic() - began) < 2 * GHOST_SECONDS:
        wrong = ""
        for node, roster in enumerate(await here.rosters()):
            ghosts = [user for user, count in (roster or {}).items() if count > expected.get(user, 0)]
            absent = [user for user, count in expected.items() if count > (roster or {}).get(user, 0)]
            if ghosts:
                seen.ghost_seconds = elapsed
            if absent:
                seen.incomplete_seconds = elapsed
            if ghosts or absent:
                wrong = seen.last = f"node {node}: too many {ghosts[:5]}, too few {absent[:5]}"
        if not wrong:
            break
        await asyncio.sleep(0.25)
    return seen


async def _presence_told(here: Cluster, crowd: Crowd, marks: Sequence[tuple[int, int]]) -> PresenceVerdict:
    """Judge what the admins were told, when what is true has had the time to reach them."""
    deadline = time.monotonic() + GHOST_SECONDS
    while True:
        verdict = judge_presence(
            here.admins,
            marks,
            crowd.witnesses,
            stood_still=here.stood_still,
            ttl_seconds=PRESENCE_TTL_SECONDS,
        )
        if not verdict.last_left or time.monotonic() > deadline:
            return verdict
        await asyncio.sleep(0.25)


def _admins_of(here: Cluster) -> dict[str, int]:
    return {f"{ADMINS}{number}": 1 for number in range(len(here.admins))}
