"""The shelf of epochs: which line of sequences the store is in."""

from typing import Protocol


class Epochs(Protocol):
    """Names the line that the sequences are of.

    A store that is put back to an older state hands out sequences a second time. The epoch, a short text, names the line:
    clients that have counted in another one have to begin again.
    """

    async def current(self) -> str:
        """The one in force.

        The first that asks a new store makes it; all others get the same.
        """
        ...

    async def turn(self, *, seen: str | None = None) -> str:
        """Begin a new epoch, unless the one in force is not `seen` any more; answers the one in force then.

        What a user has read, or has a receipt of, beyond the head of its room is brought back: nothing that comes under
        those sequences is born read.

        It may take several writes. The new epoch is in force after all of them, so that a client that hears of it finds
        everything brought back; a crash before that leaves the old one, and the whole may be done again. Of several
        processes that notice at once and say what they have seen, one turns it.
        """
        ...
