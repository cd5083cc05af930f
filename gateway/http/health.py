"""Whether the process lives (`/healthz`), and whether it can do its job now (`/readyz`)."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from gateway.ground.parts import Meters, Part
from gateway.http.edge import json_response
from storage.errors import StorageError

PING_SECONDS = 2.5
"""Longer than a store's own two seconds, shorter than a probe's patience."""


class Pingable(Protocol):
    async def ping(self) -> None: ...


class Health(Part):
    """Answers the probes. A node that drains is alive and not ready."""

    def __init__(self, store: Pingable) -> None:
        self.draining = False
        self._store = store
        self._watched: list[Callable[[], list[str]]] = []
        self._warned: list[Callable[[], list[str]]] = []

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge(
            "bellhop_draining", "1 while the node sends its clients away", lambda: int(self.draining)
        )

    async def drain(self, *, seconds: float) -> None:
        """Answers to probes say 503 from now on."""
        del seconds
        self.draining = True

    def watch(self, reasons: Callable[[], list[str]]) -> None:
        """Ask at each probe for further reasons: each part has its own."""
        self._watched.append(reasons)

    def watch_warnings(self, warnings: Callable[[], list[str]]) -> None:
        """Ask at each probe for what an operator should look at, and what keeps nobody waiting."""
        self._warned.append(warnings)

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
        return reasons + [reason for watched in self._watched for reason in watched()]

    def warnings(self) -> list[str]:
        """What an operator should look at, and what keeps nobody waiting."""
        return [warning for warned in self._warned for warning in warned()]

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
