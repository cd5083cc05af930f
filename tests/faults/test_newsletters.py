"""A newsletter over three nodes, with everything that can go meanwhile: every recipient one Message-ID, and the accounting exact.

Five times the node that leads is killed, the relay is away for a while, and MongoDB elects another primary.
One is cancelled in the moment in which the node that leads it is killed.
`BELLHOP_TEST_RECIPIENTS` says how many recipients there are.
"""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from tests.journeys.news import catalog, fill, make, people, sums, told
from tests.support import servers
from tests.support.gateway import Gateway, GatewayProcess
from tests.support.members import Members, replica_set
from tests.support.proxy import Proxy
from tests.support.smtp import SMTPRelay

RECIPIENTS = int(os.environ.get("BELLHOP_TEST_RECIPIENTS", "2000"))
AWAY_SECONDS = 60 if RECIPIENTS >= 20_000 else 3
PART = 5000
"""Lines of an import that are sent at once, as by `bellhop campaign import`."""
NODES = 3
AT_ONCE = 8
"""Mails that a node has under way."""
MESSAGE_ID = re.compile(rb"(?mi)^Message-ID: *(<[^>]+>)")
DECIDED = re.compile(r"(?m)^bellhop_campaign_recipients_total\{[^}]*\} (\S+)$")
DEADLINE_SECONDS = 120 + RECIPIENTS / 10

pytestmark = [pytest.mark.timeout(300 + RECIPIENTS / 5)]


@dataclass(slots=True)
class Newsroom:
    nodes: Sequence[GatewayProcess]
    members: Members
    relay: SMTPRelay
    post: Proxy
    """What the nodes speak through to the relay."""
    seen: dict[int, float] = field(default_factory=dict)
    """Of each process, for how many recipients it had decided when it was last looked at."""

    async def until_received(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.relay.received) < count:
                await asyncio.sleep(0.05)

    async def leading(self) -> GatewayProcess:
        """The node that has decided for most recipients since this was last asked."""
        grown: dict[int, float] = {}
        for place, node in enumerate(self.nodes):
            decided = sum(map(float, DECIDED.findall(str((await node.gateway.ask("GET", "/metrics")).body))))
            grown[place] = decided - self.seen.get(node.pid, 0)
            self.seen[node.pid] = decided
        return self.nodes[max(grown, key=grown.__getitem__)]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Newsroom]:
    """Three nodes on three members of MongoDB, and one Redis."""
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(SMTPRelay())
        post = Proxy(relay.port)
        await post.listen()
        stack.push_async_callback(post.refuse)
        members = stack.enter_context(replica_set(elects=True))
        settings = {
            "STORE_URL": members.url,
            "BUS_URL": stack.enter_context(servers.redis()).url,
            "MAIL_URL": f"smtp://127.0.0.1:{post.port}?starttls=never",
            "MAIL_LEASE": "5",
            "MAIL_RETRY": "1s",
            "BULK_CONCURRENCY": str(AT_ONCE),
            "CATALOG": catalog(tmp_path),
        }
        nodes = [GatewayProcess(tmp_path, NODE_ID=f"node-{n}", **settings) for n in range(NODES)]
        for node in nodes:
            stack.push_async_callback(node.close)
            await node.start()
        yield Newsroom(nodes, members, relay, post)


async def leader_killed(here: Newsroom) -> None:
    node = await here.leading()
    await node.kill()
    await node.start()


async def relay_away(here: Newsroom) -> None:
    await here.post.refuse()
    await asyncio.sleep(AWAY_SECONDS)
    await here.post.listen()


async def primary_killed(here: Newsroom) -> None:
    """Another member is elected; then the one that was killed comes back."""
    async with AsyncMongoClient(here.members.url, serverSelectionTimeoutMS=500) as admin:
        before = await _primary(admin)
        assert before is not None
        first = next(each for each in here.members.all if each.port == before)
        first.kill()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (await _primary(admin)) in (None, before):
                await asyncio.sleep(0.1)
    await asyncio.to_thread(first.start)


async def _primary(admin: AsyncMongoClient[dict[str, Any]]) -> int | None:
    """The port of the member that takes writes; None while there is none."""
    with contextlib.suppress(PyMongoError):
        told = await admin.admin.command("hello")
        return int(told["me"].rpartition(":")[2]) if told["isWritablePrimary"] else None
    return None


FAULTS: Sequence[Callable[[Newsroom], Awaitable[None]]] = (
    leader_killed,
    leader_killed,
    relay_away,
    leader_killed,
    primary_killed,
    leader_killed,
    leader_killed,
)
REPEATED_AT_MOST = AT_ONCE * sum(1 if fault is leader_killed else NODES for fault in FAULTS)
"""What the relay had taken and nobody could note: of the node that was killed, or of all."""


async def test_every_recipient_has_one_message_id_whatever_fails(
    room: Newsroom, capsys: pytest.CaptureFixture[str]
):
    first, relay = room.nodes[0], room.relay
    id_ = await make(first.gateway)
    before = psutil.Process(first.pid).memory_info().rss
    began = time.monotonic()
    everybody = people(RECIPIENTS)
    added = 0
    for start in range(0, RECIPIENTS, PART):
        added += (await fill(first.gateway, id_, everybody[start : start + PART]))["added"]
    seconds = time.monotonic() - began
    grown = psutil.Process(first.pid).memory_info().rss - before
    assert added == RECIPIENTS

    began = time.monotonic()
    await told(first.gateway, "POST", f"/{id_}/start")
    for place, fault in enumerate(FAULTS, 1):
        await room.until_received(RECIPIENTS * place // (len(FAULTS) + 2))
        with capsys.disabled():
            print(
                f"\n{time.monotonic() - began:6.1f} s: {len(relay.received)} received, {fault.__name__}",
                flush=True,
            )
        await fault(room)
    accounting = await _over(first.gateway, id_, "finished")
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
            f"with {len(FAULTS)} faults, {repeated} repeated under their Message-ID; {accounting}"
        )
    assert sums(accounting) == {"sent": RECIPIENTS}
    assert len(ids) == RECIPIENTS
    assert all(len(of_one) == 1 for of_one in ids.values())
    assert len(set().union(*ids.values())) == RECIPIENTS
    assert repeated <= REPEATED_AT_MOST


async def test_cancelled_as_the_leading_node_is_killed_nothing_leaves_but_what_was_under_way(room: Newsroom):
    first, relay = room.nodes[0], room.relay
    id_ = await make(first.gateway)
    await fill(first.gateway, id_, people(RECIPIENTS))
    await told(first.gateway, "POST", f"/{id_}/start")
    # So early that some are not decided for: as many as that are owed at once.
    await room.until_received(RECIPIENTS // 3)
    leader = await room.leading()
    other = next(node for node in room.nodes if node is not leader)

    cancelled, _ = await asyncio.gather(told(other.gateway, "POST", f"/{id_}/cancel"), leader.kill())
    by_then = len(relay.received)
    await leader.start()
    accounting = await _over(other.gateway, id_, "cancelled")

    late = len(relay.received) - by_then
    addresses = {received.recipients[0] for received in relay.received}
    counted = sums(accounting)
    assert counted.keys() == {"sent", "cancelled"}
    assert sum(counted.values()) == RECIPIENTS
    assert 0 < cancelled["cancelled"] <= counted["cancelled"]
    assert late <= min(cancelled["under_way"], NODES * AT_ONCE)
    # Nobody is sent it twice; what the relay has taken of the node that was killed, nobody could note.
    assert len(addresses) == len(relay.received)
    assert 0 <= len(addresses) - counted["sent"] <= AT_ONCE


async def _over(here: Gateway, id_: str, state: str) -> dict[str, int]:
    """The accounting, once it has come to that state and nobody is to come any more."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            found = await told(here, "GET", f"/{id_}")
            accounting: dict[str, int] = found["accounting"]
            if found["state"] == state and not accounting["owed"] and not accounting["pending"]:
                return accounting
            await asyncio.sleep(0.2)
