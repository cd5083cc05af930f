"""Names for what is stored: UUIDv7 (RFC 9562, section 5.7), so that sorting by id is sorting by time."""

import os
import threading
import time
from collections.abc import Callable

_COUNTER_END = 1 << 12
_POOL_BYTES = 4096
_TAIL = 16
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""A random digit, with its upper two bits made the variant's (RFC 9562, section 4.1)."""


class UUID7Source:
    """Makes UUIDv7 strings, each greater than every one before it from the same source.

    Within a millisecond a 12-bit counter rises (RFC 9562, section 6.2, method 1). It starts at random in the lower
    half, so that ids cannot be counted from outside; when it is used up, or the clock steps back, the source
    runs ahead of the clock rather than repeat or reverse. `clock` answers nanoseconds since the epoch.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._millisecond = -1
        self._counter = 0
        self._time = ""
        self._pool = ""
        self._used = 0

    def __call__(self) -> str:
        with self._lock:
            millisecond = self._clock() // 1_000_000
            if millisecond > self._millisecond:
                self._restart(millisecond)
            else:
                self._counter += 1
                if self._counter == _COUNTER_END:
                    self._restart(self._millisecond + 1)
            tail = self._random_digits()
            return f"{self._time}{self._counter:03x}-{_VARIANT[tail[0]]}{tail[1:4]}-{tail[4:]}"

    def _random_digits(self) -> str:
        """From a pool: asking the kernel for each id would cost more than the rest of it."""
        begin = self._used
        if begin + _TAIL > len(self._pool):
            self._pool = os.urandom(_POOL_BYTES).hex()
            begin = 0
        self._used = begin + _TAIL
        return self._pool[begin : begin + _TAIL]

    def _restart(self, millisecond: int) -> None:
        self._millisecond = millisecond
        self._counter = int(self._random_digits(), 16) % (_COUNTER_END // 2)
        digits = f"{millisecond:012x}"
        self._time = f"{digits[:8]}-{digits[8:]}-7"


uuid7 = UUID7Source()
"""The source of this process."""
