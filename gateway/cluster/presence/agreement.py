"""How Redis is brought to hold what this node holds: by each change as it comes, and by comparing after anything went wrong.

`ledger` knows what should be, `calls` asks Redis; here the two are brought together. When to compare is
decided in `redis`, by the beat.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from gateway.cluster.presence.calls import Calls
from gateway.cluster.presence.ledger import HeldConnection, Ledger
from gateway.ground.clock import Clock

_log = logging.getLogger(__name__)

BATCH = 500
"""Connections put in or reaped, and users announced, in one step: what Redis does without keeping others waiting."""


class Agreement:
    """Between the ledger and Redis. All raise `PresenceUnavailable`, and may be done again after that.

    It has no state of its own. Entering and comparing may run at the same time; the ledger keeps what that
    leaves in doubt.
    """

    def __init__(self, ledger: Ledger, calls: Calls, now: Clock) -> None:
        self._ledger = ledger
        self._calls = calls
        self._now = now

    async def put(
        self, held: HeldConnection, *, at: datetime, limit: int = 0, quiet: bool = False
    ) -> list[str]:
        """Have Redis hold the connection; answers those of the user that are beyond `limit`. `quiet`: without announcing it.

        Idempotent in Redis: a connection that is there is written again.
        """
        beyond, arriving = await self._calls.enter(held.visitor, at=at, limit=limit, quiet=quiet)
        self._ledger.put_in(held, arriving=arriving)
        return beyond

    async def take_out(self, connection: str, at: datetime) -> None:
        """Have Redis hold the connection no more.

        Redis ignores one that it does not have; the ledger keeps it as gone until Redis has answered.
        """
        self._ledger.taken_out(connection, await self._calls.leave(connection, at=at))

    async def restore(self, epoch: str) -> None:
        """Tell a Redis that has lost its memory what it knew of this node."""
        _log.warning("presence restores what Redis has lost", extra={"connections": len(self._ledger.held)})
        # First: calls under the former epoch do nothing in Redis.
        before, self._calls.epoch = self._calls.epoch, epoch
        known, gone = self._ledger.lost()
        try:
            await self._put_all([*known, *(each.held for each in gone.values())], quiet=True)
            await self._take_all_out({name: each.at for name, each in gone.items()})
        except BaseException:
            # Half restored is not restored: the next beat begins again, and what is there already does no harm.
            self._calls.epoch = before
            raise

    async def reconcile(self) -> None:
        """Make Redis hold what this node holds.

        In the end both hold the same, unless something came or went meanwhile; then a doubt stays, and the
        next beat compares again.
        """
        ledger = self._ledger
        question = ledger.question()
        missing, surplus = ledger.compare(question, await self._calls.held())
        await self._put_all(missing)
        ledger.put_back(missing, self._now())
        # A copy: the ledger changes while Redis is asked.
        await self._take_all_out({name: gone.at for name, gone in ledger.gone.items()})
        await self._take_all_out(dict.fromkeys(surplus, self._now()))
        if not missing and not surplus:
            ledger.agree(question)

    async def _put_all(self, entrances: Sequence[HeldConnection], *, quiet: bool = False) -> None:
        """Put many in, a batch at a time, so that others get their turn in Redis."""
        now = self._now()
        for first in range(0, len(entrances), BATCH):
            batch = entrances[first : first + BATCH]
            await asyncio.gather(
                *(
                    self.put(each, at=now, quiet=quiet and not self._ledger.is_arriving(each.visitor.user))
                    for each in batch
                )
            )

    async def _take_all_out(self, departures: Mapping[str, datetime]) -> None:
        """Take many out that went at these times, as `_put_all`: one after the other they would outlast the heartbeat."""
        left = iter(departures.items())
        while batch := list(islice(left, BATCH)):
            await asyncio.gather(*(self.take_out(name, at) for name, at in batch))
