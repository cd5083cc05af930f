"""The suppression list: whom no mail goes to, for how much of it, and how an address comes to stand there.

An address is written down in the form that addresses are compared by (`mailer.address.compared`), and looked up in it.

Three ways lead to it: a mail server's answer as a mail leaves (`bounced`), a report that comes back
(`returns`, by `refused` and `add`), and somebody who says so. The gate `suppression` asks whether a mail may
go; its scopes (`*`, `lane:…`, `category:…`) are for the gate to understand.
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
from mailer.bounces import SOFT_DAYS, SOFT_HOLD, SOFT_WINDOW_DAYS, Bounce, BounceSeverity
from storage.coalescing import Coalescer
from storage.errors import StorageError
from storage.ids import uuid7
from storage.obligations import Lease
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
"""Addresses that one question to the store has at most."""
ASKED_AT_MOST = 20_000
"""How many addresses may wait for their question; whoever asks beyond these is turned away (`StoreUnavailable`)."""
FORESEEN_SECONDS = 2.0
"""How long an answer counts that was asked for ahead: as long as a leased mail may wait for its turn."""
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

    The list is the store's, and every process has one of these over it. What is kept here are answers for a
    second or two; a change by this process forgets them at once, one by another is seen when they are over.
    What is decided roughly at an emit is decided exactly as the mail leaves.
    """

    def __init__(
        self, shelf: Suppressions, clock: Timekeeper, *, note_refusal: NoteRefusal = _note_nothing
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._note_refusal = note_refusal
        self._was_empty = False
        """Whether the list was empty at the last look."""
        self._looked_until = 0.0
        """Until when `_was_empty` counts, by the loop's clock."""
        self._foreseen: dict[str, _Foreseen] = {}
        """By the form of the address: answers that are on their way or there, each for one use."""
        self._added: Counter[str] = Counter(dict.fromkeys(Reason, 0))
        """How many this process has added, by reason, for the metrics."""
        self._questions: Coalescer[Sequence[str], Mapping[str, tuple[Suppression, ...]]] = Coalescer(
            self._ask,
            name="suppressions",
            batch_weight=ASKED_AT_ONCE,
            queue_weight=ASKED_AT_MOST,
            weight=len,
        )
        """Look-ups that wait for their question; one question is under way at a time."""

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

        Raises `StoreUnavailable` too when more than `ASKED_AT_MOST` wait. An address without any is absent.
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
        # One answer for all of them, which the store gives for all in one question.
        self._foreseen |= dict.fromkeys(forms, _Foreseen(answer, now + FORESEEN_SECONDS))

    async def _answer(self, forms: set[str]) -> Mapping[str, tuple[Suppression, ...]]:
        """What the store has of these forms: from an answer that was foreseen where one is asked for, else by
        the next question.
        """
        now = asyncio.get_running_loop().time()
        if len(forms) == 1:
            # Taken out: a second mail to the same address asks anew, and so sees what the first has come to.
            foreseen = self._foreseen.pop(next(iter(forms)), None)
            if foreseen is not None and now < foreseen.until:
                # Others wait for the same answer.
                return await asyncio.shield(foreseen.answer)
        return await self._questions.ask(list(forms))

    async def _ask(self, questions: list[Sequence[str]]) -> list[Mapping[str, tuple[Suppression, ...]]]:
        """One question for many: each is given the whole answer, and takes what it asked for."""
        forms = list({form for question in questions for form in question})
        return [await self._shelf.matching(forms, now=self._clock())] * len(questions)

    async def _seems_empty(self) -> bool:
        """Whether nothing was in the list a second ago. Raises `StorageError`."""
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
        self._looked_until = 0.0
        self._foreseen.clear()
        if count:
            self._added.update(each.reason for each in suppressions)
        return count

    async def lift(self, asked: LiftRequest) -> int:
        """Let the address be written to again; answers how many suppressions that ended.

        A bounce that comes later puts it back. A hint that its user was given goes with the next look at it
        (`mailboxes`).
        """
        count = await self._shelf.lift(compared(asked.address), scope=asked.scope, now=self._clock())
        self._foreseen.clear()
        return count

    async def of(self, addresses: Iterable[str]) -> tuple[Suppression, ...]:
        """All in force of a person's addresses, in any scope."""
        found = await self._shelf.matching(forms_of(addresses), now=self._clock())
        return tuple(each for some in found.values() for each in some)

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
        form = _compared(address)
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


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """An answer that was asked for ahead, and how long it counts."""

    answer: "asyncio.Future[Mapping[str, tuple[Suppression, ...]]]"
    until: float
    """Until when the answer counts, by the loop's clock."""


def _heed(answer: "asyncio.Future[Mapping[str, tuple[Suppression, ...]]]") -> None:
    """A failure that nobody asks for any more is no news."""
    if not answer.cancelled():
        answer.exception()


def forms_of(addresses: Iterable[str]) -> tuple[str, ...]:
    """The forms in which these addresses are compared, without what is none."""
    return tuple(dict.fromkeys(form for address in addresses if (form := _compared(address)) is not None))


def _compared(address: str) -> str | None:
    """The form in which it is compared; None for what is no address."""
    try:
        return compared(address)
    except ValueError:
        return None
