"""Whether the process lives (`/healthz`), and whether it can do its job now (`/readyz`)."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from gateway.cluster.bus.base import Bus
from gateway.cluster.presence.base import Presence
from gateway.ground.parts import Meters, Part
from gateway.http.edge import json_response
from storage.errors import StorageError

PING_SECONDS = 2.5
"""Longer than a store's own two seconds, shorter than a probe's patience."""


class Pingable(Protocol):
    async def ping(self) -> None: ...


class Told(Protocol):
    """What has something to say for itself: `gateway.ground.clock.Timekeeper`."""

    def reasons(self) -> list[str]: ...

    def warnings(self) -> list[str]: ...


class Health(Part):
    """Answers the probes. A node that drains is alive and not ready."""

    def __init__(self, *, store: Pingable, bus: Bus, presence: Presence, clock: Told | None = None) -> None:
        self.draining = False
        self._clock = clock
        self._store = store
        self._bus = bus
        self._presence = presence
        self._watched: list[Callable[[], list[str]]] = []

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge(
            "bellhop_draining", "1 while the node sends its clients away", lambda: int(self.draining)
        )

    async def drain(self, *, seconds: float) -> None:
        """Answers to probes say 503 from now on."""
        del seconds
        self.draining = True

    def watch(self, reasons: Callable[[], list[str]]) -> None:
        """Ask at each probe for further reasons: what is there only after the start, such as a site that listens."""
        self._watched.append(reasons)

    async def reasons(self) -> list[str]:
        """Why the node cannot do its job now; empty when it can."""
        reasons = ["draining"] if self.draining else []
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._store.ping()
        except StorageError as error:
            reasons.append(f"store: {error}")
        except TimeoutError:
            reasons.append("store: no answer")
        reasons += [f"bus: {reason}" for reason in self._bus.reasons()]
        reasons += [f"presence: {reason}" for reason in self._presence.reasons()]
        reasons += [f"clock: {reason}" for reason in (self._clock.reasons() if self._clock else ())]
        return reasons + [reason for watched in self._watched for reason in watched()]

    def warnings(self) -> list[str]:
        """What an operator should look at, and what keeps nobody waiting."""
        return [f"clock: {warning}" for warning in (self._clock.warnings() if self._clock else ())]

    def liveness(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self._healthz)]

    def readiness(self) -> list[web.RouteDef]:
        return [web.get("/readyz", self._readyz)]

    async def _healthz(self, request: web.Request) -> web.Response:
        del request
        return json_response({"status": "alive"})

    async def _readyz(self, request: web.Request) -> web.Response:
        del request
        reasons = await self.reasons()
        status = "unready" if reasons else "ready"
        answer: dict[str, object] = {"status": status, "reasons": reasons}
        if warnings := self.warnings():
            answer["warnings"] = warnings
        return json_response(answer, status=503 if reasons else 200)
