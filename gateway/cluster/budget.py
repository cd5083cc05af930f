"""A lane's rate as one budget of all nodes, kept in the Redis of the bus.

While Redis is away each node goes on with its share: the rate by the number of nodes that drew on it lately. So the rate
is never exceeded by more than the nodes that have come since, and mail does not wait for Redis.

`mailer` asks `reserve` before each mail; what a lane is, and that mail waits for its turn, is of `mailer`.
"""

import asyncio
import logging
from dataclasses import dataclass

from gateway.cluster.redis.address import RedisAddress
from gateway.cluster.redis.client import RedisClient
from gateway.cluster.redis.resp import Reply
from gateway.cluster.redis.trouble import Trouble
from mailer.budget import LocalBudget

PATIENCE_SECONDS = 1.0
"""For one question; after that this node takes its own share."""
RETRY_SECONDS = 5.0
"""How long Redis is not asked again after it has failed: mail must not wait for one timeout after the other."""
UNKNOWN_NODES = 4
"""How many nodes are taken to share the rate when Redis was never there to count them."""
NODE_SECONDS = 60
"""How long a node counts that has not drawn on the budget."""

_RESERVE = b"""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local nodes = KEYS[2]
redis.call('ZADD', nodes, now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', nodes, '-inf', now - ARGV[3])
redis.call('PEXPIRE', nodes, math.ceil(ARGV[3] / 1000))
local moment = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local following = moment + interval * ARGV[4]
redis.call('SET', KEYS[1], string.format('%.0f', following), 'PX', math.ceil((following - now) / 1000) + 1)
return {string.format('%.0f', moment - now), redis.call('ZCARD', nodes)}
"""
"""Gives the next moments away, of which the first is so many microseconds from now, and counts the nodes. By
Redis's clock, which all nodes share. The key of the next moment ends with that moment, so an idle lane keeps
nothing.
"""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Round:
    """Mails whose moments are asked for in one question: they follow one another.

    It is closed when its question is sent: who comes after that is of the next.
    """

    count: int = 0
    """How many mails."""
    first: float | None = None
    """The first moment, by the loop's clock; None until there is an answer."""


class RedisBudget:
    """The budget of one lane. A node that has no answer in `PATIENCE_SECONDS` takes its own share.

    One for a lane and node; made where a rate is set. It is closed with the worker. Moments that were given
    to a node that died are lost: the lane is slower for as long as these would have taken.
    """

    def __init__(self, url: str, *, prefix: str, lane: str, node_id: str, rate: float) -> None:
        """`rate` is that of all nodes together, in mails per second, and more than 0."""
        address = RedisAddress.parse(url)
        # The braces are a hash tag: both keys lie in one slot of a Redis Cluster.
        tag = f"{prefix}:{{lane:{lane}}}:{address.database}"
        self._keys = f"{tag}:next".encode(), f"{tag}:nodes".encode()
        self._lane = lane
        self._node = node_id.encode()
        self._rate = rate
        self._nodes = UNKNOWN_NODES
        """How many shared the rate when Redis last said so."""
        self._own = LocalBudget(rate / UNKNOWN_NODES)
        """What this node takes while Redis is away."""
        self._line = RedisClient(address, patience_seconds=PATIENCE_SECONDS)
        self._turn = asyncio.Lock()
        """Held by who asks."""
        self._next = _Round()
        """Those who ask while a question is under way."""
        self._away_until = 0.0
        """By the loop's clock."""
        self._trouble = Trouble(logger, "mail budget")

    async def reserve(self) -> float:
        """The seconds until this mail may leave. Never raises; waits for Redis no longer than
        `PATIENCE_SECONDS`.

        Those who ask at the same time share a question. Whoever is cancelled in between leaves a moment
        unused.
        """
        loop = asyncio.get_running_loop()
        mine, place = self._next, self._next.count
        mine.count += 1
        # One at a time: the answers come in the order of the questions.
        async with self._turn:
            # The first of a round to have the lock closes it, and asks for all of it.
            if mine is self._next:
                self._next = _Round()
            # Others of the round find the answer there.
            if mine.first is None:
                if loop.time() < self._away_until:
                    return await self._own.reserve()
                try:
                    wait, self._nodes = _answer(await self._ask(mine.count))
                except (OSError, ValueError) as problem:
                    self._lose(problem)
                    return await self._own.reserve()
                self._trouble.over()
                mine.first = loop.time() + wait
        return max(0.0, mine.first + place / self._rate - loop.time())

    def warnings(self) -> list[str]:
        """That the rate is shared by guess; empty while Redis answers. For the probes: it neither waits nor raises."""
        if self._trouble.words is None:
            return []
        share = self._rate / self._nodes
        reason = f"the rate of {self._lane} mail is shared by guess, {share:.3g} a second for this node"
        return [self._trouble.told(reason)]

    async def close(self) -> None:
        self._line.hang_up()

    async def _ask(self, count: int) -> Reply:
        """Reserve `count` moments that follow one another."""
        interval = b"%d" % max(1, round(1_000_000 / self._rate))
        window = b"%d" % (NODE_SECONDS * 1_000_000)
        # The text each time: it is short, and a Redis that has restarted knows no script of ours.
        return await self._line.ask(
            b"EVAL", _RESERVE, b"2", *self._keys, interval, self._node, window, b"%d" % count
        )

    def _lose(self, problem: Exception) -> None:
        """Redis has failed: go on with a share, and ask again after `RETRY_SECONDS`."""
        self._line.hang_up()
        self._trouble.found(problem)
        self._own.rate = self._rate / self._nodes
        self._away_until = asyncio.get_running_loop().time() + RETRY_SECONDS


def _answer(reply: Reply) -> tuple[float, int]:
    """The seconds to wait, and how many nodes share the rate. Raises ValueError for what is no such answer."""
    match reply:
        case [bytes(micros), int(nodes)]:
            return int(micros) / 1_000_000, max(1, nodes)
    raise ValueError("Redis gave another answer than the script does")
