"""Digests: what is gathered for a user is told in one mail, when its time has come: what the user has not seen of it.

Whichever node sees first that one is due closes it, under a lease. What is left out is noted with the rule that said so, page by
page; at the end the digest is closed and its mail is owed, in one step. So a node that dies before has sent nothing, and another
begins again where it stood.

Opening is none of its work: a mail that is to be merged opens its digest as it ends (`departing`,
`Outbox.end`). `digest_news` makes the mail; a worker sends it later, as any mail that stands by itself.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of, user_room
from gateway.ground.tasks import Tasks
from gateway.notify.decide import Judge
from gateway.notify.digest_news import LISTED, Remainder, mail_of
from gateway.notify.rounds import Rounds, rest_until
from gateway.notify.verdicts import EMAIL, Case, Moment, Skip, Sources
from gateway.notify.whereabouts import zones_of
from storage import digests as shelf
from storage.endings import Skipped
from storage.errors import StorageError
from storage.mail import LaneName, Unless
from storage.notifications import Notification
from storage.obligations import Digest, Obligation

CLOSED_AT_ONCE = 16
"""Digests that are leased in one round, and closed side by side."""
PAGE = 200
"""Items that are decided together: each gate asks once for all of them."""
POLL_SECONDS = 2.0
"""The longest rest between two looks: so long may a digest stay unnoticed here that another process has opened or put off."""
SHORTEST_REST_SECONDS = 0.05
OPEN_SHOWN = 20
"""Digests of one user that are shown."""
DECIDED_AT_MOST = 1_000
"""Items of an open digest that are decided to tell what it would be now: a look of an admin must not cost
what a closing does.
"""
PRUNED_AT_ONCE = 2_000
# Rules of their own beside the gates': what has expired or was recalled keeps its mail, gathered, until its
# digest closes.
EXPIRED, RECALLED = "expired", "recalled"
"""Rules that are no gates: there is nothing left to tell."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not told, and why."""

    notification: Notification
    why: Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDigest:
    """A digest, and what would be told if it closed now.

    It is made for one look, and nothing of it is kept: what closes later is decided anew.
    """

    digest: Digest
    newest: Sequence[Notification]
    """`LISTED` at most, newest first."""
    total: int
    """How many would be told, listed or not."""
    left_out: Sequence[LeftOut]
    """The newest of those that would not be told, `LISTED` at most."""
    left_out_total: int
    is_whole: bool
    """Whether all its items were looked at, and not only the newest `DECIDED_AT_MOST`."""


class Digester(Part):
    """The use cases of digests, and the work of closing them. They raise `StoreUnavailable`.

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
        self._digests = digests
        self._judge = judge
        self._sources = sources
        self._clock = clock
        self._due_clock = due_clock
        self._wake_mailer = wake_mailer
        self._base_url = base_url
        self._lease_seconds = lease_seconds
        self._kept = timedelta(days=kept_days)
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
        self._tasks.start(Rounds(self.close_due, logger, "digests could not be closed").run, name="digests")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep_house(self) -> None:
        """Forget some digests that ended too long ago, with their mails, and count those that are open."""
        if self._kept:
            await self._digests.prune(before=self._clock() - self._kept, limit=PRUNED_AT_ONCE)
        self.open = await self._digests.open_count()

    # What is asked

    async def of_user(self, user: str) -> list[OpenDigest]:
        """What is open for the user, the first to close first, and what would go out now.

        Each costs as many decisions as it has items, within `DECIDED_AT_MOST`.
        """
        found = await self._digests.of_room(user_room(user), limit=OPEN_SHOWN)
        return [await self._preview(digest) for digest in found]

    async def _preview(self, digest: Digest) -> OpenDigest:
        """What would be left of an open digest if it closed now; decides for a bounded number of its items.

        The notifications are those that the store had at this moment; while it pages, others may be gathered
        or told.
        """
        now = self._clock()
        newest: list[Notification] = []
        left_out: list[LeftOut] = []
        total = decided = dropped = 0
        before: Notification | None = None
        while decided < DECIDED_AT_MOST:
            page = await self._digests.items(digest.id, before=before, limit=PAGE)
            for item, why in await self._decide(page, now):
                if why is None:
                    total += 1
                    newest += [item] if len(newest) < LISTED else []
                else:
                    dropped += 1
                    left_out += [LeftOut(item, why)] if len(left_out) < LISTED else []
            decided += len(page)
            if len(page) < PAGE:
                break
            before = page[-1]
        return OpenDigest(
            digest=digest,
            newest=newest,
            total=total,
            left_out=left_out,
            left_out_total=dropped,
            is_whole=decided < DECIDED_AT_MOST,
        )

    # What is due

    async def close_due(self) -> float:
        """Close what is due, some of it; answers for how many seconds there is nothing to do then.

        One that fails does not keep the others from closing. Its lease runs out after `lease_seconds`, and it
        comes again.
        """
        now = self._due_clock()
        token, due = await self._digests.lease(
            limit=CLOSED_AT_ONCE, lease_seconds=self._lease_seconds, now=now
        )
        if due:
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
        next_due = await self._digests.next_due()
        return rest_until(next_due, self._due_clock(), shortest=SHORTEST_REST_SECONDS, longest=POLL_SECONDS)

    async def _close(self, digest: Digest, token: str) -> None:
        """Decide for each item again, and owe one mail for what is left, if this node is still the one to do so.

        What is counted and logged comes after `settle`: of two that close one digest only one counts it. The
        worker is woken last, when its mail is there.
        """
        now = self._clock()
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

    async def _mail(self, digest: Digest, kept: Remainder, now: datetime) -> Obligation:
        """The mail that tells what is kept, by its reader's own clock. Raises `StorageError`."""
        user = user_of(digest.room)
        assert user is not None
        zones = await zones_of(self._sources, [user])
        return mail_of(digest, kept, now, base_url=self._base_url, timezone=str(zones[user]))

    async def _left(self, digest: Digest, token: str, now: datetime) -> tuple[Remainder | None, int]:
        """What is to be told, and how many are not; None when another closes it by now.

        What is not told is written down page by page, with its rule. A crash in between leaves those pages
        done; whoever closes it next finds only the rest gathered.
        """
        newest: list[Notification] = []
        total = dropped = 0
        lane = LaneName.BULK
        before: Notification | None = None
        while True:
            page = await self._digests.items(digest.id, before=before, limit=PAGE)
            decided = await self._decide(page, now)
            left_out = {item.id: why for item, why in decided if why is not None}
            if left_out and not await self._digests.leave_out(digest.id, left_out, token=token, now=now):
                return None, 0
            told = [item for item, why in decided if why is None]
            newest += told[: LISTED - len(newest)]
            total += len(told)
            dropped += len(left_out)
            # One that somebody waits for makes the whole mail one that somebody waits for.
            if any(item.mail and item.mail.order.lane is LaneName.TRANSACTIONAL for item in told):
                lane = LaneName.TRANSACTIONAL
            if len(page) < PAGE:
                return Remainder(newest=newest, total=total, lane=lane), dropped
            before = page[-1]

    async def _decide(
        self, items: Sequence[Notification], now: datetime
    ) -> list[tuple[Notification, Skipped | None]]:
        """Each with why it is not told, if it is not. Raises `StorageError`.

        A delay or a merge is no reason here: the mail that tells them all is held by its own rules as it
        leaves.
        """
        judged = await self._judge.judge([_case(item, now) for item in items], Moment.CLOSING)
        found: list[tuple[Notification, Skipped | None]] = []
        for item, outcome in zip(items, judged, strict=True):
            if isinstance(outcome, StorageError):
                # All or none: a page that is decided in half would be told in half.
                raise outcome
            verdict = outcome.verdict
            why = _gone(item, now)
            if why is None and isinstance(verdict, Skip):
                why = Skipped(rule=verdict.rule, reason=verdict.detail)
            found.append((item, why))
        return found


def _case(item: Notification, now: datetime) -> Case:
    """An item in question: whatever its sender has asked for, what was seen is not told again."""
    assert item.mail is not None
    order = item.mail.order
    return Case(
        type=item.type,
        user=user_of(item.room),
        room=item.room,
        channel=EMAIL,
        now=now,
        due_at=now,
        notification_id=item.id,
        to=order.to,
        unless=Unless.SEEN,
        lane=order.lane,
    )


def _gone(item: Notification, now: datetime) -> Skipped | None:
    """Why there is nothing left to tell of it, whatever the gates say."""
    if item.recalled_at is not None:
        return Skipped(rule=RECALLED, reason="it was recalled")
    if item.expires_at is not None and item.expires_at <= now:
        return Skipped(rule=EXPIRED, reason="it has expired")
    return None
