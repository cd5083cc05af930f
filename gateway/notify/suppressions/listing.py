"""The suppression list: whom no mail goes to, for how much of it, and how an address comes to stand there.

An address is written down in the form that addresses are compared by (`mailer.address.compared`), and looked up in it.

Three ways lead to it: a mail server's answer as a mail leaves (`bounced`), a report that comes back
(`returns`, by `refused` and `add`), and somebody who says so. Whether a mail may go is looked up by
`lookup`; the scopes (`*`, `lane:…`, `category:…`) are for the gate to understand.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Meters, Part
from gateway.notify.requests import Unfit
from gateway.notify.suppressions.lookup import SuppressionLookup, form_of
from mailer.address import compared
from mailer.bounces import SOFT_DAYS, SOFT_HOLD, SOFT_WINDOW_DAYS, Bounce, BounceSeverity
from storage.errors import StorageError
from storage.ids import uuid7
from storage.obligations import Lease
from storage.suppressions import EVERYTHING, Evidence, Reason, Suppression, SuppressionPage, Suppressions

PRUNED_AT_ONCE = 500
"""Of each kind, in one keeping of the house."""
SERVER = "server"
"""The source of what a mail server answered to us."""

NoteRefusal = Callable[[str, str, datetime], Awaitable[None]]
"""Told of a mailbox that refuses us from now on: the room of whom its mail was for, and its address as it is compared."""

logger = logging.getLogger(__name__)


async def _note_nothing(room: str, address: str, at: datetime) -> None:
    """For a process in which nobody is told."""
    del room, address, at


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionsRequest:
    """A page of suppressions, newest first."""

    address: str | None = None
    scope: str | None = None
    """Only those of this scope; None: of all."""
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressRequest:
    """An address that is not to be written to any more, and why."""

    address: str
    scope: str = EVERYTHING
    """`*`, `lane:bulk` or `category:deals`: for how much mail it is."""
    reason: Reason = Reason.MANUAL
    evidence: Evidence = field(default_factory=Evidence)
    expires_at: datetime | None = None
    """None: until it is lifted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftRequest:
    """An address that may be written to again."""

    address: str
    scope: str | None = None
    """The scope in which it is lifted; None: in every scope."""


class SuppressionList(Part):
    """The use cases of suppressions. They raise `StorageError` when the store is away, but for `bounced`.

    The list is the store's, and every process has one of these over it.
    """

    def __init__(
        self, shelf: Suppressions, clock: Timekeeper, *, note_refusal: NoteRefusal = _note_nothing
    ) -> None:
        self.lookup = SuppressionLookup(shelf, clock)
        """Where it is asked what stands against an address."""
        self._shelf = shelf
        self._clock = clock
        self._note_refusal = note_refusal
        self._added: Counter[str] = Counter(dict.fromkeys(Reason, 0))
        """How many this process has added, by reason, for the metrics."""

    def measure(self, meters: Meters) -> None:
        meters.watch_counts(
            "bellhop_suppressions",
            "Addresses that this process has suppressed, by reason",
            "reason",
            self._added,
        )

    async def stop(self) -> None:
        await self.lookup.stop()

    async def page(self, asked: SuppressionsRequest) -> SuppressionPage:
        """A page of those in force. Raises `InvalidCursor`."""
        return await self._shelf.page(
            address=None if asked.address is None else compared(asked.address),
            scope=asked.scope,
            before=asked.before,
            limit=asked.limit,
            now=self._clock(),
        )

    async def suppress(self, asked: SuppressRequest, *, source: str) -> Suppression:
        """Write the address down; answers what is in force in that scope then: it may have stood there for longer.

        Raises `Unfit` for what would be over already, and `ValueError` for what is no address: requests were
        parsed before.
        """
        if asked.expires_at is not None and asked.expires_at <= self._clock():
            raise Unfit({"expires_at": ["Must be ahead."]})
        given = self._made(asked, source)
        await self.add([given])
        found = await self._shelf.matching([given.address], now=self._clock())
        return next((each for each in found.get(given.address, ()) if each.scope == given.scope), given)

    async def suppress_many(self, asked: Sequence[SuppressRequest], *, source: str) -> int:
        """Write these down; answers how many are new, or last longer than what was there."""
        return await self.add([self._made(each, source) for each in asked])

    def _made(self, asked: SuppressRequest, source: str) -> Suppression:
        """What is asked for, as it is written down: a new id, and the address in its compared form. Raises
        `ValueError` for what is no address.
        """
        return Suppression(
            id=uuid7(),
            address=compared(asked.address),
            scope=asked.scope,
            reason=asked.reason,
            source=source,
            evidence=asked.evidence,
            created_at=self._clock(),
            expires_at=asked.expires_at,
        )

    async def add(self, suppressions: Sequence[Suppression]) -> int:
        """Write these down; answers how many are new, or last longer than what was there.

        Idempotent: of two of one address and scope the one stays that lasts longer. What was foreseen is
        forgotten after the store has it.
        """
        count = await self._shelf.add(suppressions)
        self.lookup.forget()
        if count:
            self._added.update(each.reason for each in suppressions)
        return count

    async def lift(self, asked: LiftRequest) -> int:
        """Let the address be written to again; answers how many suppressions that ended.

        A bounce that comes later puts it back. A hint that its user was given goes with the next look at it
        (`mailboxes`).
        """
        count = await self._shelf.lift(compared(asked.address), scope=asked.scope, now=self._clock())
        self.lookup.forget()
        return count

    async def bounced(self, lease: Lease, bounce: Bounce) -> None:
        """A mail server has refused the address of this mail; raises nothing.

        A mail worker calls it while it holds the mail, and must not fail by it.
        """
        try:
            await self.refused(
                lease.mail.order.to, bounce, mail=lease.id, room=lease.notification.room, source=SERVER
            )
        except StorageError:
            # Nothing is lost for good: the next mail to it is refused again.
            logger.warning("suppression not kept: the store is away", extra={"mail": lease.id})

    async def refused(self, address: str, bounce: Bounce, *, mail: str, room: str, source: str) -> bool:
        """Write down that the address refused a mail of ours to that room; answers whether it is suppressed for that.

        For good at once where the mailbox is not there; for `SOFT_HOLD` where it refused on `SOFT_DAYS` of
        the last days; else the day is only noted. Raises `StorageError`.

        A crash between the list and the note leaves the user without a hint until the next refusal.
        """
        form = form_of(address)
        if form is None or bounce.severity is BounceSeverity.NEITHER:
            return False
        now = self._clock()
        evidence = Evidence(mail=mail, code=bounce.status, diagnostic=bounce.diagnostic)
        reason, expires_at = Reason.HARD_BOUNCE, None
        if bounce.severity is BounceSeverity.SOFT:
            days = await self._shelf.bounced_softly(form, at=now, days=SOFT_WINDOW_DAYS)
            if days < SOFT_DAYS:
                return False
            reason, expires_at = Reason.SOFT_BOUNCE, now + SOFT_HOLD
        await self.add(
            [
                Suppression(
                    id=uuid7(), address=form, reason=reason, source=source, evidence=evidence, created_at=now,
                    expires_at=expires_at,
                )
            ]
        )  # fmt: skip
        extra = {"mail": mail, "reason": reason.value, "code": bounce.status, "source": source}
        logger.info("address suppressed", extra=extra)
        # After the list: whoever is told looks first whether it holds.
        await self._note_refusal(room, form, now)
        return True

    async def keep_house(self) -> None:
        """Forget what has expired, and days of refusals that count no more; not while the clock is in doubt."""
        if self._clock.may_delete:
            await self._shelf.prune(now=self._clock(), days=SOFT_WINDOW_DAYS, limit=PRUNED_AT_ONCE)
