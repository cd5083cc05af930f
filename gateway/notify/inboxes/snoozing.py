"""Snoozing: what users have put off comes back when its time has come, by whichever node sees first that it has.

A node that dies over it loses its lease, and another tells those users of it: it comes back once, and may be told twice.

Putting off is `acting`'s. Coming back is written by the store in one step, unread and counted; here its users
are told, by commands to all nodes, which each tell the sessions that they have
(`gateway.sockets.returning`).
"""

import logging
from collections.abc import Awaitable, Callable, Sequence

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks
from gateway.notify.rounds import Due, Rounds
from storage.snoozes import Returned, Snoozes

BACK_AT_ONCE = 200
"""Notifications that come back in one round."""
LEASE_SECONDS = 10.0
"""How long another node waits before it tells the users of a node that has died between bringing back and telling."""
POLL_SECONDS = 5.0
"""The longest rest between two looks: so long may it stay unnoticed here what another node was asked, should that node die."""
SHORTEST_REST_SECONDS = 0.02

logger = logging.getLogger(__name__)


class Snoozer(Part):
    """Has what is due come back, and its users told.

    Every node has one. Whoever is not connected is told by the next history: nothing is lost by a command
    that does not come.
    """

    def __init__(
        self, snoozes: Snoozes, *, tell: Callable[[Sequence[Returned]], Awaitable[None]], due_clock: Clock
    ) -> None:
        """`tell` has every node tell the users who are connected there; it need not reach them."""
        self.returned = 0
        """How many snoozes this process has ended since its start."""
        self._snoozes = snoozes
        self._tell = tell
        self._due_clock = due_clock
        self._due = Due(snoozes.next_due, due_clock, shortest=SHORTEST_REST_SECONDS, longest=POLL_SECONDS)
        self._rounds = Rounds(self._bring_back, logger, "what was snoozed could not be brought back")
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter("bellhop_snoozes_ended", "Snoozes ended here", lambda: self.returned)

    def wake(self) -> None:
        """Something may be due sooner than was known. Never waits."""
        self._rounds.wake()

    def start(self) -> None:
        self._tasks.start(self._rounds.run, name="snoozer")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _bring_back(self) -> float:
        """Bring back what is due, a batch of it; answers for how many seconds there is nothing to do then."""
        if rest := await self._due.rest():
            return rest
        token, returned = await self._snoozes.bring_back(
            limit=BACK_AT_ONCE, lease_seconds=LEASE_SECONDS, now=self._due_clock()
        )
        if not returned:
            return self._due.took_nothing()
        # Told, then ended: a crash in between has another tell them once more, which changes no count.
        await self._tell(returned)
        await self._snoozes.end(returned, token=token)
        self.returned += len(returned)
        return 0
