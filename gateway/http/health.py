"""Whether the process lives (`/healthz`), and whether it can do its job now (`/readyz`).

Liveness asks nothing: a process is not to be killed because its store is away. Readiness asks the store and
every part.
"""

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
    """A store, as far as probes know it."""

    async def ping(self) -> None: ...


class Health(Part):
    """Answers the probes. A node that drains is alive and not ready.

    The composition adds what the other parts say of themselves.
    """

    def __init__(self, store: Pingable) -> None:
        self.draining = False
        """True from the start of the drain to the end of the process."""
        self._store = store
        self._watched: list[Callable[[], list[str]]] = []
        self._warned: list[Callable[[], list[str]]] = []

    def measure(self, meters: Meters) -> None:
        """Show whether the node drains."""
        meters.watch_gauge(
            "bellhop_draining", "1 while the node sends its clients away", lambda: int(self.draining)
        )

    async def drain(self, *, seconds: float) -> None:
        """Answers to probes say 503 from now on."""
        del seconds
        self.draining = True

    def watch(self, reasons: Callable[[], list[str]]) -> None:
        """Ask at each probe for further reasons: each part has its own.

        Called at the composition. `reasons` runs on the loop at each probe: it must neither wait nor raise.
        """
        self._watched.append(reasons)

    def watch_warnings(self, warnings: Callable[[], list[str]]) -> None:
        """Ask at each probe for what an operator should look at, and what keeps nobody waiting.

        As `watch`, they neither wait nor raise.
        """
        self._warned.append(warnings)

    async def reasons(self) -> list[str]:
        """Why the node cannot do its job now; empty when it can.

        Takes `PING_SECONDS` at most.
        """
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
        """The probe of life, for both sites."""
        return [web.get("/healthz", self._healthz)]

    def readiness(self) -> list[web.RouteDef]:
        """The probe of readiness, for the internal site alone: its reasons are not for everybody."""
        return [web.get("/readyz", self._readyz)]

    async def _healthz(self, request: web.Request) -> web.Response:
        """That the loop turns: who can answer lives."""
        del request
        return json_response({"status": "alive"})

    async def _readyz(self, request: web.Request) -> web.Response:
        """200 or 503, with reasons and, where there are any, warnings. What is to be excluded counts as a warning."""
        excluded = request.query.getall("exclude", [])
        found = await self.reasons()
        reasons = [reason for reason in found if reason.partition(":")[0] not in excluded]
        warnings = [*(reason for reason in found if reason not in reasons), *self.warnings()]
        status = "unready" if reasons else "ready"
        answer: dict[str, object] = {"status": status, "reasons": reasons}
        if warnings:
            answer["warnings"] = warnings
        return json_response(answer, status=503 if reasons else 200)
