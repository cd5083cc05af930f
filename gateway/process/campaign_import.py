"""`bellhop campaign import`: recipients from CSV or NDJSON, sent part by part.

A part that nobody answers is sent again: whoever is in the campaign already does not come twice. So an import that was cut off is
gone on with, from the line that it tells or from the beginning.

It cuts a file into parts at the ends of records; what a record says is judged by the node alone. So memory
holds a part, and a file may be of any size.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.process import settings
from gateway.process.calling import Failure, NodeClient, Unreachable
from gateway.process.progress import show, show_no_more

PART_LINES = 5_000
"""Records of a part."""
PART_BYTES = 1024 * 1024
"""Of an import, sent at once: what is lost when it is cut off, and how often its progress is shown."""
PATIENCE_SECONDS = (0.5, 1, 2, 4, 8)
"""Between tries of a part that nobody has answered."""
INTERRUPTED = 130
"""The exit code of what Ctrl-C has stopped."""
READ_BYTES = 256 * 1024
"""Of the file, at once."""
_FORMATS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
"""By the ending of the file's name."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser what an import takes; the campaign's id is given by the caller."""
    parser.add_argument("file", metavar="FILE", help="a file in UTF-8; - for what comes in")
    parser.add_argument(
        "--format", choices=["csv", "ndjson"], help="default: by the file's name, else by its beginning"
    )
    parser.add_argument(
        "--from-line", type=_line, default=1, metavar="N", help="leave out what stands before line N"
    )


def _line(text: str) -> int:
    """The number of a line. Raises `ArgumentTypeError`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a line is a number from 1")
    return int(text)


@dataclass(slots=True)
class _Import:
    """How far an import has come."""

    added: int = 0
    """Recipients that are new by this import."""
    known: int = 0
    """Recipients that were there before, by an earlier try too."""
    agreed: int = 0
    """Recipients whose consent counts by this import."""
    refused: int = 0
    """Lines that were left out."""
    line: int = 0
    """The last one that is taken in."""


def run(given: argparse.Namespace) -> int:
    """Exit code 1 when lines were left out, 130 when it was stopped.

    Whatever ends it early says from which line to go on: lines up to there are taken in.
    """
    line = NodeClient(given, settings.load())
    done = _Import()
    try:
        if given.file == "-":
            _send(line, given, sys.stdin.buffer, done)
        else:
            with Path(given.file).open("rb") as source:
                _send(line, given, source, done)
    except OSError as error:
        raise Failure(f"{given.file} cannot be read: {error.strerror}", 2) from error
    except KeyboardInterrupt:
        show_no_more()
        print(f"bellhop: stopped; go on with --from-line {done.line + 1}", file=sys.stderr)
        return INTERRUPTED
    except Failure as error:
        show_no_more()
        raise Failure(f"{error}; go on with --from-line {done.line + 1}", error.code) from error
    show_no_more()
    agreed = f", {done.agreed:,} have agreed by it" if done.agreed else ""
    print(f"{done.added:,} added, {done.known:,} known before, {done.refused:,} left out{agreed}")
    return 1 if done.refused else 0


def _send(line: NodeClient, given: argparse.Namespace, source: BinaryIO, done: _Import) -> None:
    """Send the parts one after the other, and show how far it has come."""
    size = 0 if given.file == "-" else Path(given.file).stat().st_size
    sent = 0
    for part in _parts(
        source, given.format or _FORMATS.get(Path(given.file).suffix.lower()), from_line=given.from_line
    ):
        _send_part(line, given.id, part, done)
        sent += len(part.body)
        share = f" ({min(1.0, sent / size):.0%})" if size else ""
        show(f"{done.added + done.known + done.refused:,} lines{share}")


@dataclass(frozen=True, slots=True)
class _Part:
    """Some records of an import."""

    media_type: str
    header: bytes
    """The line of the columns, which each part of a CSV begins with; empty for NDJSON."""
    body: bytes
    lines: tuple[int, ...]
    """Where each of its records begins in the whole."""
    starts: tuple[int, ...]
    """And where in the part, behind the header. Where the header is line 1."""

    def place(self, line: int) -> int:
        """Where in the whole that record begins which begins at this line of the part.

        The node counts lines within the part; people count those of their file.
        """
        return dict(zip(self.starts, self.lines, strict=True)).get(line, line)


def _parts(source: BinaryIO, form: str | None, *, from_line: int) -> Iterator[_Part]:
    """Cut what comes into parts. Records before `from_line` are left out, and the columns are kept.

    Raises `Failure` for a record that is too long, such as one whose quote nobody closes.
    """
    from gateway.protocol.campaign_rows import CSV, NDJSON, RowSplitter
    from gateway.protocol.parsing import Invalid

    first = source.read(READ_BYTES)
    # NDJSON begins with a brace; all else is taken for a CSV, whose first line is judged by the node.
    is_csv = form == "csv" or (form is None and not first.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"))
    records = RowSplitter(quoted=is_csv)
    header = b""
    body: list[bytes] = []
    lines: list[int] = []
    starts: list[int] = []
    size = 0

    def part() -> _Part:
        kind = CSV if is_csv else NDJSON
        return _Part(kind, header, b"".join(body), tuple(lines), tuple(starts))

    chunk = first
    while True:
        try:
            found = records.take(chunk) if chunk else records.end()
        except Invalid as error:
            raise Failure(f"{error}".removesuffix(".")) from error
        for number, record in found:
            if is_csv and not header:
                # Empty lines before the columns are none.
                header = record.strip() and record + b"\n"
                continue
            if number < from_line or not record.strip():
                continue
            before = body[-1].count(b"\n") if body else header.count(b"\n")
            starts.append(starts[-1] + before if starts else 1 + before)
            body.append(record + b"\n")
            lines.append(number)
            size += len(record)
            if len(lines) == PART_LINES or size >= PART_BYTES:
                yield part()
                body, lines, starts, size = [], [], [], 0
        if not chunk:
            break
        chunk = source.read(READ_BYTES)
    if lines:
        yield part()


def _send_part(line: NodeClient, campaign_id: str, part: _Part, done: _Import) -> None:
    """Send a part until it is answered. Raises `Unreachable` after the last try, and `Failure` for what is refused."""
    path = f"/internal/campaigns/{campaign_id}/recipients"
    for pause in (*PATIENCE_SECONDS, None):
        try:
            # The columns go with each part: to the node each is an import by itself.
            told = line.ask("POST", path, part.header + part.body, media_type=part.media_type)
            break
        except Unreachable:
            # What of it was taken in is known when it comes again.
            if pause is None:
                raise
            time.sleep(pause)
    answer = json.loads(told)
    done.added += answer["added"]
    done.known += answer["known"]
    done.agreed += answer["agreed"]
    done.refused += answer["refused"]
    done.line = part.lines[-1]
    if answer["errors"]:
        show_no_more()
    for mistake in answer["errors"]:
        print(f"line {part.place(mistake['line'])}: {mistake['problem']}", file=sys.stderr)
