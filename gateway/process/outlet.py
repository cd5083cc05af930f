"""Standard output and error of a process that must not wait for whoever reads them.

A pipe that nobody drains takes 64 KB and then holds up everybody who writes to it. Here a thread of its own writes, from a
queue of bounded size; what does not fit is dropped, counted, and told of once when the reader reads again.

It is installed once, before anything is printed, and only in processes of our own. What is printed by C, or
by a child, does not pass it.
"""

import atexit
import io
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO, TextIO

from gateway.ground.parts import Meters, Part

QUEUE_BYTES = 1024 * 1024
"""What waits for the reader; beyond it lines are dropped."""
ENTRY_BYTES = 100
"""What an entry of the queue costs beside its text: a flood of empty lines is a flood too."""
FLUSH_SECONDS = 2.0
"""How long the end of the process waits for its reader."""

logger = logging.getLogger(__name__)

TellDropped = Callable[[int], None]
"""Told, from the outlet's own thread, how many lines were dropped before the reader read again. It may log,
which comes back here as any line does.
"""


class Outlet(io.RawIOBase):
    """A stream to a file descriptor whose writes return at once. Lines leave whole or not at all, in their order.

    It lives as long as the process: its thread is a daemon. `write` may be called from any thread, and from a
    signal's handler.
    """

    def __init__(self, descriptor: int, *, tell: TellDropped, queue_bytes: int = QUEUE_BYTES) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._tell = tell
        self._queue_bytes = queue_bytes
        self._queue: deque[bytes] = deque()
        self._held_bytes = 0
        """Of the queue, with `ENTRY_BYTES` for each entry."""
        self._told = 0
        """How many of those dropped were told of."""
        self.dropped = 0
        """Lines that were dropped so far."""
        # Re-entrant: a signal's handler or a finalizer may print while this thread holds it.
        self._changed = threading.Condition(threading.RLock())
        threading.Thread(target=self._write_forever, name=f"outlet {descriptor}", daemon=True).start()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: Any, /) -> int:
        """Take the text, or drop it; returns at once, and raises nothing."""
        data = bytes(text)
        cost = len(data) + ENTRY_BYTES
        with self._changed:
            if self._held_bytes + cost > self._queue_bytes:
                self.dropped += _lines(data)
            else:
                self._queue.append(data)
                self._held_bytes += cost
                self._changed.notify_all()
        # Also of what is dropped: answering fewer bytes would have the text layer try again, and wait.
        return len(data)

    def drain(self, seconds: float) -> bool:
        """Wait until all that was written has left, `seconds` at most; whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue, seconds)

    def _write_forever(self) -> None:
        """Write what is queued, for as long as the process runs; tell of what was dropped when the reader reads again."""
        while True:
            entries = self._next()
            # Without the lock: it may take as long as the reader likes.
            gone = _write_all(self._descriptor, b"".join(entries))
            with self._changed:
                for entry in entries:
                    self._queue.popleft()
                    self._held_bytes -= len(entry) + ENTRY_BYTES
                if not gone:
                    self.dropped += sum(map(_lines, entries))
                # Only when half of the queue is free: else the line that tells of drops would be dropped
                # itself.
                flows = gone and self._held_bytes <= self._queue_bytes // 2
                news = self.dropped - self._told if flows else 0
                self._told += news
                self._changed.notify_all()
            if news:
                self._tell(news)

    def _next(self) -> list[bytes]:
        """The oldest entries, as many as a pipe takes in one piece; they stay in the queue until they are written."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue)
            entries: list[bytes] = []
            size = 0
            for entry in self._queue:
                size += len(entry)
                if entries and size > select.PIPE_BUF:
                    break
                entries.append(entry)
            return entries


def _write_all(descriptor: int, data: bytes) -> bool:
    """Write, however long the reader takes; False when it cannot be written: nobody is there, or the disk is full.

    Only the outlet's own thread waits in it.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            # Whoever shares the pipe with us has made it so.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
        except OSError:
            return False
    return True


def _lines(data: bytes) -> int:
    """The lines in a piece; a piece without an end counts as one."""
    return data.count(b"\n") or 1


_installed: list[tuple[TextIO, Outlet]] = []
"""The streams that were replaced, with what they write to."""


def install() -> None:
    """From now on, nothing that this process prints or logs waits for a reader; idempotent.

    Its end does, for `FLUSH_SECONDS` at most. A stream that is no file, or was closed, stays as it is.

    Must run before handlers of logs take hold of the streams.
    """
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        descriptor = _descriptor_of(stream)
        if stream is None or descriptor is None or any(stream is text for text, _ in _installed):
            continue
        if not _installed:
            atexit.register(drain)
        outlet = Outlet(descriptor, tell=_tell)
        # An error's text may hold what the stream's encoding cannot spell: better odd than none.
        raw: BinaryIO = outlet  # type: ignore[assignment]  # typeshed wants a buffer, the class takes any raw stream
        text = io.TextIOWrapper(raw, encoding=stream.encoding, errors="backslashreplace", line_buffering=True)
        _installed.append((text, outlet))
        setattr(sys, name, text)


def drain(seconds: float = FLUSH_SECONDS) -> None:
    """Wait until everything printed has left, `seconds` at most."""
    end = time.monotonic() + seconds
    for text, outlet in _installed:
        text.flush()
        outlet.drain(max(end - time.monotonic(), 0))


def dropped() -> int:
    """How many lines nobody has read."""
    return sum(outlet.dropped for _, outlet in _installed)


class OutletPart(Part):
    """The outlet as a part: what it has dropped is counted."""

    def measure(self, meters: Meters) -> None:
        """Show how many lines were dropped."""
        meters.watch_counter(
            "bellhop_log_dropped", "Lines of the log that were dropped: nobody read them", dropped
        )


def _descriptor_of(stream: TextIO | None) -> int | None:
    """The descriptor of a stream; None for one that is no file."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):
        return None


def _tell(lines: int) -> None:
    """Tell the log of lines that were dropped."""
    logger.warning("log lines were dropped: nobody read them", extra={"lines": lines})
