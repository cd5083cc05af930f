"""How scripts reach Redis: in the order given, over one connection, all that is waiting in one round trip."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from gateway.presence.errors import PresenceUnavailable

_log = logging.getLogger(__name__)

BATCH = 200


@dataclass(frozen=True, slots=True)
class _Call:
    script: str
    arguments: tuple[Any, ...]
    answer: asyncio.Future[Any]


class Pipeline:
    """Calls are executed one after the other, so that a leave never overtakes its enter.

    A call that raised `PresenceUnavailable`, or whose caller stopped waiting, may have been executed all the same.
    """

    def __init__(self, client: Redis, key: str) -> None:
        self._client = client
        self._key = key
        self._calls: deque[_Call] = deque()
        self._called = asyncio.Event()
        self._digests: dict[str, str] = {}

    async def call(self, script: str, *arguments: Any) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls.append(_Call(script, arguments, answer))
        self._called.set()
        return await answer

    async def run(self) -> None:
        """Execute calls until cancelled."""
        task = asyncio.current_task()
        assert task is not None
        try:
            # redis-py can turn a cancellation that comes while it waits into an error of its own, and swallow it:
            # then the task's own count is all that is left of it.
            while not task.cancelling():
                await self._called.wait()
                self._called.clear()
                while self._calls and not task.cancelling():
                    await self._execute([self._calls.popleft() for _ in range(min(BATCH, len(self._calls)))])
        finally:
            self._refuse(self._calls, None)

    async def _execute(self, calls: list[_Call]) -> None:
        try:
            answers = await self._send(calls)
            forgotten = [each for each, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if forgotten:
                # A Redis that has restarted knows no script of ours.
                for script in {calls[each].script for each in forgotten}:
                    await self._client.script_load(script)
                again = await self._send([calls[each] for each in forgotten])
                for each, answer in zip(forgotten, again, strict=True):
                    answers[each] = answer
        except (RedisError, OSError) as problem:
            self._refuse(calls, problem)
            # What waits behind would wait as long, one timeout after the other.
            self._refuse(self._calls, problem)
            self._calls.clear()
            return
        except BaseException:
            self._refuse(calls, None)
            raise
        for call, answer in zip(calls, answers, strict=True):
            if call.answer.done():
                continue
            if isinstance(answer, Exception):
                _log.error("presence script failed", extra={"problem": str(answer)})
                self._refuse([call], answer)
            else:
                call.answer.set_result(answer)

    async def _send(self, calls: list[_Call]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipe:
            for call in calls:
                digest = self._digests.get(call.script)
                if digest is None:
                    # Redis names scripts by their SHA-1; nothing is kept secret by it.
                    digest = sha1(call.script.encode(), usedforsecurity=False).hexdigest()
                    self._digests[call.script] = digest
                pipe.evalsha(digest, 1, self._key, *call.arguments)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers

    def _refuse(self, calls: "list[_Call] | deque[_Call]", problem: Exception | None) -> None:
        for call in calls:
            if not call.answer.done():
                unavailable = PresenceUnavailable("Redis does not answer")
                unavailable.__cause__ = problem
                call.answer.set_exception(unavailable)
