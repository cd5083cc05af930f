"""What can be done with the archive beside writing it: it is listed, verified, read, and put back into its store.

The command line asks it (`bellhop archive`), beside a gateway that runs or without one. It only reads the
depot; it writes to the store in `restore` alone.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.ground.rooms import user_of
from gateway.notify.archive.depot import Depot, DepotDamaged
from gateway.notify.archive.files import Manifest, manifest_at, names_at, verified
from gateway.notify.archive.lines import Line, kept_of
from storage.archive import Archive, ArchivedNotification

RESTORED_AT_ONCE = 200
"""Notifications in one write to the store."""

TellProgress = Callable[[int, int], None]
"""Told how many pieces are done, of how many. Called before each piece, so never with all of them done."""


@dataclass(slots=True)
class Restored:
    """What came of putting back."""

    rows: int = 0
    """That were not there."""
    there: int = 0
    """That were, or that have no place there."""
    sealed: int = 0
    """That nobody can read any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A piece, or what is wrong with it."""

    name: str
    manifest: Manifest | None
    fault: str | None = None
    """Why its manifest cannot be read; None when it can."""


@dataclass(slots=True)
class Verified:
    """What came of looking at all.

    A piece with a fault adds nothing to the figures.
    """

    rows: int = 0
    sealed: int = 0
    """Of these: what nobody can read any more."""
    faults: dict[str, str] = field(default_factory=dict)
    """By the name of the piece."""


class DepotReader:
    """Reads the depot of a store with the keys of that store.

    A piece is held in memory as a whole, one at a time. The keys are asked for by piece, so an erasure in the
    meantime holds from the next on.
    """

    def __init__(self, shelf: Archive, depot: Depot, *, progress: TellProgress) -> None:
        self._shelf = shelf
        self._depot = depot
        self._progress = progress

    async def pieces(self, wanted: Sequence[str] = ()) -> list[str]:
        """The names of the pieces in their order: all, or those of `wanted`, pieces or months. Raises `LookupError`.

        The `LookupError` holds the first that is not there; nothing is done in part.
        """
        names = await names_at(self._depot)
        if not wanted:
            return names
        for each in wanted:
            if not any(_is_of(name, each) for name in names):
                raise LookupError(each)
        return [name for name in names if any(_is_of(name, each) for each in wanted)]

    async def listed(self, names: Sequence[str]) -> AsyncIterator[Listed]:
        """By their manifests alone."""
        for name in names:
            try:
                yield Listed(name=name, manifest=await manifest_at(self._depot, name))
            except DepotDamaged as error:
                yield Listed(name=name, manifest=None, fault=str(error))

    async def verify(self, names: Sequence[str]) -> Verified:
        """Whether each is what its manifest says, and all that there is a key for can be read.

        It reads every piece whole, and goes on after a fault: it is to find them all. Raises
        `DepotUnavailable`.
        """
        found = Verified()
        for done, name in enumerate(names):
            self._progress(done, len(names))
            try:
                manifest, lines = await verified(self._depot, name)
                kept = [each async for each in self._readable(lines)]
            except DepotDamaged as error:
                found.faults[name] = str(error)
                continue
            found.rows += manifest.rows
            found.sealed += manifest.rows - len(kept)
        return found

    async def of_user(self, user: str, names: Sequence[str]) -> AsyncIterator[ArchivedNotification]:
        """What the archive has of a user's own room; nothing of who was erased. Raises `DepotDamaged`.

        It reads all of these pieces, since only the lines tell whose they are. Raises `DepotUnavailable` and
        `StorageError`.
        """
        key = await self._shelf.key_of(user)
        if key is None:
            return
        async for _, lines in self._files(names):
            for line in lines:
                if line.key == key.id and (kept := kept_of(line, {key.id: key})) is not None:
                    yield kept

    async def of_room(self, room: str, names: Sequence[str]) -> AsyncIterator[ArchivedNotification]:
        """What the archive has of a room of many. Raises `DepotDamaged`.

        What is sealed is of users' own rooms, and is passed over. Raises as `of_user`.
        """
        async for _, lines in self._files(names):
            for line in lines:
                kept = None if line.sealed is not None else kept_of(line, {})
                if kept is not None and kept.notification.room == room:
                    yield kept

    async def restore(self, names: Sequence[str], *, now: datetime) -> Restored:
        """Put back what is not there; may be done again after any part of it. Raises `DepotDamaged`.

        Receipts come back with it, but nothing becomes unread. It is as old as ever, so retention puts it
        away again, unless that was made longer before; the command line looks for that. Raises as `of_user`.
        """
        done = Restored()
        # The last first: what was put away a second time, or taken back between, comes back as it was last.
        async for manifest, lines in self._files(names[::-1]):
            kept = [each async for each in self._readable(lines)]
            done.sealed += manifest.rows - len(kept)
            for start in range(0, len(kept), RESTORED_AT_ONCE):
                part = kept[start : start + RESTORED_AT_ONCE]
                new = await self._shelf.restore(part, user_of, now=now)
                done.rows += new
                done.there += len(part) - new
        return done

    async def _files(self, names: Sequence[str]) -> AsyncIterator[tuple[Manifest, list[Line]]]:
        """Each of these pieces, verified. Raises `DepotDamaged` with the piece's name in front."""
        for done, name in enumerate(names):
            self._progress(done, len(names))
            try:
                yield await verified(self._depot, name)
            except DepotDamaged as error:
                raise DepotDamaged(f"{name}: {error}") from error

    async def _readable(self, lines: Sequence[Line]) -> AsyncIterator[ArchivedNotification]:
        """What there is a key for, or needs none."""
        keys = await self._shelf.keys_by_id({line.key for line in lines if line.key is not None})
        for line in lines:
            if (kept := kept_of(line, keys)) is not None:
                yield kept


def _is_of(name: str, wanted: str) -> bool:
    """Whether the piece is the one wanted, or of the month wanted: `2026-05`."""
    return name == wanted or name.startswith(f"notifications-{wanted}-")
