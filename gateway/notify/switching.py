"""Switching: what admins have set for types is in force on this node within a second of being set on any.

The node that is asked for a change keeps it in the store, and tells the others by the bus. That may be lost: so each node also
asks the store whether something is new, every half second while there is a catalog or a switch, and seldom else.

What a switch means is the catalog's (`gateway.catalog.live`, `switches`); who may set one is `types`' and its
callers'. The gates ask the live catalog, so nothing of this is on the path of an emit. A mail process has one
too, without a bus: it finds what is new by looking.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gateway.catalog.live import LiveCatalog
from gateway.catalog.switches import Switch
from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Command
from gateway.ground.clock import Clock
from gateway.ground.logs import Seldom
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks, in_step
from storage.errors import StorageError
from storage.switches import Switched, Switches, SwitchSettings, SwitchTable

LOOK_SECONDS = 0.5
"""Between two looks at the store while there is a catalog or a switch, or the last look has failed. A look
asks for one number.
"""
SELDOM_SECONDS = 10.0
"""Where nothing is switched and there is no catalog: so long may the first switch take where the bus does not tell of it."""

logger = logging.getLogger(__name__)


class SwitchesChanged(Command, frozen=True, tag="switches"):
    """Look at what is switched: something is new.

    It carries nothing of what was set, so it may come late or twice.
    """


class Switching(Part):
    """Keeps the switches of this node as the store has them. While the store is away, the last known ones stay.

    One look at a time (`_turn`); each compares the version, and reads the table only where that is another. A
    process that has just started has the table of the store before it does anything.
    """

    def __init__(self, shelf: Switches, live: LiveCatalog, bus: Bus, clock: Clock) -> None:
        self._shelf = shelf
        self._live = live
        self._bus = bus
        self._clock = clock
        self._table = SwitchTable(version=0, types={})
        """What the store had at the last look."""
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._away = Seldom(logger, "the switches cannot be read: those known before stay in force")
        self._tasks = Tasks()
        live.on_change.append(lambda _: self._news.set())

    @property
    def switched(self) -> Mapping[str, Switched]:
        """What is set for each type that was ever switched, as far as this node knows."""
        return self._table.types

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {SwitchesChanged: lambda _: self._news.set()}

    async def start(self) -> None:
        """Nothing is emitted or sent before it is known what is switched off. Raises `StorageError`."""
        await self.refresh()
        self._tasks.start(self._look_forever, name="switches")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def change(self, type_: str, asked: SwitchSettings, *, by: str) -> Switched:
        """Set what is asked for a type; when this returns it is in force here, and the others were told.

        Raises `StorageError`; a `StoreUnavailable` may come after it was kept, and asking again does no harm.

        The others take it over within their look, whether or not the bus tells them.
        """
        switched = await self._shelf.change(type_, asked, by=by, now=self._clock())
        logger.info("a type was switched", extra={"type": type_, "by": by, "asked": asked})
        # Before it is in force here: the others need not wait for what this node still has to read.
        await self._bus.order_others(SwitchesChanged())
        await self.refresh()
        return switched

    async def refresh(self) -> None:
        """Have what is set in the store in force. Raises `StorageError`."""
        # One after the other: what was read before must not come into force after what was read later.
        async with self._turn:
            # Not only a higher one: a store that was put back has a lower one.
            if await self._shelf.version() != self._table.version:
                self._take(await self._shelf.all())

    def _take(self, table: SwitchTable) -> None:
        """Put what was read in force; types whose settings were all taken away have no switch."""
        self._table = table
        self._live.switches = {
            type_: Switch.of(switched.settings)
            for type_, switched in table.types.items()
            if switched.settings
        }
        # Who looks seldom is to look often from now on, and not in ten seconds.
        self._news.set()
        logger.info("switches in force", extra={"version": table.version, "types": len(self._live.switches)})

    async def _look_forever(self) -> None:
        """Look at what is switched whenever it is heard of, and now and then: what was missed is found so."""
        missed = False
        while True:
            with suppress(TimeoutError):
                often = missed or self._live.in_use
                async with asyncio.timeout(in_step(LOOK_SECONDS if often else SELDOM_SECONDS)):
                    await self._news.wait()
            # Before the look: what is heard of during it is looked at again.
            self._news.clear()
            try:
                await self.refresh()
            except StorageError as error:
                missed = True
                self._away.say(reason=str(error))
            else:
                missed = False
