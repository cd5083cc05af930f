"""The line that the store is in: whether it goes on from where it was, or was put back to an older state.

A restored store hands out sequences a second time, and clients that have had them would drop what comes under them. Heads
never go back otherwise, pruning and erasing included; so a head that is behind what this node has appended, or what a
witness outside the store has seen, is proof. The store turns to a new epoch then, and every client begins again.

It judges; it does not repair. What follows from a new epoch is done by who hears `on_turn`: sessions are sent
away, cursors forgotten.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Command
from gateway.cluster.witness import HighWaterMark, Witness, WitnessAway
from gateway.ground.clock import Clock
from gateway.ground.tasks import Tasks, in_step
from storage.epochs import Epochs
from storage.errors import IdempotencyMismatch, StorageError
from storage.groupcommit import Appends
from storage.notifications import Notification
from storage.streams import Appended, Emission, Streams

CHECK_SECONDS = 2.0
"""How often the store is looked at while nothing is suspected."""
WRITE_SECONDS = 1.0
"""How old the witness may be, when anything is appended."""
REWRITE_SECONDS = 30.0
"""A witness of a store that nobody appends to still tells when the node ran last."""
ROOMS_REMEMBERED = 64
"""Rooms whose heads are compared; the newest suffice, since a store that was put back lacks these first."""

logger = logging.getLogger(__name__)


class EpochBegan(Command, frozen=True, tag="epoch"):
    """Know that the store was put back, and in which epoch it goes on."""

    epoch: str


class Lineage:
    """Keeps the epoch of one node, and the evidence.

    One for a node. While the store is away nothing is concluded. Nodes check independently: the first that
    has proof begins the epoch, and the store sees to it that two do not begin two.
    """

    def __init__(self, epochs: Epochs, streams: Streams, witness: Witness, bus: Bus, clock: Clock) -> None:
        self.epoch = ""
        """The one in force, as this node knows it."""
        self.on_turn: Callable[[str], None] = lambda _: None
        """Told of every epoch that begins while the node runs."""
        self._epochs = epochs
        self._streams = streams
        self._witness = witness
        self._bus = bus
        self._clock = clock
        self._recent: dict[str, int] = {}
        """The last sequences of the rooms that were appended to last, the newest at the end."""
        self._witnessed: str | None = None
        """The epoch that the witness has seen, until it was compared with the store's."""
        self._is_heard = False
        """Whether the witness has been asked: it is not written to before."""
        self._unheard: str | None = None
        """Why not, as it was told last."""
        self._is_sound = False
        """Whether the store stood the last check."""
        self._written: tuple[str, int] | None = None
        """The room and sequence that the witness was told last."""
        self._written_at = float("-inf")
        self._untold = asyncio.Event()
        """Set while there may be something that the witness is to be told."""
        self._due = asyncio.Event()
        self._checking = asyncio.Lock()
        """Two checks at once could each begin an epoch."""
        self._tasks = Tasks()

    async def start(self) -> HighWaterMark | None:
        """Compare the store with its witness; answers that, if there is one. Raises `StoreUnavailable`."""
        mark = await self._hear_witness()
        await self.check()
        self._untold.set()
        self._tasks.start(self._check_forever, name="lineage check")
        self._tasks.start(self._write_forever, name="lineage witness")
        return mark

    async def stop(self) -> None:
        """Look once more and tell the witness, so that the next start compares with the very last. Never raises
        for a store that is away.
        """
        await self._tasks.stop()
        with contextlib.suppress(StorageError):
            await self.check()
            await self._write()
        await self._witness.close()

    def appended(self, notifications: Iterable[Notification]) -> None:
        """These have just been stored by this node, after all it has told before.

        Called on the loop for every commit: it compares in memory and waits for nothing.
        """
        self._untold.set()
        recent = self._recent
        for notification in notifications:
            room, seq = notification.room, notification.seq
            if seq is None:
                continue
            before = recent.pop(room, 0)
            if seq <= before:
                self.suspect()
            # What was had before stays the proof until it was looked at.
            recent[room] = max(seq, before)
        while len(recent) > ROOMS_REMEMBERED:
            del recent[next(iter(recent))]

    def suspect(self) -> None:
        """Something does not fit: look soon.

        Never waits. The check follows at once.
        """
        self._due.set()

    def began(self, command: EpochBegan) -> None:
        """Another node has found the store put back, and has seen to it.

        The bus may lose the command; then the next check finds the epoch in the store.
        """
        self._adopt(command.epoch)

    async def check(self) -> None:
        """Look whether the store is where it was; begin a new epoch if it is not.

        Raises `StorageError`, and then nothing was concluded. Several calls at once come one after the other.

        A crash behind `turn` and before the order leaves the epoch in the store, where the other nodes find
        it within `CHECK_SECONDS`.
        """
        async with self._checking:
            # Until it stands the check, the witness must not be told of it: that would wipe out the evidence.
            self._is_sound = False
            epoch = await self._epochs.current()
            behind = await self._behind()
            if behind or self._witnessed not in (None, epoch):
                began = await self._epochs.turn(seen=epoch)
                logger.error(
                    "the store was put back to an older state: a new epoch begins",
                    extra={"epoch": began, "rooms": len(behind)},
                )
                # What was had belongs to the former line, and would prove every epoch wrong.
                self._recent.clear()
                self._adopt(began)
                await self._bus.order_others(EpochBegan(began))
            elif epoch != self.epoch:
                self._adopt(epoch)
            self._witnessed = None
            self._is_sound = True

    async def _behind(self) -> list[str]:
        """The rooms whose heads are behind what this node knows."""
        if not self._recent:
            return []
        # A copy: what is appended during the question is not in its answer.
        remembered = dict(self._recent)
        heads = await self._streams.heads(list(remembered))
        return [room for room, seq in remembered.items() if heads[room] < seq]

    def _adopt(self, epoch: str) -> None:
        """Go by another epoch, and tell who has to know. The first one at the start is no turn."""
        if epoch == self.epoch:
            return
        is_first, self.epoch = not self.epoch, epoch
        self._written = None
        self._untold.set()
        if not is_first:
            self._recent.clear()
            self._streams.unlearn()
            logger.warning("a new epoch has begun", extra={"epoch": epoch})
            self.on_turn(epoch)

    # The witness

    async def _hear_witness(self) -> HighWaterMark | None:
        """Ask the witness, once until it answers; what it says is evidence for the next check."""
        try:
            mark = await self._witness.read()
        except WitnessAway as error:
            if str(error) != self._unheard:
                self._unheard = str(error)
                logger.warning("the witness of the store is not heard", extra={"reason": self._unheard})
            return None
        self._is_heard = True
        if mark is None:
            return None
        self._witnessed = mark.epoch
        if mark.room:
            self._recent = {mark.room: max(mark.seq, self._recent.get(mark.room, 0)), **self._recent}
        self._untold.set()
        return mark

    async def _write(self) -> None:
        """Tell the witness how far the store has come, when that is known to be sound."""
        if not (self._is_heard and self._is_sound):
            return
        newest = next(reversed(self._recent.items()), ("", 0))
        now = asyncio.get_running_loop().time()
        if newest == self._written and now - self._written_at < REWRITE_SECONDS - WRITE_SECONDS:
            self._untold.clear()
            return
        room, seq = newest
        with contextlib.suppress(WitnessAway):
            await self._witness.write(HighWaterMark(epoch=self.epoch, room=room, seq=seq, at=self._clock()))
            self._written, self._written_at = newest, now

    async def _write_forever(self) -> None:
        """Write a moment after there is something to be told, and now and then."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REWRITE_SECONDS - 2 * WRITE_SECONDS):
                    await self._untold.wait()
            await asyncio.sleep(WRITE_SECONDS)
            await _quietly(self._write)

    async def _check_forever(self) -> None:
        """Check every few seconds, and at once where something is suspected."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(in_step(CHECK_SECONDS)):
                    await self._due.wait()
            self._due.clear()
            if not self._is_heard:
                await self._hear_witness()
            await _quietly(self.check)


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    """Nothing ends the watch; a store that is away is told of elsewhere."""
    try:
        await work()
    except StorageError:
        pass
    except Exception:
        logger.exception("lineage not looked after")


class Witnessed:
    """A store's `append`, with what it has stored told to the lineage."""

    def __init__(self, appends: Appends, lineage: Lineage) -> None:
        self._appends = appends
        self._lineage = lineage

    async def append(self, emissions: Sequence[Emission]) -> Sequence[Appended | IdempotencyMismatch]:
        """As the store's, which it calls; a duplicate is nothing new and not told."""
        answers = await self._appends.append(emissions)
        # The last ones do: they are the newest, and whoever looks through thousands is waited for by all who emit.
        for answer in answers[-1:-9:-1]:
            if isinstance(answer, Appended) and not answer.duplicate:
                self._lineage.appended(answer.notifications[-8:])
                break
        return answers
