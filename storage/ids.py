"""Names for what is stored: UUIDv7 (RFC 9562, section 5.7), so that sorting by id is sorting by time."""

import os
import threading
import time
from collections.abc import Callable

_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_COUNTER_BITS = 12
_COUNTER_END = 1 << _COUNTER_BITS
_POOL_BYTES = 4096


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
        self._pool = b""
        self._used = 0

    def __call__(self) -> str:
        with self._lock:
            random = int.from_bytes(self._random_bytes(8), "big")
            millisecond = self._clock() // 1_000_000
            if millisecond > self._millisecond:
                self._restart(millisecond)
            else:
                self._counter += 1
                if self._counter == _COUNTER_END:
                    self._restart(self._millisecond + 1)
            value = (self._millisecond << 80) | _VERSION | (self._counter << 64) | _VARIANT | (random >> 2)
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _random_bytes(self, size: int) -> bytes:
        """From a pool: asking the kernel for each id would cost more than the rest of it."""
        begin = self._used
        if begin + size > len(self._pool):
            self._pool = os.urandom(_POOL_BYTES)
            begin = 0
        self._used = begin + size
        return self._pool[begin : begin + size]

    def _restart(self, millisecond: int) -> None:
        self._millisecond = millisecond
        self._counter = int.from_bytes(self._random_bytes(2), "big") % (_COUNTER_END // 2)


uuid7 = UUID7Source()
"""The source of this process."""
