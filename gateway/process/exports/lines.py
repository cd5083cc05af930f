"""An export as lines of JSON, each with a cursor behind which the next export begins."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gateway.ground.encoding import dumps, time
from gateway.process.exports.holding import hold
from gateway.process.exports.rows import COLUMNS, SinkError, row
from storage.stats import NumberedEvent

TAIL_BYTES = 64 * 1024
"""Of a file, in which its last line is looked for: lines are far shorter."""
BEGINNING = b'{"cursor":'
"""Of every line."""


class Lines:
    """Lines that go to a file, or to whoever reads from us.

    To a pipe it begins where it is told to, and knows no end of its own.
    """

    def __init__(self, to: BinaryIO, after: str | None = None) -> None:
        self.after = after
        """The cursor of the last line; None before the first."""
        self._to = to

    async def write(self, page: Sequence[NumberedEvent]) -> None:
        """Write a page and hand it to the system. Raises `OSError`."""
        self._to.write(b"".join(map(_line, page)))
        self._to.flush()
        self.after = page[-1].cursor


@contextmanager
def line_file(path: Path) -> Iterator[Lines]:
    """The lines of this file, which are gone on with. Raises `SinkError`.

    Synced at the end, not after each page: a crash may cost the last ones, which come again.
    """
    with path.open("a+b") as file:
        hold(file.fileno())
        yield Lines(file, _resumed(file))
        os.fsync(file.fileno())


def _line(told: NumberedEvent) -> bytes:
    """One event as a line."""
    fields = dict(zip(COLUMNS, row(told.event), strict=True))
    return dumps({"cursor": told.cursor, **fields, "at": time(told.event.at)}) + b"\n"


def _resumed(file: BinaryIO) -> str | None:
    """The cursor of the file's last line; a line that a crash has cut off goes. Raises `SinkError`."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - TAIL_BYTES)
    file.seek(start)
    tail = file.read(TAIL_BYTES)
    whole = tail[: tail.rfind(b"\n") + 1]
    cursor = None
    try:
        if whole:
            cursor = str(json.loads(whole.splitlines()[-1])["cursor"])
        elif tail and (start or not tail.startswith(BEGINNING[: len(tail)])):
            raise ValueError
    except (ValueError, LookupError, TypeError):
        raise SinkError("the last line of the file is not one that `bellhop export` has written") from None
    # Only now: what is another's stays as it is.
    file.truncate(start + len(whole))
    return cursor
