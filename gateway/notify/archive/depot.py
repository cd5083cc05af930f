"""The depot: where the files of the archive lie. Each is written whole or not at all, and again over itself.

DepotError
├── DepotUnavailable    away, full, or not ours to write; the same may succeed later
└── DepotDamaged        what is there is not what was written
"""

from collections.abc import AsyncIterator
from typing import Protocol


class DepotError(Exception):
    """The root of what goes wrong with the archive. Says what and where, and nothing of what is in it."""


class DepotUnavailable(DepotError):
    """It cannot be written or read now."""


class DepotDamaged(DepotError):
    """A file is not what it should be."""


class Depot(Protocol):
    """Files by their names, in one folder."""

    async def put(self, name: str, content: bytes) -> None:
        """Have a file of this name and content, durable when this returns; one that is there is replaced at one stroke."""
        ...

    async def get(self, name: str) -> bytes | None:
        """The content; None when there is no such file."""
        ...

    def names(self) -> AsyncIterator[str]:
        """The names of all files, in any order."""
        ...
