"""An export as files of Parquet in a folder, numbered in their order; each tells the cursor behind which the next begins.

A file is written under another name, and has its own when it is whole: whoever reads the folder sees whole files only. What stops
an export ends the file at hand early; what kills it leaves one that the next export does away with.

It needs the extra `parquet`. Memory is bound by a group of rows.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.process.exports.holding import hold
from gateway.process.exports.rows import SinkError, row
from storage.events import DIMENSIONS
from storage.stats import NumberedEvent

FILE_ROWS = 1_000_000
"""Rows of a file, at which the next begins."""
GROUP_ROWS = 100_000
"""Rows that are held until they are written; readers leave out groups by the times and types in them."""
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("about", pa.string()),
        *(pa.field(name, pa.string()) for name in DIMENSIONS),
    ]
)
_CURSOR = "bellhop.cursor"
"""The key of the cursor in a file's metadata."""
_NAME = re.compile(r"events-(\d{8})\.parquet")
_PART = "events.parquet.part"
"""The file at hand, until it is whole."""
_FEW_VALUES = ["outcome", *DIMENSIONS]
"""Columns that hold few different values, and are written as a dictionary."""


class ParquetFolder:
    """The files of a folder.

    One for an export, which holds the folder.
    """

    def __init__(self, path: Path, number: int, after: str | None) -> None:
        self.after = after
        self._path = path
        self._number = number
        """Of the last file."""
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        """Pages that are not written yet."""
        self._waiting_rows = 0
        self._rows = 0
        """Of the file at hand."""

    async def write(self, page: Sequence[NumberedEvent]) -> None:
        """Take a page; what is full is written. Blocks while it writes: an export has nothing else to do."""
        columns = zip(*(row(told.event) for told in page), strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
        self._waiting_rows += len(page)
        self.after = page[-1].cursor
        if self._waiting_rows >= GROUP_ROWS:
            self._write_group()
        # Between two pages, so that a file's cursor is that of a whole page.
        if self._rows >= FILE_ROWS:
            self.finish()

    def finish(self) -> None:
        """Have what was written be a file of its own, if anything was.

        The order is the promise: written, synced, renamed.
        """
        if self._waiting:
            self._write_group()
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.add_key_value_metadata({_CURSOR: self.after})
        writer.close()
        part = self._path / _PART
        with part.open("rb") as written:
            os.fsync(written.fileno())
        self._number += 1
        part.rename(self._path / f"events-{self._number:08}.parquet")
        self._rows = 0

    def _write_group(self) -> None:
        """Write what waits to the file at hand."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path / _PART, SCHEMA, compression="zstd", use_dictionary=_FEW_VALUES
            )
        self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=2 * GROUP_ROWS)
        self._rows += self._waiting_rows
        self._waiting, self._waiting_rows = [], 0


@contextmanager
def parquet_folder(path: Path) -> Iterator[ParquetFolder]:
    """The folder, made if it is not there, which is gone on with. Raises `SinkError`."""
    path.mkdir(exist_ok=True)
    held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        hold(held)
        folder = ParquetFolder(path, *_resumed(path))
        try:
            yield folder
        finally:
            folder.finish()
            os.fsync(held)
    finally:
        os.close(held)


def _resumed(path: Path) -> tuple[int, str | None]:
    """The number of the last file, and its cursor. Raises `SinkError`."""
    numbers = {int(found[1]): each for each in path.iterdir() if (found := _NAME.fullmatch(each.name))}
    if not numbers:
        return 0, None
    last = max(numbers)
    try:
        told = pq.read_metadata(numbers[last]).metadata or {}
        return last, told[_CURSOR.encode()].decode()
    except (pa.ArrowException, LookupError):
        raise SinkError(f"{numbers[last]} is not one that `bellhop export` has written") from None
