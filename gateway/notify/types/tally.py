"""The tally: what became of the notifications of each type, counted beside the path of an emit, and kept by the hour.

Nothing is counted while there is neither a catalog nor a switch: nobody is shown it then.

Two ways lead to it: the emitter's listeners, while anybody is shown it, and the mail workers of this process
(`mailed`). The statistics (`stats`) count more, and longer; this is what stands beside each type for a day,
and holds also where statistics are off.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.catalog.channels import CHANNELS, EMAIL, IN_APP, Channel
from gateway.catalog.live import LiveCatalog
from gateway.ground.clock import Clock
from gateway.ground.parts import Part
from gateway.ground.tasks import Tasks, in_step
from gateway.notify.emitting.emitter import EmitListener
from mailer.outcomes import Result
from storage import tallies
from storage.errors import StorageError
from storage.mail import MailState
from storage.notifications import Notification

FLUSH_SECONDS = 5.0
"""The time between two writes; what was counted since the last one is what a crash takes along."""
DAY_HOURS = 24
KEPT_HOURS = 48
"""How many hours are kept in the store."""
CLEAR_STEP = 1000
"""Rows that one keeping of the house deletes at most."""
TYPES_MAX = 1000
"""So many are counted by name, of a day in one process; all others together are `OTHERS`. Types that the
catalog or a switch mentions have their names in any case.
"""
OTHERS = "*"

SENT, SKIPPED, DEAD = "sent", "skipped", "dead"
OUTCOMES = (SENT, SKIPPED, DEAD)
_OF_RESULT: Mapping[str, str] = {Result.SENT: SENT, Result.SKIPPED: SKIPPED, Result.BURIED: DEAD}
"""What a mail worker calls it, and what it counts as; other results are no end."""

TallyCounts = Mapping[Channel, Mapping[str, int]]
"""By channel and by outcome; each outcome has a number."""

NOTHING: TallyCounts = {channel: dict.fromkeys(OUTCOMES, 0) for channel in CHANNELS}

logger = logging.getLogger(__name__)


class Emits(Protocol):
    """Where listeners are added and taken away: the `Emitter`."""

    listeners: list[EmitListener]


class Tally(Part):
    """Counts what happens in this process, and tells what did in all of them.

    What is counted waits in memory, bounded by the types times the channels and outcomes, and is added to the
    hour of its writing. While the store is away it is counted on. An answer that is lost may have been a yes:
    then some is counted twice.
    """

    def __init__(self, shelf: tallies.Tallies, live: LiveCatalog, clock: Clock) -> None:
        self._shelf = shelf
        self._live = live
        self._clock = clock
        self._emits: Emits | None = None
        self._counts: dict[tallies.TallyKey, int] = {}
        """What is to be added to the store, by type, channel and outcome."""
        self._shown: dict[str, int] = {}
        """What was shown and owes no mail, which is most, by types of `_named`: put to the counts when they are stored."""
        self._named: set[str] = set()
        """Types that are counted by their names today."""
        self._named_day = 0
        """Which day that is, in days since the epoch, UTC."""
        self._tasks = Tasks()

    def hear(self, emits: Emits) -> None:
        """Count what is emitted there too, from the start on, as long as a catalog or a switch is in use."""
        self._emits = emits

    def start(self) -> None:
        self._listen_if_used()
        self._tasks.start(self._flush_forever, name="tally")

    async def stop(self) -> None:
        """Store what is still counted, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            await self._flush()

    async def keep_house(self) -> None:
        """Forget hours that nobody is shown any more."""
        await self._shelf.clear(before=self._hour() - KEPT_HOURS, limit=CLEAR_STEP)

    def count(self, type_: str, channel: Channel, outcome: str, number: int = 1) -> None:
        """Note that so many notifications of the type came to this end.

        Never waits: a look-up and an addition.
        """
        if not self._live.in_use:
            return
        if type_ not in self._named:
            type_ = self._name(type_)
        tally = tallies.TallyKey(type_, channel, outcome)
        self._counts[tally] = self._counts.get(tally, 0) + number

    def mailed(self, type_: str, result: str) -> None:
        """Note what became of a mail, in the worker's word for it."""
        if (outcome := _OF_RESULT.get(result)) is not None:
            self.count(type_, EMAIL, outcome)

    def emitted(self, notifications: Sequence[Notification], scope: str) -> None:
        """Note what was emitted: all are of one type.

        It is called for every emit, so the usual case, one notification that is shown and owes no mail, is a
        single addition.
        """
        del scope
        type_ = notifications[0].type
        if len(notifications) == 1 and notifications[0].in_app and notifications[0].mail is None:
            if type_ in self._named:
                self._shown[type_] = self._shown.get(type_, 0) + 1
            else:
                self.count(type_, IN_APP, SENT)
            return
        # Lists, not generators: they are the quicker here.
        if shown := sum([each.in_app for each in notifications]):
            self.count(type_, IN_APP, SENT, shown)
        hidden = sum([each.entry is not None and each.entry.hidden_by is not None for each in notifications])
        if hidden:
            self.count(type_, IN_APP, SKIPPED, hidden)
        mails = [each.mail for each in notifications if each.mail is not None]
        if mails and (skipped := sum([mail.state is MailState.SKIPPED for mail in mails])):
            self.count(type_, EMAIL, SKIPPED, skipped)

    async def day(self) -> Mapping[str, TallyCounts]:
        """What each type did in all processes, in this hour and the 23 before; raises `StoreUnavailable`.

        By type, each channel and outcome with a number. What this process has not stored yet is not in it.
        """
        if not self._live.in_use:
            return {}
        return _by_type(await self._shelf.since(self._hour() - DAY_HOURS + 1))

    async def day_of(self, type_: str) -> TallyCounts:
        """The same of one type, with zeros where nothing happened."""
        found = await self._shelf.since(self._hour() - DAY_HOURS + 1, type_=type_)
        return _by_type(found).get(type_, NOTHING)

    def _hour(self) -> int:
        """The hour of now, in hours since the epoch."""
        return int(self._clock().timestamp()) // 3600

    def _name(self, type_: str) -> str:
        """The name that a type is counted by, which is not among those of today yet.

        The names of a day are forgotten with it, so that a type that came once does not take up a place for
        ever.
        """
        day = self._hour() // DAY_HOURS
        if day != self._named_day:
            self._named.clear()
            self._named_day = day
        if len(self._named) >= TYPES_MAX and not self._live.mentions(type_):
            return OTHERS
        self._named.add(type_)
        return type_

    def _listen_if_used(self) -> None:
        """Be among the emitter's listeners while it is in use, and not else: nobody pays for what nobody is shown."""
        if self._emits is None:
            return
        listens = self.emitted in self._emits.listeners
        if self._live.in_use and not listens:
            self._emits.listeners.append(self.emitted)
        elif listens and not self._live.in_use:
            self._emits.listeners.remove(self.emitted)

    async def _flush_forever(self) -> None:
        """Write now and then, and look whether it is still in use: so late begins or ends the counting."""
        while True:
            await asyncio.sleep(in_step(FLUSH_SECONDS))
            self._listen_if_used()
            await self._flush()

    async def _flush(self) -> None:
        """Add what was counted to the store's hour. What could not be added is counted on.

        Nothing of it is put back that a cancelled write had in it: it may be stored.
        """
        shown, self._shown = self._shown, {}
        for type_, number in shown.items():
            self.count(type_, IN_APP, SENT, number)
        counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            # Of the hour in which it is stored: a store that is away for long makes one hour higher.
            await self._shelf.add(self._hour(), counts)
        except StorageError as error:
            logger.info(
                "tallies wait: the store is away", extra={"tallies": len(counts), "reason": str(error)}
            )
            for tally, count in counts.items():
                self._counts[tally] = self._counts.get(tally, 0) + count


def _by_type(found: Mapping[tallies.TallyKey, int]) -> dict[str, TallyCounts]:
    """What was found, by type, with every channel and outcome."""
    by_type: dict[str, dict[Channel, dict[str, int]]] = {}
    for (type_, name, outcome), count in found.items():
        for channel in CHANNELS:
            # What a newer release counts beside is not shown.
            if channel == name and outcome in OUTCOMES:
                of = by_type.setdefault(type_, {each: dict.fromkeys(OUTCOMES, 0) for each in CHANNELS})
                of[channel][outcome] = count
    return dict(by_type)
