"""The suppression list: whom no mail goes to, for how much of it, and how an address comes to stand there.

An address is written down in the form that addresses are compared by (`mailer.address.compared`), and looked up in it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Meters, Part
from gateway.notify.requests import Unfit
from mailer.address import compared
from mailer.bounces import SOFT_DAYS, SOFT_HOLD, SOFT_WINDOW_DAYS, Bounce, Severity
from storage.coalescing import Coalescer
from storage.errors import StorageError
from storage.ids import uuid7
from storage.outbox import Lease
from storage.suppressions import (
    EVERYTHING,
    Evidence,
    Reason,
    Suppression,
    SuppressionPage,
    Suppressions,
)

EMPTY_SECONDS = 1.0
"""How long a list that was seen empty is taken for empty at emits: what nobody uses costs no look-up."""
ASKED_AT_ONCE = 1_000
ASKED_AT_MOST = 20_000
"""Addresses that wait for their question; beyond these nobody is answered."""
FORESEEN_SECONDS = 2.0
"""How long an answer counts that was asked for ahead: as mail may wait for its turn, once it is leased."""
PRUNED_AT_ONCE = 500
SERVER = "server"
"""The source of what a mail server answered to us."""

NoteRefusal = Callable[[str, str, datetime], Awaitable[None]]
"""Told of a mailbox that refuses us from now on: the room of whom its mail was for, and its address as it is compared."""

logger = logging.getLogger(__name__)


async def _note_nothing(room: str, address: str, at: datetime) -> None:
    del room, address, at


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionsRequest:
    """A page of suppressions, newest first."""

    address: str | None = None
    scope: str | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressRequest:
    address: str
    scope: str = EVERYTHING
    reason: Reason = Reason.MANUAL
    evidence: Evidence = field(default_factory=Evidence)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftRequest:
    address: str
    scope: str | None = None
    """None: in every scope."""


class SuppressionList(Part):
    """The use cases of suppressions. They raise `StorageError` when the store is away, but for `bounced`."""

    def __init__(
        self, shelf: Suppressions, clock: Timekeeper, *, note_refusal: NoteRefusal = _note_nothing
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._note_refusal = note_refusal
        self._was_empty = False
        self._looked_until = 0.0
        """How long that counts, by the loop's clock."""
        self._foreseen: dict[str, _Foreseen] = {}
        """By the form of the address."""
        self._added: Counter[str] = Counter(dict.fromkeys(Reason, 0))
        self._questions: Coalescer[Sequence[str], Mapping[str, tuple[Suppression, ...]]] = Coalescer(
            self._ask,
            name="suppressions",
            batch_weight=ASKED_AT_ONCE,
            queue_weight=ASKED_AT_MOST,
            weight=len,
        )

    def measure(self, meters: Meters) -> None:
        meters.watch_counts(
            "bellhop_suppressions",
            "Addresses that this process has suppressed, by reason",
            "reason",
            self._added,
        )

    async def stop(self) -> None:
        await self._questions.close()

    async def matching(
        self, addresses: Sequence[str], *, roughly: bool = False
    ) -> Mapping[str, tuple[Suppression, ...]]:
        """Those in force of the addresses, each as it was given; of whatever is no address there is none.

        Those that are asked for while the store answers others go to it in one question: of many mails that leave, few ask alone.
        `roughly` takes a list that was seen empty a moment ago for empty: another process may have added to it.
        """
        if not addresses or (roughly and await self._seems_empty()):
            return {}
        forms = {address: form for address in addresses if (form := _compared(address)) is not None}
        if not forms:
            return {}
        found = await self._answer(set(forms.values()))
        return {address: found[form] for address, form in forms.items() if form in found}

    def foresee(self, addresses: Iterable[str]) -> None:
        """Ask in one question of addresses that will be asked for one by one, soon; neither waits nor raises.

        Each answer counts once. What is suppressed or lifted by this process meanwhile counts at once.
        """
        forms = forms_of(addresses)
        now = asyncio.get_running_loop().time()
        if len(self._foreseen) >= ASKED_AT_ONCE:
            # Of mail that was not judged after all.
            self._foreseen = {form: each for form, each in self._foreseen.items() if now < each.until}
        if len(self._foreseen) >= ASKED_AT_MOST:
            return
        try:
            [answer] = self._questions.submit([forms])
        except StorageError:
            return  # whoever asks then is told
        answer.add_done_callback(_heed)
        self._foreseen |= dict.fromkeys(forms, _Foreseen(answer, now + FORESEEN_SECONDS))

    async def _answer(self, forms: set[str]) -> Mapping[str, tuple[Suppression, ...]]:
        now = asyncio.get_running_loop().time()
        if len(forms) == 1:
            foreseen = self._foreseen.pop(next(iter(forms)), None)
            if foreseen is not None and now < foreseen.until:
                # Others wait for the same answer.
                return await asyncio.shield(foreseen.answer)
        return await self._questions.ask(list(forms))

    async def _ask(self, questions: list[Sequence[str]]) -> list[Mapping[str, tuple[Suppression, ...]]]:
        forms = list({form for question in questions for form in question})
        return [await self._shelf.matching(forms, now=self._clock())] * len(questions)

    async def _seems_empty(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now >= self._looked_until:
            self._was_empty = not await self._shelf.any(now=self._clock())
            self._looked_until = now + EMPTY_SECONDS
        return self._was_empty

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

        Raises `Unfit` for what would be over already.
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
        """Write these down; answers how many are new, or last longer than what was there."""
        count = await self._shelf.add(suppressions)
        self._looked_until = 0.0
        self._foreseen.clear()
        if count:
            self._added.update(each.reason for each in suppressions)
        return count

    async def lift(self, asked: LiftRequest) -> int:
        """Let the address be written to again; answers how many suppressions that ended."""
        count = await self._shelf.lift(compared(asked.address), scope=asked.scope, now=self._clock())
        self._foreseen.clear()
        return count

    async def of(self, addresses: Iterable[str]) -> tuple[Suppression, ...]:
        """All in force of a person's addresses."""
        found = await self._shelf.matching(forms_of(addresses), now=self._clock())
        return tuple(each for some in found.values() for each in some)

    async def bounced(self, lease: Lease, bounce: Bounce) -> None:
        """A mail server has refused the address of this mail; raises nothing."""
        try:
            await self.refused(
                lease.mail.order.to, bounce, mail=lease.id, room=lease.notification.room, source=SERVER
            )
        except StorageError:
            # Nothing is lost for good: the next mail to it is refused again.
            logger.warning("suppression not kept: the store is away", extra={"mail": lease.id})

    async def refused(self, address: str, bounce: Bounce, *, mail: str, room: str, source: str) -> bool:
        """Write down that the address refused a mail of ours to that room; answers whether it is suppressed for that."""
        form = _compared(address)
        if form is None or bounce.severity is Severity.NEITHER:
            return False
        now = self._clock()
        evidence = Evidence(mail=mail, code=bounce.status, diagnostic=bounce.diagnostic)
        reason, expires_at = Reason.HARD_BOUNCE, None
        if bounce.severity is Severity.SOFT:
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
        await self._note_refusal(room, form, now)
        return True

    async def keep_house(self) -> None:
        if self._clock.may_delete:
            await self._shelf.prune(now=self._clock(), days=SOFT_WINDOW_DAYS, limit=PRUNED_AT_ONCE)


@dataclass(frozen=True, slots=True)
class _Foreseen:
    answer: "asyncio.Future[Mapping[str, tuple[Suppression, ...]]]"
    until: float
    """By the loop's clock."""


def _heed(answer: "asyncio.Future[Mapping[str, tuple[Suppression, ...]]]") -> None:
    """A failure that nobody asks for any more is no news."""
    if not answer.cancelled():
        answer.exception()


def forms_of(addresses: Iterable[str]) -> tuple[str, ...]:
    """The forms in which these addresses are compared, without what is none."""
    return tuple(dict.fromkeys(form for address in addresses if (form := _compared(address)) is not None))


def _compared(address: str) -> str | None:
    try:
        return compared(address)
    except ValueError:
        return None
