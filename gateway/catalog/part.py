"""The catalog as a part of a process: loaded before anything is served, and anew when its operator asks for it.

A reload with any mistake changes nothing: what was in force stays, and is complained of until a good one. What reading a
catalog takes is imported with the first load, so that a process without a catalog has none of it.
"""

import asyncio
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.catalog.live import LiveCatalog
from gateway.catalog.problems import CatalogError
from gateway.catalog.settings import CatalogSettings
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks

if TYPE_CHECKING:
    from gateway.catalog.catalog import Catalog

MISTAKES_LOGGED = 50
"""Of one load; the rest is counted."""

logger = logging.getLogger(__name__)


class CatalogPart(Part):
    """Puts the catalog of the folder in force.

    One for a process; without a folder it does nothing. A start with a mistake fails, a reload with one does
    not: the node goes on as it was.
    """

    def __init__(self, settings: CatalogSettings, live: LiveCatalog) -> None:
        self._folder = settings.folder
        self._strict = settings.strict
        self._live = live
        self._refused: str | None = None
        """Why the folder's catalog is not the one in force; None while it is."""
        self._asked = asyncio.Event()
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        """Show whether an older catalog is in force than the folder has."""
        meters.watch_gauge(
            "bellhop_catalog_refused",
            "1 while the folder's catalog has mistakes, and an earlier one is in force",
            lambda: int(self._refused is not None),
        )

    def concerns(self) -> list[str]:
        """That the folder's catalog is not the one in force."""
        if self._refused is None:
            return []
        version = None if self._live.current is None else self._live.current.version
        return [f"catalog: {self._refused}; {version} stays in force"]

    async def start(self) -> None:
        """Load the catalog and put it in force. Raises `CatalogError`, and then the process does not start."""
        if self._folder is None:
            return
        self._put_in_force(await self._load(self._folder))
        self._tasks.start(partial(self._reload_when_asked, self._folder), name="catalog")

    def reload(self) -> bool:
        """Ask for a reload; several while one is under way are one."""
        if self._folder is None:
            return False
        self._asked.set()
        return True

    async def stop(self) -> None:
        await self._tasks.stop()

    async def _reload_when_asked(self, folder: Path) -> None:
        """Reload as often as it is asked for, one after the other."""
        while True:
            await self._asked.wait()
            # Before the load: who asks in its middle may have changed a file that was read already.
            self._asked.clear()
            await self._reload(folder)

    async def _reload(self, folder: Path) -> None:
        """Read the folder anew; what is wrong is logged, and shown as a concern until a good one comes."""
        try:
            catalog = await self._load(folder)
        except CatalogError as error:
            self._refused = error.summary
            for mistake in error.mistakes[:MISTAKES_LOGGED]:
                extra = {"file": mistake.file, "line": mistake.line, "problem": mistake.problem}
                logger.error("the catalog has a mistake", extra=extra)  # noqa: TRY400 - no traceback mends a file
            self._complain(mistakes=len(error.mistakes))
        except Exception as error:
            self._refused = f"{folder} cannot be read: {type(error).__name__}"
            logger.exception("the catalog cannot be read")
            self._complain()
        else:
            self._refused = None
            current = self._live.current
            if current is not None and current.version == catalog.version:
                logger.info("the catalog is the same", extra={"version": catalog.version})
            else:
                self._put_in_force(catalog)

    async def _load(self, folder: Path) -> "Catalog":
        """The folder's catalog, with the operator's own word on strictness. Raises `CatalogError`."""
        # On a thread: a large one takes a second, in which others are served.
        catalog = await asyncio.to_thread(_loaded, folder)
        return catalog if self._strict is None else replace(catalog, strict=self._strict)

    def _put_in_force(self, catalog: "Catalog") -> None:
        """Have all ask this one from now on."""
        self._live.replace(catalog)
        logger.info("catalog in force", extra={"version": catalog.version, "types": len(catalog.types)})

    def _complain(self, **facts: int) -> None:
        """Say that the one before stays."""
        version = None if self._live.current is None else self._live.current.version
        logger.error(
            "the catalog is refused: the one before stays in force", extra={"version": version, **facts}
        )


def _loaded(folder: Path) -> "Catalog":
    """In a thread: load a folder."""
    # Here, so that who has no catalog does not load what it takes.
    from gateway.catalog.loading import load

    with _uncollected():
        return load(folder)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of garbage: it would walk over all that lives each time that so much has been
    made, and nobody is served meanwhile.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
