"""The mailroom: what is owed by mail, by its state, and putting dead mail back.

For operators, by HTTP and by the admins' sessions. Workers do not come here: they lease from
`storage.outbox`, which is where the states are kept and moved. Each change here is one of those moves, so it
holds against a worker that has the mail at the same moment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.ground.clock import Clock
from gateway.ground.rooms import user_room
from gateway.notify.requests import HeldRequest, MailRequest
from mailer.address import compared
from storage.campaigns import Campaigns
from storage.mail import LaneName, MailState
from storage.outbox import MailPage, MailSearch, Outbox

CANCELLED = "cancelled"
"""In the place of a rule, on a mail that somebody has taken back."""
REVIVE_PAGE = 200
"""Mails that are put back in one step."""
REVIVE_PAGES = 5
"""One order revives 1,000 at most, so that a broken relay is not met by all at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revived:
    """How many mails one order has put back, and whether dead ones are left."""

    count: int
    more: bool


class Mailroom:
    """The use cases of mail. They raise `StoreUnavailable` when the store is away.

    It has no state. Ids that are unknown, or in another state than is asked, are passed over: the answer
    names those that were changed, so asking again is safe.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        clock: Clock,
        wake_mailer: Callable[[Iterable[LaneName]], None],
        campaigns: Campaigns,
    ) -> None:
        self._outbox = outbox
        self._campaigns = campaigns
        self._clock = clock
        self._wake_mailer = wake_mailer

    async def page(self, asked: MailRequest) -> MailPage:
        """A page of mail. Raises `InvalidCursor`.

        One that is searched for by its address is found in whichever form it was written down.
        """
        return await self._outbox.mail_page(_search(asked), before=asked.before, limit=asked.limit)

    async def counts(self) -> Mapping[MailState, int]:
        """How many mails are in each state; a state that has none is there with 0."""
        counts = await self._outbox.mail_counts()
        return {state: counts.get(state, 0) for state in MailState}

    async def revive(self, ids: Sequence[str]) -> list[str]:
        """Put those of `ids` back that are dead; answers which they were.

        They begin anew: no attempts are counted, and they are due now.
        """
        revived = await self._outbox.revive(ids, now=self._clock())
        if revived:
            # A campaign accounts for its own.
            # After the outbox: told first, a campaign could collect the mail once
            # more as dead. In between, the campaign's gate holds such a mail; and should this end here,
            # whoever leases it tells the campaign (`departing`).
            await self._campaigns.revived(revived, now=self._clock())
            self._wake_mailer(LaneName)
        return revived

    async def held(self, asked: HeldRequest) -> MailPage:
        """A page of what a rule holds, the earliest due first. Raises `InvalidCursor`."""
        return await self._outbox.held(after=asked.after, limit=asked.limit)

    async def hasten(self, ids: Sequence[str]) -> list[str]:
        """Send those of `ids` now that wait for their time, whatever holds them; answers which they were.

        No rule holds them at their next attempt (`HASTENED`); what says no, such as a suppression, still
        does.
        """
        hastened = await self._outbox.hasten(ids, now=self._clock())
        if hastened:
            self._wake_mailer(LaneName)
        return hastened

    async def drop(self, ids: Sequence[str], *, by: str) -> list[str]:
        """Never send those of `ids` that wait for their time; answers which they were.

        What a worker has in its hands at this moment is not pending, and goes.
        """
        return await self._outbox.drop(ids, rule=CANCELLED, reason=f"cancelled by {by}", now=self._clock())

    async def revive_all(self) -> Revived:
        """Put dead mail back, newest first, up to a bound.

        Safe to repeat: what was put back is dead no more. `more` says that the bound ended it.
        """
        count = 0
        before = None
        for _ in range(REVIVE_PAGES):
            page = await self._outbox.mail_page(
                MailSearch(state=MailState.DEAD), before=before, limit=REVIVE_PAGE
            )
            count += len(await self.revive([item.id for item in page.items])) if page.items else 0
            before = page.next
            if before is None:
                break
        return Revived(count=count, more=before is not None)


def _search(asked: MailRequest) -> MailSearch:
    """What is asked, as the outbox takes it."""
    return MailSearch(
        state=asked.state,
        # As it was written, and as another may have written it.
        addresses=() if asked.address is None else tuple({asked.address: 0, compared(asked.address): 0}),
        room=None if asked.user is None else user_room(asked.user),
        of=asked.notification,
        since=asked.since,
        until=asked.until,
    )
