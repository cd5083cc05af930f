"""Digests while a node is killed, and Redis and MongoDB go away: the small form of `tests/faults/test_digests.py`."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.digests import Office, office, suffer


async def node_killed(here: Office) -> None:
    """It does not come back: the other one goes on with what it held."""
    await here.nodes[1].kill()


async def all_away(here: Office) -> None:
    """Redis and MongoDB are killed together, and come back."""
    here.redis.kill()
    here.mongod.kill()
    await asyncio.to_thread(here.redis.start)
    await asyncio.to_thread(here.mongod.start)
    await here.store_is_back()


@pytest.mark.timeout(300)
async def test_a_crash_of_whatever_it_is_tells_every_event_once_or_says_why_not(tmp_path: Path):
    async with office(tmp_path, nodes=2, workers=0, every=1, lease=5) as here:
        verdict = await suffer(here, events=100, users=10, seconds=2, faults=[node_killed, all_away])

    assert not verdict.wrong, verdict.wrong[:20]
    assert verdict.answered == 100
    assert verdict.merged + verdict.left_out.total() == 100
