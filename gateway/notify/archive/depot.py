"""The depot: where the files of the archive lie. Each is written whole or not at all, and again over itself.

DepotError
├── DepotUnavailable    away, full, or not ours to write; the same may succeed later
└── DepotDamaged        what is there is not what was written

There are two, in `folder` and in `bucket`. Whoever uses one knows neither.
"""

from collections.abc import AsyncIterator
from typing import Protocol


class DepotError(Exception):
    """The root of what goes wrong with the archive. Says what and where, and nothing of what is in it."""


class DepotUnavailable(DepotError):
    """It cannot be written or read now.

    Whatever the library behind says comes as this: no network, no right, no room.
    """


class DepotDamaged(DepotError):
    """A file is not what it should be.

    To try again is of no use: somebody has to look. `reading` names the piece in front of it.
    """


class Depot(Protocol):
    """Files by their names, in one folder.

    Names are those of `files`, without a folder. Whoever writes has the turn of `storage.archive`, so no name is
    written by two at once. Nothing is deleted by us.
    """

    async def put(self, name: str, content: bytes) -> None:
        """Have a file of this name and content, durable when this returns; one that is there is replaced at one stroke.

        Raises `DepotUnavailable`; then there may be a file of this name or none, but never a part of one.
        """
        ...

    async def get(self, name: str) -> bytes | None:
        """The content; None when there is no such file.

        Raises `DepotUnavailable`.
        """
        ...

    def names(self) -> AsyncIterator[str]:
        """The names of all files, in any order.

        Files that are being written are not among them. Raises `DepotUnavailable`.
        """
        ...
