"""A depot in a folder of this machine, or of one that all nodes have mounted.

All of it is in threads: a folder may be on a machine that does not answer, and the loop must not wait for it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from gateway.notify.archive.depot import Depot, DepotUnavailable

PART = ".part"
"""The ending of what is being written; one that a crash has left is written over."""

T = TypeVar("T")


class FolderDepot(Depot):
    """Files that only this user may read.

    The folder is made at the first `put`; one that is not there holds nothing, and is no error.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, content: bytes) -> None:
        """As of `Depot`. Raises `DepotUnavailable`."""
        await _in_thread(lambda: self._put(name, content))

    async def get(self, name: str) -> bytes | None:
        """As of `Depot`. Raises `DepotUnavailable`."""

        def read() -> bytes | None:
            try:
                return (self._folder / name).read_bytes()
            except FileNotFoundError:
                return None

        return await _in_thread(read)

    async def names(self) -> AsyncIterator[str]:
        """As of `Depot`, without what is being written. Raises `DepotUnavailable`."""

        def listed() -> list[str]:
            try:
                return [each.name for each in self._folder.iterdir() if each.is_file()]
            except FileNotFoundError:
                return []

        for name in await _in_thread(listed):
            if not name.endswith(PART):
                yield name

    def _put(self, name: str, content: bytes) -> None:
        """Write beside, and rename: under its name the file is whole or not at all, also after a loss of power.

        One writer at a time has the turn (`writing`): the part's name is not made for two.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._folder / (name + PART)
        # Before anything is in it: nobody else may read what is being written.
        part.touch(mode=0o600)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / name)
        # The name is durable when its folder is.
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


async def _in_thread(work: Callable[[], T]) -> T:
    """Do this beside the loop. What the system says comes as `DepotUnavailable`, without the path."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise DepotUnavailable(f"the folder: {error.strerror or type(error).__name__}") from error
