"""Digests: what is gathered for a user is told in one mail, when its time has come: what the user has not seen of it.

Whichever node sees first that one is due closes it, under a lease. What is left out is noted with the rule that said so, page by
page; at the end the digest is closed and its mail is owed, in one step. So a node that dies before has sent nothing, and another
begins again where it stood.

Opening is none of its work: a mail that is to be merged opens its digest as it ends (`departing`,
`Outbox.end`). `items` decides what is told, `news` makes the mail; a worker sends it later, as
any mail that stands by itself.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from gateway.catalog.channels import EMAIL
from gateway.catalog.own import DIGEST
from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of
from gateway.ground.tasks import Tasks
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.gates import quiet
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Delay, Moment
from gateway.notify.deciding.whereabouts import zones_of
from gateway.notify.digests.items import DigestItems
from gateway.notify.digests.news import LISTED, Remainder, mail_of
from gateway.notify.rounds import Due, Rounds
from storage import digests as shelf
from storage.endings import Skipped
from storage.errors import StorageError
from storage.mail import LaneName
from storage.notifications import Notification
from storage.obligations import Digest, Obligation

CLOSED_AT_ONCE = 16
"""Digests that are leased in one round, and closed side by side."""
POLL_SECONDS = 5.0
"""The longest rest between two looks: so long may a digest stay unnoticed here that another process has opened, should
that die.
"""
SHORTEST_REST_SECONDS = 0.05
PRUNED_AT_ONCE = 2_000

TellLeftOut = Callable[[Notification, Skipped], None]
"""Told of an item whose mail is skipped as its digest closes, with the rule; never waits."""

logger = logging.getLogger(__name__)


def _nobody_counts(item: Notification, why: Skipped) -> None:
    del item, why


class Digester(Part):
    """Closes digests. What it does raises `StoreUnavailable`.

    Every node has one, and every mail process. The lease keeps them from one another: only the holder of its
    token may leave items out or settle. What a late one does changes nothing. With the store away nothing
    closes, and all of it is due afterwards.
    """

    def __init__(
        self,
        digests: shelf.Digests,
        *,
        judge: Judge,
        sources: Sources,
        clock: Clock,
        due_clock: Clock,
        wake_mailer: Callable[[Iterable[LaneName]], None],
        base_url: str | None,
        lease_seconds: float,
        kept_days: int,
    ) -> None:
        """What is due is judged by `due_clock`; `base_url` is the public site's; 0 days keep what is closed for ever."""
        self.closed = {"mailed": 0, "empty": 0}
        """Digests closed by this process, by whether there was anything left to tell."""
        self.items = {"told": 0, "left_out": 0}
        """The items of these digests, by what became of them."""
        self.open: int | None = None
        """Open digests of all nodes, as counted at the last keeping of the house; None until then."""
        self.left_out: TellLeftOut = _nobody_counts
        """Set by who counts what becomes of mail."""
        self._digests = digests
        self._judge = judge
        self._items = DigestItems(digests, judge)
        self._sources = sources
        self._clock = clock
        self._due_clock = due_clock
        self._due = Due(digests.next_due, due_clock, shortest=SHORTEST_REST_SECONDS, longest=POLL_SECONDS)
        self._wake_mailer = wake_mailer
        self._base_url = base_url
        self._lease_seconds = lease_seconds
        self._kept = timedelta(days=kept_days)
        self._rounds = Rounds(self.close_due, logger, "digests could not be closed")
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge("bellhop_digests_open", "Digests that are open, of all nodes", lambda: self.open)
        meters.watch_counts(
            "bellhop_digests_closed", "Digests closed here, by what came of them", "outcome", self.closed
        )
        meters.watch_counts(
            "bellhop_digest_items",
            "Items of digests closed here, by what came of them",
            "outcome",
            self.items,
        )

    def start(self) -> None:
        self._tasks.start(self._rounds.run, name="digests")

    async def stop(self) -> None:
        await self._tasks.stop()

    def wake(self) -> None:
        """A digest may have been opened here. Never waits."""
        self._rounds.wake()

    async def keep_house(self) -> None:
        """Forget some digests that ended too long ago, with their mails, and count those that are open."""
        if self._kept:
            await self._digests.prune(before=self._clock() - self._kept, limit=PRUNED_AT_ONCE)
        self.open = await self._digests.open_count()

    async def close_due(self) -> float:
        """Close what is due, some of it; answers for how many seconds there is nothing to do then.

        One that fails does not keep the others from closing. Its lease runs out after `lease_seconds`, and it
        comes again.
        """
        if rest := await self._due.rest():
            return rest
        token, due = await self._digests.lease(
            limit=CLOSED_AT_ONCE, lease_seconds=self._lease_seconds, now=self._due_clock()
        )
        if not due:
            return self._due.took_nothing()
        outcomes = await asyncio.gather(
            *(self._close(digest, token) for digest in due), return_exceptions=True
        )
        for digest, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                # Its lease runs out, and it comes again.
                known = isinstance(outcome, StorageError)
                logger.log(
                    logging.INFO if known else logging.ERROR,
                    "digest not closed",
                    exc_info=None if known else outcome,
                    extra={"digest": digest.id, "reason": type(outcome).__name__},
                )
        # There may be more than a round takes: look again at once.
        return 0

    async def _close(self, digest: Digest, token: str) -> None:
        """Decide for each item again, and owe one mail for what is left, if this node is still the one to do so.

        In its reader's quiet hours it is put off to their end instead: what the reader says until then, and what
        comes, is as good as before they began. What is counted and logged comes after `settle`: of two that close
        one digest only one counts it. The worker is woken last, when its mail is there.
        """
        now = self._clock()
        if digest.gathered and (until := await self._quiet_until(digest, now)) is not None:
            if await self._digests.put_off(digest.id, until, token=token):
                logger.info("digest put off", extra={"digest": digest.id, "key": digest.key})
            return
        kept, left_out = await self._left(digest, token, now)
        if kept is None:
            return
        mail = await self._mail(digest, kept, now) if kept.total else None
        if not await self._digests.settle(digest.id, mail, token=token, now=now):
            return
        self.items["told"] += kept.total
        self.items["left_out"] += left_out
        self.closed["empty" if mail is None else "mailed"] += 1
        if mail is not None:
            self._wake_mailer([kept.lane])
        logger.info(
            "digest closed",
            extra={"digest": digest.id, "key": digest.key, "told": kept.total, "left_out": left_out},
        )

    async def _quiet_until(self, digest: Digest, now: datetime) -> datetime | None:
        """When its mail may go, if it had to wait now for its reader's quiet hours to end. Raises `StorageError`."""
        case = Case(
            type=DIGEST, user=user_of(digest.room), room=digest.room, channel=EMAIL, now=now, due_at=now, is_own=False
        )  # fmt: skip
        (judged,) = await self._judge.judge([case], Moment.LEASE, gates=(quiet.GATE,))
        if isinstance(judged, StorageError):
            raise judged
        return judged.verdict.until if isinstance(judged.verdict, Delay) else None

    async def _mail(self, digest: Digest, kept: Remainder, now: datetime) -> Obligation:
        """The mail that tells what is kept, by its reader's own clock. Raises `StorageError`."""
        user = user_of(digest.room)
        assert user is not None
        zones = await zones_of(self._sources, [user])
        return mail_of(digest, kept, now, base_url=self._base_url, timezone=str(zones[user]))

    async def _left(self, digest: Digest, token: str, now: datetime) -> tuple[Remainder | None, int]:
        """What is to be told, and how many are not; None when another closes it by now.

        What is not told is written down page by page, with its rule. A crash in between leaves those pages
        done; whoever closes it next finds only the rest gathered. The lease is prolonged with each page: a long
        digest takes longer than a lease.
        """
        newest: list[Notification] = []
        total = dropped = 0
        lane = LaneName.BULK
        before: Notification | None = None
        while True:
            decided, before = await self._items.page(digest.id, before=before, now=now)
            left_out = {item.id: why for item, why in decided if why is not None}
            if left_out and not await self._digests.leave_out(digest.id, left_out, token=token, now=now):
                return None, 0
            for item, why in decided:
                if why is not None:
                    self.left_out(item, why)
            told = [item for item, why in decided if why is None]
            newest += told[: LISTED - len(newest)]
            total += len(told)
            dropped += len(left_out)
            # One that somebody waits for makes the whole mail one that somebody waits for.
            if any(item.mail and item.mail.order.lane is LaneName.TRANSACTIONAL for item in told):
                lane = LaneName.TRANSACTIONAL
            if before is None:
                return Remainder(newest=newest, total=total, lane=lane), dropped
            if not await self._digests.prolong(
                digest.id, token=token, lease_seconds=self._lease_seconds, now=self._due_clock()
            ):
                return None, 0
