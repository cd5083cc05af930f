"""Departing: what is done by the decision on a mail that a worker is about to send.

A decision only reads. What must be written before a mail may leave, so that one of several workers is right,
is written here: that the mail counts against a throttle, that it begins a digest, and that it is its
campaign's again.

The mail workers are given `Departures.decide` (`mailer.courier.Decide`), and know nothing of gates. It runs
while the mail is leased; so a crash at any point here ends with the lease, and the next worker decides anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.ground.rooms import user_of
from gateway.notify.deciding.decision import Judge, case_of
from gateway.notify.deciding.gates import campaign, throttle
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Delay, Merge, Send, Verdict
from storage.campaigns import Campaigns
from storage.digests import Digests
from storage.endings import Ending, Gathered, Postponed, Skipped
from storage.ids import uuid7
from storage.obligations import Digest, Lease
from storage.outbox import Outbox
from storage.rhythms import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """Decides on what leaves, and notes what that takes.

    It has no state of its own. Two workers that hold two mails of one user may be here at once: the store's
    `claim` and `lead` say which of them is the one too many, or the first.
    """

    judge: Judge
    sources: Sources
    """For the facts of the throttle, once more: `claim` says only that there is no room."""
    outbox: Outbox
    digests: Digests
    campaigns: Campaigns

    async def decide(self, lease: Lease, now: datetime) -> Ending | None:
        """How the lease ends without a mail; None when it is to be sent. Raises `StorageError`.

        An ending is for the worker to write down: nothing of the mail itself is changed here. In order: the
        gates, then the lead of a digest, then the claim. The claim is last, for it counts, and what does not
        leave must not count.
        """
        verdict = await self.judge.at_lease(lease, now)
        if campaign.holds(verdict):
            verdict = await self._told(lease, verdict, now)
        if isinstance(verdict, Merge) and verdict.window.leading:
            opened = digest_of(verdict, lease.notification.room, now, lead=lease.id)
            # Asked again after a crash it answers the same: the mail that has opened the digest is the one
            # that may go alone.
            verdict = Send() if await self.digests.lead(opened) else verdict
        if isinstance(verdict, Send):
            verdict = await self._within_limit(lease, now)
        return ending_of(verdict, lease, now)

    async def _told(self, lease: Lease, verdict: Verdict, now: datetime) -> Verdict:
        """Tell its campaign of a mail that was revived, and decide anew; `verdict`, where the campaign knows all.

        Who revives a mail tells the campaign afterwards, and may die in between: then it would wait for ever.
        """
        (standing,) = await campaign.gather(self.sources, [case_of(lease, now)])
        if standing is None or not campaign.is_untold(standing):
            return verdict
        await self.campaigns.revived([lease.id], now=now)
        return await self.judge.at_lease(lease, now)

    async def _within_limit(self, lease: Lease, now: datetime) -> Verdict:
        """`Send`, and it counts against the throttle from now on; else what becomes of one too many.

        The gate has looked before, without a lock: of several that were let pass there, here only as many are
        as there is room for. The claim is written on the mail, so one that claims again after a crash is not counted
        against itself here.
        """
        # A digest's mail and a campaign's are no single notification's: the throttle is about those alone, as
        # its gate is.
        if user_of(lease.notification.room) is None or not lease.is_own:
            return Send()
        case = case_of(lease, now)
        limit = self._throttle(case)
        if limit is None:
            return Send()
        since = now - timedelta(seconds=limit.per)
        key = throttle.counted_as(case, limit)
        if await self.outbox.claim(lease, key, limit=limit.limit, since=since, now=now):
            return Send()
        (usage,) = await throttle.gather(self.sources, [case])
        # A catalog may have come into force meanwhile that has none.
        return Send() if usage is None else throttle.exceeded(case, usage)

    def _throttle(self, case: Case) -> Throttle | None:
        """What limits the mail: its sender's word, else its type's; None for what is critical, as its gate spares it."""
        catalog = self.sources.catalog.current
        type_ = None if catalog is None else catalog.types.get(case.type)
        is_spared = type_ is not None and type_.critical
        return None if is_spared else throttle.throttle_of(case, type_)


def digest_of(merge: Merge, room: str, now: datetime, *, lead: str | None = None) -> Digest:
    """The digest that is opened by it, where none is open.

    The store opens it only where none of that room and key is open; else the mail joins that one, and this id
    is never used.
    """
    window = merge.window
    return Digest(
        id=uuid7(),
        room=room,
        key=window.key,
        rule=merge.rule,
        opened_at=now,
        closes_at=window.closes_at,
        latest_at=window.latest_at,
        lead=lead,
    )


def ending_of(verdict: Verdict, lease: Lease, now: datetime) -> Ending | None:
    """How a lease ends by a verdict; None when the mail is to be sent."""
    match verdict:
        case Send():
            return None
        case Delay(until=until, rule=rule, detail=detail):
            # Not counted: it was no attempt. A mail that waits out ten nights has not failed ten times.
            return Postponed(until=until, reason=detail, rule=rule, counted=False)
        case Merge(window=window, rule=rule, detail=detail):
            digest = digest_of(verdict, lease.notification.room, now)
            return Gathered(digest=digest, silence=window.silence, rule=rule, reason=detail)
    return Skipped(rule=verdict.rule, reason=verdict.detail)
