"""What is asked of Redis about presence: the scripts, what they are given, and what they answer.

A Redis that has lost its memory is another one: it gets another epoch, and whoever still knows the last is told so.

It knows the arguments and answers of each script, and nothing of when to call it.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from gateway.cluster.presence import scripts
from gateway.cluster.presence.base import Online, Visitor
from gateway.cluster.presence.changes import micros, moment
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.cluster.presence.pipeline import Pipeline

_MICROSECOND = timedelta(microseconds=1)


class Forgotten(PresenceUnavailable):
    """Redis has another memory than the one this node knows. `epoch` is that of the memory it has now."""

    def __init__(self, epoch: str, *, settle: timedelta) -> None:
        super().__init__("Redis has lost its memory", retry_after=settle.total_seconds())
        self.epoch = epoch
        """Of the memory that Redis has now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beaten:
    """What a beat is answered."""

    counted: int
    """Connections of this node that Redis knows."""
    due_seconds: float
    """When the next grace is over; negative: none has begun."""
    more: bool
    """There is more to reap or announce than a step does."""
    upto: int
    """Whose grace had ended by then is announced, in microseconds of Redis's clock."""
    arriving: list[str]
    """Users of this node who are not announced yet."""
    newest: bytes
    """The last announcement."""


class Calls:
    """The scripts, run one after the other. Each may raise `PresenceUnavailable`; `Forgotten` after telling `forgotten`.

    Heartbeats and graces run on Redis's clock, unless a test gives `clock`.

    Calls of a node are carried out in the order in which they were made. One that raises may have been
    carried out all the same.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        node: str,
        ttl: timedelta,
        settle: timedelta,
        grace: timedelta,
        clock: Callable[[], datetime] | None,
        forgotten: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._node = node
        self._ttl = ttl
        self._settle = settle
        self._grace = grace
        self._clock = clock
        self._forgotten = forgotten
        self.epoch = ""
        """Of the memory that this node knows; empty before the first answer."""

    async def enter(
        self, visitor: Visitor, *, at: datetime, limit: int = 0, quiet: bool = False
    ) -> tuple[list[str], bool]:
        """Enter a connection; `at` is when the user joins by it, if so.

        Answers the user's connections beyond `limit`, and whether the user is still to be announced.
        """
        since = micros(visitor.since)
        entry = {
            "node": self._node,
            "user": visitor.user,
            "name": visitor.name,
            "roles": visitor.roles,
            "topics": visitor.topics,
            "since": since,
        }
        beyond, arriving = await self._call(
            scripts.ENTER,
            visitor.connection,
            visitor.user,
            json.dumps(entry, separators=(",", ":")),
            since,
            micros(at),
            limit,
            int(quiet),
        )
        return [each.decode() for each in beyond], bool(arriving)

    async def leave(self, connection: str, *, at: datetime) -> int:
        """Take a connection out; answers when the grace ends, in microseconds of Redis's clock."""
        (due,) = await self._call(scripts.LEAVE, connection, micros(at), self._grace // _MICROSECOND)
        return int(due)

    async def page(self, first: str, last: str | bytes, limit: int) -> tuple[int, int, tuple[Online, ...]]:
        """How many users and connections there are, and the users between two names."""
        users, connections, page = await self._call(scripts.ROSTER, first, last, limit)
        return users, connections, tuple(_online(*each) for each in page)

    async def beat(self, *, batch: int, every: timedelta, leaving: bool) -> Beaten:
        """Renew this node, and reap and announce at most `batch` of others."""
        counted, wait, more, upto, arriving, newest = await self._call(
            scripts.BEAT, batch, every // _MICROSECOND, int(leaving)
        )
        return Beaten(
            counted=counted,
            due_seconds=int(wait) / 1_000_000,
            more=bool(more),
            upto=int(upto),
            arriving=[each.decode() for each in arriving],
            newest=newest,
        )

    async def held(self) -> set[str]:
        """The connections of this node that Redis knows."""
        (members,) = await self._call(scripts.HELD)
        return {each.decode() for each in members}

    async def retire(self) -> None:
        """This node is none any more."""
        await self._call(scripts.RETIRE)

    async def _call(self, script: bytes, *arguments: str | bytes | int) -> list[Any]:
        """Run a script; answers what it answers behind the epoch.

        Raises `Forgotten` where the node knew another memory; then Redis has done nothing.
        """
        fresh = f"{self._node}:{random.getrandbits(64):x}"
        # Kept: another call's answer may set it while this one waits.
        known = self.epoch
        given: tuple[str | bytes | int, ...] = (
            -1 if self._clock is None else micros(self._clock()),
            self._ttl // _MICROSECOND,
            self._settle // _MICROSECOND,
            known,
            fresh,
            self._node,
            *arguments,
        )
        words = (each if isinstance(each, bytes) else str(each).encode() for each in given)
        answer = cast("list[Any]", await self._pipeline.call(script, *words))
        epoch = answer[0].decode()
        if known and epoch != known:
            self._forgotten()
            raise Forgotten(epoch, settle=self._settle)
        self.epoch = self.epoch or epoch
        return answer[1:]


def span(after: str | None, prefix: str) -> tuple[str, str | bytes]:
    """Between which names `page` finds those that begin with `prefix` and come behind `after`."""
    first = f"[{prefix}" if prefix else "-"
    if after is not None and after >= prefix:
        first = f"({after}"
    # No UTF-8 holds the byte 255: it is behind every name that begins with the prefix.
    return first, b"[" + prefix.encode() + b"\xff" if prefix else b"+"


def _online(user: bytes, connections: int, oldest: bytes, newest: bytes) -> Online:
    """A user's entry; name, roles and topics are those of the newest connection, whose token is the freshest."""
    entry = json.loads(newest)
    return Online(
        user=user.decode(),
        name=entry["name"],
        roles=tuple(entry["roles"]),
        connections=connections,
        since=moment(json.loads(oldest)["since"]),
        # A node of an older version leaves them out.
        topics=tuple(entry.get("topics", ())),
    )
