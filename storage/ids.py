"""Names for what is stored: UUIDv7 (RFC 9562, section 5.7), so that sorting by id is sorting by time."""

import os
import threading
import time
from collections.abc import Callable

_COUNTER_END = 1 << 12
_TAIL_BYTES = 8
_TAILS = 256
"""Made at once: asking the kernel for each id would cost more than the rest of it."""
_COUNTERS = tuple(f"{counter:03x}" for counter in range(_COUNTER_END))
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""A random digit, with its upper two bits made the variant's (RFC 9562, section 4.1)."""


class UUID7Source:
    """Makes UUIDv7 strings, each greater than every one before it from the same source.

    Within a millisecond a 12-bit counter rises (RFC 9562, section 6.2, method 1). It starts at random in the lower
    half, so that ids cannot be counted from outside; when it is used up, or the clock steps back, the source
    runs ahead of the clock rather than repeat or reverse. `clock` answers nanoseconds since the epoch.

    Two sources, of two processes, may make ids of one millisecond in any order; equal ones they do not make, by 62 random
    bits beside the time and the counter. Any thread may call it.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._millisecond = -1
        self._counter = 0
        self._time = ""
        self._tails: list[str] = []
        """What is random in the ids to come, as text."""

    def follow(self, clock: Callable[[], int]) -> None:
        """Go by another clock from now on.

        Ids still never go back: behind the last one they run ahead of a clock that does.
        """
        self._clock = clock

    def __call__(self) -> str:
        """The next id. It waits for the lock of other threads and for nothing else; every few hundred ids it asks the
        kernel for chance.
        """
        return self.many(1)[0]

    def many(self, number: int) -> list[str]:
        """The next ids, of one look at the clock: of a batch they cost half of what each would by itself."""
        ids: list[str] = []
        with self._lock:
            millisecond = self._clock() // 1_000_000
            if millisecond > self._millisecond:
                self._restart(millisecond)
                # The first of a millisecond is the one that the counter begins with.
                self._counter -= 1
            for _ in range(number):
                self._counter += 1
                if self._counter == _COUNTER_END:
                    self._restart(self._millisecond + 1)
                if not self._tails:
                    self._tails = _random_tails()
                ids.append(self._time + _COUNTERS[self._counter] + self._tails.pop())
        return ids

    def _restart(self, millisecond: int) -> None:
        if not self._tails:
            self._tails = _random_tails()
        self._millisecond = millisecond
        self._counter = int(self._tails.pop()[-3:], 16) % (_COUNTER_END // 2)
        digits = f"{millisecond:012x}"
        self._time = f"{digits[:8]}-{digits[8:]}-7"


def first_of(millisecond: int) -> str:
    """What every id of this millisecond since the epoch, or a later one, is greater than, and none of an earlier one.

    It is no id itself. So the ids of a time are a range, which an index of them finds without looking at a time.
    """
    digits = f"{max(millisecond, 0):012x}"
    return f"{digits[:8]}-{digits[8:]}-"


def _random_tails() -> list[str]:
    digits = os.urandom(_TAIL_BYTES * _TAILS).hex()
    tails = [digits[begin : begin + 2 * _TAIL_BYTES] for begin in range(0, len(digits), 2 * _TAIL_BYTES)]
    return [f"-{_VARIANT[tail[0]]}{tail[1:4]}-{tail[4:]}" for tail in tails]


uuid7 = UUID7Source()
"""The source of this process."""
