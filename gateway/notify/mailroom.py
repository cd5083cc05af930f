"""The mailroom: what is owed by mail, by its state, and putting dead mail back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.ground.clock import Clock
from gateway.notify.requests import MailRequest
from storage.campaigns import Campaigns
from storage.mail import LaneName, MailState
from storage.outbox import MailPage, Outbox

REVIVE_PAGE = 200
REVIVE_PAGES = 5
"""One order revives 1,000 at most, so that a broken relay is not met by all at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revived:
    """How many mails one order has put back, and whether dead ones are left."""

    count: int
    more: bool


class Mailroom:
    """The use cases of mail. They raise `StoreUnavailable` when the store is away."""

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
        """A page of mail. Raises `InvalidCursor`."""
        return await self._outbox.mail_page(state=asked.state, before=asked.before, limit=asked.limit)

    async def counts(self) -> Mapping[MailState, int]:
        """How many mails are in each state."""
        counts = await self._outbox.mail_counts()
        return {state: counts.get(state, 0) for state in MailState}

    async def revive(self, ids: Sequence[str]) -> list[str]:
        """Put those of `ids` back that are dead; answers which they were."""
        revived = await self._outbox.revive(ids, now=self._clock())
        if revived:
            # A campaign accounts for its own.
            await self._campaigns.revived(revived, now=self._clock())
            self._wake_mailer(LaneName)
        return revived

    async def revive_all(self) -> Revived:
        """Put dead mail back, newest first, up to a bound."""
        count = 0
        before = None
        for _ in range(REVIVE_PAGES):
            page = await self._outbox.mail_page(state=MailState.DEAD, before=before, limit=REVIVE_PAGE)
            count += len(await self.revive([item.id for item in page.items])) if page.items else 0
            before = page.next
            if before is None:
                break
        return Revived(count=count, more=before is not None)
