"""Looking addresses up in the list of suppressions: many in one question, and as seldom as may be.

The gate `suppression` asks here, at each emit and as each mail leaves. What the list is, and how an address comes to stand there,
is of the `listing`.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.ground.clock import Clock
from mailer.address import compared
from storage.coalescing import Coalescer
from storage.errors import StorageError
from storage.suppressions import Suppression, Suppressions

EMPTY_SECONDS = 1.0
"""How long a list that was seen empty is taken for empty at emits: what nobody uses costs no look-up."""
ASKED_AT_ONCE = 1_000
"""Addresses that one question to the store has at most."""
ASKED_AT_MOST = 20_000
"""How many addresses may wait for their question; whoever asks beyond these is turned away (`StoreUnavailable`)."""
FORESEEN_SECONDS = 2.0
"""How long an answer counts that was asked for ahead: as long as a leased mail may wait for its turn."""


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """An answer that was asked for ahead, and how long it counts."""

    answer: "asyncio.Future[Mapping[str, tuple[Suppression, ...]]]"
    until: float
    """Until when the answer counts, by the loop's clock."""


class SuppressionLookup:
    """Whether addresses are suppressed, as the store says, or said a moment ago. It raises `StorageError` when the store is away.

    Every process has one over the store's list. What is kept here are answers for a second or two; a change by
    this process has them forgotten at once, one by another is seen when they are over. What is decided roughly
    at an emit is decided exactly as the mail leaves.
    """

    def __init__(self, shelf: Suppressions, clock: Clock) -> None:
        self._shelf = shelf
        self._clock = clock
        self._was_empty = False
        """Whether the list was empty at the last look."""
        self._looked_until = 0.0
        """Until when `_was_empty` counts, by the loop's clock."""
        self._foreseen: dict[str, _Foreseen] = {}
        """By the form of the address: answers that are on their way or there, each for one use."""
        self._questions: Coalescer[Sequence[str], Mapping[str, tuple[Suppression, ...]]] = Coalescer(
            self._ask,
            name="suppressions",
            batch_weight=ASKED_AT_ONCE,
            queue_weight=ASKED_AT_MOST,
            weight=len,
        )
        """Look-ups that wait for their question; one question is under way at a time."""

    async def stop(self) -> None:
        """Whoever asks from now on is turned away."""
        await self._questions.close()

    def forget(self) -> None:
        """The list has changed: what was asked before counts no more."""
        self._looked_until = 0.0
        self._foreseen.clear()

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
        forms = {address: form for address in addresses if (form := form_of(address)) is not None}
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


def _heed(answer: "asyncio.Future[Mapping[str, tuple[Suppression, ...]]]") -> None:
    """A failure that nobody asks for any more is no news."""
    if not answer.cancelled():
        answer.exception()


def forms_of(addresses: Iterable[str]) -> tuple[str, ...]:
    """The forms in which these addresses are compared, without what is none."""
    return tuple(dict.fromkeys(form for address in addresses if (form := form_of(address)) is not None))


def form_of(address: str) -> str | None:
    """The form in which it is compared; None for what is no address."""
    try:
        return compared(address)
    except ValueError:
        return None
