"""Events under a digest, while nodes and workers are killed, and Redis and MongoDB go away in turn.

A few hundred of them; `BELLHOP_TEST_DIGEST_EVENTS=10000` makes it ten thousand, for a thousand users.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.faults.digests import Office, office, suffer
from tests.support.smtp import Wait

EVENTS = int(os.environ.get("BELLHOP_TEST_DIGEST_EVENTS", "600"))
USERS = EVENTS // 10
EVERY_SECONDS = max(15.0, EVENTS / 160)
LOAD_SECONDS = 30 + EVENTS / 100


async def node_killed(here: Office) -> None:
    """kill -9 of a node, and its return."""
    await here.nodes[0].kill()
    await asyncio.sleep(3)
    await here.nodes[0].start()


async def worker_killed(here: Office) -> None:
    """kill -9 of what only mails."""
    await here.workers[0].kill()
    await asyncio.sleep(3)
    await here.workers[0].start()


async def bus_away(here: Office) -> None:
    """Redis is killed, and comes back empty."""
    here.redis.kill()
    await asyncio.sleep(5)
    await asyncio.to_thread(here.redis.start)


async def store_away(here: Office) -> None:
    """MongoDB is killed, and comes back."""
    here.mongod.kill()
    await asyncio.sleep(4)
    await asyncio.to_thread(here.mongod.start)
    await here.store_is_back()


async def most_killed(here: Office) -> None:
    """kill -9 of all but one node, at once."""
    victims = [*here.nodes[1:], *here.workers]
    await asyncio.gather(*(victim.kill() for victim in victims))
    await asyncio.sleep(2)
    for victim in victims:
        await victim.start()


async def killed_before_it_is_written_down(here: Office) -> None:
    """The relay takes mails, and all who sent them are killed before the store has heard of it: these repeat."""
    taken = asyncio.Event()
    held = 6
    here.relay.on("CONTENT", *[Wait(taken)] * held)
    await here.relay.until(lambda: len(here.relay.waiting) >= held)
    here.mongod.kill()
    before = len(here.relay.received)
    taken.set()
    await here.relay.until_received(before + held)
    await asyncio.gather(*(each.kill() for each in (*here.nodes, *here.workers)))
    await asyncio.to_thread(here.mongod.start)
    await here.store_is_back()
    for each in (*here.nodes, *here.workers):
        await each.start()


@pytest.mark.timeout(1800)
async def test_every_event_is_in_one_digest_or_decided_away_whatever_fails(
    tmp_path: Path, capsys, monkeypatch
):
    # The machine may have others to serve.
    monkeypatch.setattr("tests.support.gateway.START_SECONDS", 600)
    monkeypatch.setattr("tests.support.smtp.DEADLINE_SECONDS", 600)
    async with office(tmp_path, nodes=2, workers=1, every=EVERY_SECONDS) as here:
        verdict = await suffer(
            here,
            events=EVENTS,
            users=USERS,
            seconds=LOAD_SECONDS,
            faults=[
                node_killed, worker_killed, bus_away, store_away, most_killed, killed_before_it_is_written_down,
            ],
        )  # fmt: skip

    with capsys.disabled():
        print(f"\n{verdict}")  # noqa: T201 - what it came to
    assert not verdict.wrong, verdict.wrong[:20]
    assert verdict.answered == EVENTS
    assert verdict.merged + verdict.left_out.total() == EVENTS
    assert verdict.left_out["unless"] > 0
    assert verdict.repeats >= 1, "some were killed between the relay's 250 and the store"
