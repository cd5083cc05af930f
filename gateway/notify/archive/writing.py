"""The archivist: what is too old is put away, verified, and only then deleted.

One node does it at a time, under a lease. Each step can be done again after a crash. Which notifications make
a piece is stored before the piece is written. It is written again under the same name. It goes from the store
only when it was read back and found whole, which is stored too.

`retention` calls `prune` in the place of deleting by age, and knows nothing of files. In steps: `begin`
(stored), two files, read back, `keep` (stored), `release`. A crash after any of them leads the next node to
the same piece: one that is open is written again, one that is kept is only deleted.
"""

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from gateway.ground.clock import Clock
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of
from gateway.notify.archive.depot import Depot, DepotDamaged, DepotError
from gateway.notify.archive.files import CONTENT, MANIFEST, name_of, opened, packed, verified
from gateway.notify.archive.lines import kept_of, written
from gateway.notify.archive.opening import OpenDepot
from storage.archive import Archive, ArchivedNotification, ArchiveKey, Piece, PieceState
from storage.errors import StorageError

PIECE_ROWS = 2000
"""In one file. Of a piece, all is held while it is written: no more than so many notifications of 64 KiB."""
READ_AT_ONCE = 200
"""Notifications that one question to the store reads."""
RELEASED_AT_ONCE = 500
"""Notifications that one statement deletes."""
PAUSE_SECONDS = 0.05
"""Between two deletions: the appends of others come in between."""
LEASE_SECONDS = 300.0
"""Longer than it takes to write a piece and to read it back, with all that is tried again."""

logger = logging.getLogger(__name__)


class Archivist(Part):
    """Every node has one, and they take turns.

    While the archive cannot be written nothing is deleted, the store grows, and a warning says so. Whoever
    fails gives up the turn, so that a node which can write has its try. A turn that is over is seen before
    each step that counts, and the store refuses what comes from it.
    """

    def __init__(
        self,
        shelf: Archive,
        open_depot: OpenDepot,
        clock: Clock,
        *,
        holder: str,
        piece_rows: int = PIECE_ROWS,
    ) -> None:
        self.put_away = 0
        """Notifications, by this process."""
        self.failures = 0
        """Times that the archive could not be written, by this process."""
        self._shelf = shelf
        self._open_depot = open_depot
        self._clock = clock
        # Another with each run: one that was killed does not go on with its lease.
        self._holder = f"{holder}/{uuid.uuid4()}"
        self._piece_rows = piece_rows
        self._trouble: str | None = None
        """Why it cannot be written now; None while it can, or while another node is at it."""
        self._leads = False
        """Whether the turn was this one's when it was last asked for."""

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_archived", "Notifications put away in the archive, and deleted", lambda: self.put_away
        )
        meters.watch_counter(
            "bellhop_archive_failures", "Times that the archive could not be written", lambda: self.failures
        )
        meters.watch_gauge(
            "bellhop_archive_failing",
            "1 while the archive cannot be written, and so nothing old is deleted",
            lambda: int(self._trouble is not None),
        )

    def concerns(self) -> list[str]:
        if self._trouble is None:
            return []
        return [f"archive: it cannot be written, and nothing old is deleted: {self._trouble}"]

    async def stop(self) -> None:
        """Let the next one work at once, if the store is there."""
        with suppress(StorageError):
            if self._leads:
                await self._lead(0)

    async def _lead(self, seconds: float) -> int | None:
        """Take the turn for so many seconds, or prolong it; its number, or None while another has it. With 0
        seconds it is given up.
        """
        turn = await self._shelf.lead(self._holder, lease_seconds=seconds, now=self._clock())
        self._leads = turn is not None and seconds > 0
        return turn

    async def prune(self, *, before: datetime) -> int:
        """Put away and delete a piece of what is older than this; answers of how many.

        0 when there is nothing, when another node is at it, and when the archive cannot be written: then that is told, and
        nothing is deleted. May raise `StorageError`: it is called again.
        """
        turn = await self._lead(LEASE_SECONDS) if await self._shelf.is_due(before=before) else None
        if turn is None:
            # What could not be put away here, another has, or is about to: whoever fails gives up the lead.
            self._trouble = None
            return 0
        piece = await self._shelf.begin(before=before, limit=self._piece_rows, turn=turn)
        if piece is None:
            return 0
        try:
            # Of one that was kept before it is not known here what the file has as taken back: that goes with a later piece.
            recalled = set() if piece.state is PieceState.KEPT else await self._keep(piece, turn)
        except DepotError as error:
            self._failed(error)
            # Another node may have a better way there.
            await self._lead(0)
            return 0
        self._works()
        # Something of it was gone or taken back, or the turn is over: it, or a new piece, has its turn the next time.
        if recalled is None:
            return 0
        # What the archive has goes from here, whoever's turn it is by now: deleting is idempotent.
        left = len(piece.ids)
        while left:
            left = await self._shelf.release(piece, limit=RELEASED_AT_ONCE, recalled=recalled)
            await asyncio.sleep(PAUSE_SECONDS)
        self.put_away += len(piece.ids)
        return len(piece.ids)

    async def _keep(self, piece: Piece, turn: int) -> set[str] | None:
        """Write the piece and read it back; answers what of it the file has as taken back, or None when it may not go now.
        Raises `DepotError` and `StorageError`.

        The turn is prolonged before each long step: a node that was held up for minutes must not write what
        another has begun anew.
        """
        depot = await self._open_depot()
        recalled = await self._shelf.recalled(piece.ids)
        lines = await self._lines(piece.ids)
        if lines is None:
            # Another deletes what is old, and does not put it away; or the turn is over.
            if await self._shelf.abandon(piece, turn=turn):
                logger.error(
                    "notifications are gone that were not put away: has every node BELLHOP_ARCHIVE_URL?"
                )
            return None
        name = name_of(piece)
        content = await asyncio.to_thread(packed, lines)
        manifest, _ = await asyncio.to_thread(opened, name, content)
        if await self._lead(LEASE_SECONDS) != turn:
            return None
        await depot.put(name + CONTENT, content)
        # Second: whoever reads in between finds a piece without a manifest, and no manifest without its
        # piece.
        await depot.put(name + MANIFEST, manifest.text())
        if await self._lead(LEASE_SECONDS) != turn:
            return None
        await self._look(depot, name, piece)
        if await self._shelf.recalled(piece.ids) != recalled:
            # The file has it as it was: the piece stays open, and is written again.
            return None
        return recalled if await self._shelf.keep(piece, turn=turn) else None

    async def _lines(self, ids: Sequence[str]) -> list[bytes] | None:
        """The piece, line by line; None when something of it is not there any more."""
        lines: list[bytes] = []
        for start in range(0, len(ids), READ_AT_ONCE):
            part = ids[start : start + READ_AT_ONCE]
            # The keys before what they seal: whoever is erased in between has sealed it under a key that is gone. The other
            # way round a key would be made for them anew, and what was read before be readable for ever.
            keys = await self._keys(part)
            kept = await self._shelf.contents(part, user_of)
            # Sealing takes its time, which no emit shall have to wait for.
            lines += await asyncio.to_thread(_written, kept, keys)
        return lines if len(lines) == len(ids) else None

    async def _keys(self, ids: Sequence[str]) -> dict[str, ArchiveKey]:
        """The keys of the users in whose own rooms these are; made for whoever has none yet."""
        users = {user for room in await self._shelf.rooms(ids) if (user := user_of(room)) is not None}
        return await self._shelf.keys(users) if users else {}

    async def _look(self, depot: Depot, name: str, piece: Piece) -> None:
        """Whether the archive has the piece, whole and readable, by what is read back. Raises `DepotDamaged`.

        Every line that can be unsealed is, so that what is deleted is known to be readable.
        """
        _, lines = await verified(depot, name)
        if [line.id for line in lines] != list(piece.ids):
            raise DepotDamaged("what was written is not what is read back")
        keys = await self._shelf.keys_by_id({line.key for line in lines if line.key is not None})
        await asyncio.to_thread(lambda: [kept_of(line, keys) for line in lines])

    def _failed(self, error: DepotError) -> None:
        """Count it, and tell it once, until it is written again."""
        self.failures += 1
        if self._trouble is None:
            logger.error(
                "the archive cannot be written, and nothing old is deleted", extra={"reason": str(error)}
            )
        self._trouble = str(error)

    def _works(self) -> None:
        """The archive is written: there is no trouble any more."""
        if self._trouble is not None:
            logger.info("the archive is written again")
        self._trouble = None


def _written(kept: Sequence[ArchivedNotification], keys: Mapping[str, ArchiveKey]) -> list[bytes]:
    """The lines of these; it is run beside the loop."""
    return [written(each, keys) for each in kept]
