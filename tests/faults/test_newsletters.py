"""A newsletter over three nodes, each of which is killed in its turn: every recipient one Message-ID, and the accounting exact.

`BELLHOP_TEST_RECIPIENTS` says how many there are.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from tests.journeys.news import catalog, fill, make, people, sums, told
from tests.support import servers
from tests.support.gateway import Gateway, GatewayProcess
from tests.support.smtp import SMTPRelay

RECIPIENTS = int(os.environ.get("BELLHOP_TEST_RECIPIENTS", "2000"))
KILLS = 5
MESSAGE_ID = re.compile(rb"(?mi)^Message-ID: *(<[^>]+>)")
DEADLINE_SECONDS = 120 + RECIPIENTS / 10

pytestmark = [pytest.mark.timeout(300 + RECIPIENTS / 5)]


@pytest.fixture
async def relay() -> AsyncIterator[SMTPRelay]:
    async with SMTPRelay() as started:
        yield started


@pytest.fixture
async def nodes(tmp_path: Path, relay: SMTPRelay) -> AsyncIterator[list[GatewayProcess]]:
    """Three, on one MongoDB and one Redis."""
    async with AsyncExitStack() as stack:
        settings = {
            "STORE_URL": stack.enter_context(servers.mongod()).url,
            "BUS_URL": stack.enter_context(servers.redis()).url,
            "MAIL_URL": relay.url(query="starttls=never"),
            "MAIL_LEASE": "5",
            "BULK_CONCURRENCY": "8",
            "CATALOG": catalog(tmp_path),
        }
        started = [GatewayProcess(tmp_path, NODE_ID=f"node-{n}", **settings) for n in range(3)]
        for node in started:
            stack.push_async_callback(node.close)
            await node.start()
        yield started


async def test_every_recipient_has_one_message_id_whoever_is_killed(
    nodes: list[GatewayProcess], relay: SMTPRelay, capsys: pytest.CaptureFixture[str]
):
    first = nodes[0]
    id_ = await make(first.gateway)
    before = psutil.Process(first.pid).memory_info().rss
    began = time.monotonic()
    imported = await fill(first.gateway, id_, people(RECIPIENTS))
    seconds = time.monotonic() - began
    grown = psutil.Process(first.pid).memory_info().rss - before
    assert imported["added"] == RECIPIENTS

    began = time.monotonic()
    await told(first.gateway, "POST", f"/{id_}/start")
    for kill in range(KILLS):
        wanted = RECIPIENTS * (kill + 1) // (KILLS + 2)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(relay.received) < wanted:
                await asyncio.sleep(0.05)
        node = nodes[kill % len(nodes)]
        await node.kill()
        await node.start()
    accounting = await _finished(first.gateway, id_)
    took = time.monotonic() - began

    ids: dict[str, set[bytes]] = {}
    for received in relay.received:
        # Not parsed whole: there are many.
        found = MESSAGE_ID.search(received.content)
        assert found is not None
        ids.setdefault(received.recipients[0], set()).add(found[1])
    repeated = len(relay.received) - len(ids)
    with capsys.disabled():
        print(
            f"\n{RECIPIENTS} recipients: imported in {seconds:.1f} s (memory +{grown / 2**20:.0f} MiB), sent in {took:.1f} s "
            f"with {KILLS} kills, {repeated} repeated under their Message-ID; {accounting}"
        )
    assert sums(accounting) == {"sent": RECIPIENTS}
    assert len(ids) == RECIPIENTS
    assert all(len(of_one) == 1 for of_one in ids.values())
    assert len(set().union(*ids.values())) == RECIPIENTS
    assert repeated <= KILLS * 8


async def _finished(here: Gateway, id_: str) -> dict[str, int]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (found := await told(here, "GET", f"/{id_}"))["state"] != "finished":
            await asyncio.sleep(0.2)
    accounting: dict[str, int] = found["accounting"]
    return accounting
