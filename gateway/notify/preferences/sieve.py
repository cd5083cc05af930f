"""A sieve: a set of texts in a bounded space, that tells for certain who is not in it (a Bloom filter).

The `book` has the one that there is. It stands apart, since it knows only texts, and because each of
its lines is run at every emit.
"""

from typing import Final

BITS: Final = 1 << 23
"""A megabyte: of a million texts it takes one stranger in fifty for one of them."""
_PROBES: Final = 4
_MASK: Final = BITS - 1


class Sieve:
    """Of a text that was added `in` is True; of another it nearly always is False. Nothing can be taken out again.

    It has one size, `BITS`, however many are added; with many it only tells fewer strangers. Nothing of it is
    kept over a restart.
    """

    __slots__ = ("_bits", "count")

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)
        self.count = 0
        """How many were added, the same one more than once too."""

    def add(self, text: str) -> None:
        """Have it answer True of this text from now on."""
        # Python's own hash: keyed, so that nobody can choose texts that fall together, and other in each process.
        code = hash(text)
        # An odd step comes by every bit of a power of two, so the probes of a text do not fall together
        # (double hashing).
        place, step = code & _MASK, (code >> 23) & _MASK | 1
        for _ in range(_PROBES):
            self._bits[place >> 3] |= 1 << (place & 7)
            place = (place + step) & _MASK
        self.count += 1

    def __contains__(self, text: str) -> bool:
        """Whether the text was added; of a stranger it is mostly one look at one byte."""
        # Most are strangers, whom the first look tells; every emit asks.
        code = hash(text)
        place, bits = code & _MASK, self._bits
        if not bits[place >> 3] >> (place & 7) & 1:
            return False
        step = (code >> 23) & _MASK | 1
        for _ in range(_PROBES - 1):
            place = (place + step) & _MASK
            if not bits[place >> 3] >> (place & 7) & 1:
                return False
        return True
