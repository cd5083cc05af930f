"""A sieve: a set of texts in a bounded space, that tells for certain who is not in it (a Bloom filter)."""

from typing import Final

BITS: Final = 1 << 23
"""A megabyte: of a million texts it takes one stranger in fifty for one of them."""
_PROBES: Final = 4
_MASK: Final = BITS - 1


class Sieve:
    """Of a text that was added `in` is True; of another it nearly always is False. Nothing can be taken out again."""

    __slots__ = ("_bits", "count")

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)
        self.count = 0
        """How many were added, the same one more than once too."""

    def add(self, text: str) -> None:
        # Python's own hash: keyed, so that nobody can choose texts that fall together, and other in each process.
        code = hash(text)
        place, step = code & _MASK, (code >> 23) & _MASK | 1
        for _ in range(_PROBES):
            self._bits[place >> 3] |= 1 << (place & 7)
            place = (place + step) & _MASK
        self.count += 1

    def __contains__(self, text: str) -> bool:
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
