"""How scripts reach Redis: in the order given, over one connection, all that is waiting in one round trip.

It knows scripts and replies; what they mean is of `calls`.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from hashlib import sha1

from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.resp import Reply, ServerError, Wire, pack

_log = logging.getLogger(__name__)

BATCH = 200
"""Calls of one round trip."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A script to be run, and who waits for its answer."""

    script: bytes
    arguments: tuple[bytes, ...]
    answer: asyncio.Future[Reply]


class Pipeline:
    """Calls are executed one after the other, so that a leave never overtakes its enter.

    A call that raised `PresenceUnavailable`, or whose caller stopped waiting, may have been executed all the same.
    A connection that does not answer within `patience_seconds` is given up, with all that waits: what waits behind
    would wait as long, one timeout after the other.

    It lives as long as `run`, and makes its connection when there is something to call. What waits is bound
    by the callers, each of which has a bound of its own on how long it waits.
    """

    def __init__(self, address: RedisAddress, key: str, *, patience_seconds: float) -> None:
        self._address = address
        self._key = key.encode()
        self._patience = patience_seconds
        self._wire: Wire | None = None
        self._calls: deque[_Call] = deque()
        self._called = asyncio.Event()
        self._digests: dict[bytes, bytes] = {}
        """By script, what Redis calls it."""

    async def call(self, script: bytes, *arguments: bytes) -> Reply:
        """The script's answer. Raises `PresenceUnavailable` for whatever keeps it from being had."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._calls.append(_Call(script, arguments, answer))
        self._called.set()
        return await answer

    async def run(self) -> None:
        """Execute calls until cancelled."""
        try:
            while True:
                await self._called.wait()
                self._called.clear()
                while self._calls:
                    await self._execute([self._calls.popleft() for _ in range(min(BATCH, len(self._calls)))])
        finally:
            self._disconnect()
            self._refuse(self._calls, None)

    async def _execute(self, calls: list[_Call]) -> None:
        """Run calls in one round trip, and hand each its answer. Only cancelling is raised."""
        try:
            async with asyncio.timeout(self._patience):
                answers = await self._answers(calls)
        except Exception as problem:  # noqa: BLE001 - said below
            # Whatever it was, the next call begins anew: a pipeline that ended would be the end of this node's presence.
            if not isinstance(problem, OSError):
                _log.exception("presence pipeline failed")
            self._disconnect()
            self._refuse(calls, problem)
            self._refuse(self._calls, problem)
            self._calls.clear()
            return
        except BaseException:
            self._refuse(calls, None)
            raise
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, ServerError):
                self._refuse([call], answer)
                # It may be a primary no longer: the next call asks anew where that is.
                self._disconnect()
            elif not call.answer.done():
                call.answer.set_result(answer)

    async def _answers(self, calls: list[_Call]) -> list[Reply]:
        """Redis's answers, in order; a refusal is one of them. Raises `OSError`."""
        wire = self._wire
        if wire is None or wire.closed.done():
            wire = self._wire = Wire()
            await self._address.open(wire, timeout_seconds=self._patience)
        answers = await self._send(wire, calls)
        forgotten = [each for each, answer in enumerate(answers) if _is_forgotten(answer)]
        if forgotten:
            # A Redis that has restarted knows no script of ours.
            for script in {calls[each].script for each in forgotten}:
                wire.write(pack(b"SCRIPT", b"LOAD", script))
                await wire.reply()
            again = await self._send(wire, [calls[each] for each in forgotten])
            for each, answer in zip(forgotten, again, strict=True):
                answers[each] = answer
        return answers

    async def _send(self, wire: Wire, calls: list[_Call]) -> list[Reply]:
        """Write all calls at once and read as many replies."""
        wire.write(b"".join(self._packed(call) for call in calls))
        answers: list[Reply] = []
        for _ in calls:
            try:
                answers.append(await wire.reply())
            except ServerError as refused:
                answers.append(refused)
        return answers

    def _packed(self, call: _Call) -> bytes:
        """A call as it goes over the wire, by the script's digest."""
        digest = self._digests.get(call.script)
        if digest is None:
            # Redis names scripts by their SHA-1; nothing is kept secret by it.
            digest = sha1(call.script, usedforsecurity=False).hexdigest().encode()
            self._digests[call.script] = digest
        return pack(b"EVALSHA", digest, b"1", self._key, *call.arguments)

    def _disconnect(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()

    def _refuse(self, calls: "list[_Call] | deque[_Call]", problem: Exception | None) -> None:
        """Have these calls fail; those whose callers wait no more are passed over."""
        for call in calls:
            if not call.answer.done():
                unavailable = PresenceUnavailable("Redis does not answer")
                unavailable.__cause__ = problem
                call.answer.set_exception(unavailable)


def _is_forgotten(answer: Reply) -> bool:
    return isinstance(answer, ServerError) and str(answer).startswith("NOSCRIPT")
