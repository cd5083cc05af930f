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
        place, step = _start(text)
        for _ in range(_PROBES):
            self._bits[place >> 3] |= 1 << (place & 7)
            place = (place + step) & _MASK
        self.count += 1

    def __contains__(self, text: str) -> bool:
        place, step = _start(text)
        for _ in range(_PROBES):
            if not self._bits[place >> 3] >> (place & 7) & 1:
                return False
            place = (place + step) & _MASK
        return True


def _start(text: str) -> tuple[int, int]:
    # Python's own hash: keyed, so that nobody can choose texts that fall together, and other in each process.
    code = hash(text)
    return code & _MASK, (code >> 23) & _MASK | 1
