"""The probes: alive as long as the process answers, ready only when it can do its job."""

import asyncio
from pathlib import Path

import pytest

from gateway.cluster.bus.local import LocalBus
from gateway.cluster.part import BusPart, PresencePart
from gateway.cluster.presence.local import LocalPresence
from gateway.http import health
from gateway.http.health import Health
from storage.errors import StoreUnavailable
from tests.support.gateway import gateway
from tests.support.servers import free_port


class Store:
    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.error = error
        self.hangs = hangs

    async def ping(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


class DeafBus(LocalBus):
    def reasons(self) -> list[str]:
        return ["no canary for 12 s"]


class Blind(LocalPresence):
    def reasons(self) -> list[str]:
        return ["Redis does not tell who is online: OOM"]


def _unheard(*_: object) -> None:
    raise AssertionError("nothing happens here")


async def test_a_node_whose_store_and_bus_work_has_no_reason_against_it():
    assert await Health(Store()).reasons() == []


async def test_every_reason_is_given():
    probed = Health(Store(StoreUnavailable("connection refused")))
    probed.draining = True
    bus = BusPart(DeafBus(), receive=_unheard, carry_out=_unheard, returned=_unheard)
    for part in (bus, PresencePart(Blind(), _unheard)):
        probed.watch(part.unready)

    assert await probed.reasons() == [
        "draining",
        "store: connection refused",
        "bus: no canary for 12 s",
        "presence: Redis does not tell who is online: OOM",
    ]


async def test_a_store_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(health, "PING_SECONDS", 0.01)

    assert await Health(Store(hangs=True)).reasons() == ["store: no answer"]


async def test_an_error_that_is_nobodys_absence_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        await Health(Store(ZeroDivisionError())).reasons()


async def test_a_draining_node_is_alive_and_not_ready(tmp_path: Path):
    async with gateway(tmp_path) as site:
        assert (await site.ask("GET", "/readyz")).body == {"status": "ready", "reasons": []}
        assert site.node is not None
        site.node.health.draining = True

        ready, alive = await site.ask("GET", "/readyz"), await site.ask("GET", "/healthz")

    assert (ready.status, ready.body) == (503, {"status": "unready", "reasons": ["draining"]})
    assert (alive.status, alive.body) == (200, {"status": "alive"})


async def test_what_all_nodes_lack_at_once_need_not_count(tmp_path: Path):
    """Without Redis a node keeps and answers emits as ever: a load balancer that asks so is not left without one."""
    async with gateway(tmp_path, BUS_URL=f"redis://127.0.0.1:{free_port()}/0") as site:
        async with asyncio.timeout(10):
            while "presence: " not in str((unready := await site.ask("GET", "/readyz")).body["reasons"]):
                await asyncio.sleep(0.1)
        ready = await site.ask("GET", "/readyz?exclude=bus&exclude=presence")
        assert site.node is not None
        site.node.health.draining = True
        draining = await site.ask("GET", "/readyz?exclude=bus&exclude=presence")

    assert (unready.status, "warnings" in unready.body) == (503, False)
    assert (ready.status, ready.body) == (
        200,
        {"status": "ready", "reasons": [], "warnings": unready.body["reasons"]},
    )
    assert {reason.partition(":")[0] for reason in unready.body["reasons"]} == {"bus", "presence"}
    assert (draining.status, draining.body["reasons"]) == (503, ["draining"])
