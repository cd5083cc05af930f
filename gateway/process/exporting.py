"""`bellhop export`: writes out the events that the statistics are counted from.

It reads the store page by page and hands pages to a sink of `gateway.process.exports`. Each sink knows how
far it has come, so that an export that was cut off goes on by itself.
"""

import argparse
import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.process import progress
from gateway.process.at_store import FAILED, WELL, WRONG, in_store
from gateway.process.calling import Failure
from gateway.process.subcommand import Subcommand

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from gateway.process.exports.rows import Sink
    from storage.store import Store

PAGE = 5000
"""Events that are held at once, and that PostgreSQL takes in one transaction. Both bounds want to be small, and
the number of queries as well.
"""
DATABASES = ("postgresql://", "postgres://")
"""What a URL of PostgreSQL begins with."""


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser its command and where an export may go.

    `--since` and `--after` are for a place that has nothing yet; one that has goes on from what it has.
    """
    commands = parser.add_subparsers(required=True, dest="export", metavar="WHAT", title="what")
    events = commands.add_parser(
        "events",
        help="what became of notifications and mails",
        description="In the order in which it came, which is not quite that of the times. What happened within the last minute may "
        "be left for the next time. Run again, it goes on behind what is in the file, the folder or the table.",
    )
    begin = events.add_mutually_exclusive_group()
    begin.add_argument(
        "--since", type=_time, metavar="TIME", help="of this time or later, as 2026-12-01T08:00:00Z"
    )
    begin.add_argument("--after", metavar="CURSOR", help="what came behind the line that has this cursor")
    where = events.add_mutually_exclusive_group()
    where.add_argument(
        "--output", type=Path, metavar="FILE", help="lines of JSON, to this file; else to the standard output"
    )
    where.add_argument(
        "--parquet",
        type=Path,
        metavar="FOLDER",
        help="files of Parquet, in this folder (the extra `parquet`)",
    )
    where.add_argument(
        "--to",
        type=_database,
        metavar="URL",
        help="a table of PostgreSQL or TimescaleDB, as postgresql://user@host/database (the extra `postgres`); a password is "
        "better in PGPASSWORD or ~/.pgpass",
    )
    where.add_argument(
        "--print-schema", action="store_true", help="print the tables that --to makes, as SQL, and do nothing"
    )
    events.set_defaults(run=_events)


def _time(text: str) -> datetime:
    """A time, in UTC where no zone is given. Raises `ArgumentTypeError`."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a time such as 2026-12-01T08:00:00Z") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _database(text: str) -> str:
    """A URL of PostgreSQL. Raises `ArgumentTypeError`, which does not quote it: it may hold a password."""
    if not text.startswith(DATABASES):
        raise argparse.ArgumentTypeError("must be a URL such as postgresql://user@host/database")
    return text


def _events(given: argparse.Namespace) -> int:
    """Export, or print the tables. Raises `Failure`, as for an extra that is not installed."""
    if given.print_schema:
        from gateway.process.exports.schema import SCHEMA

        print(SCHEMA, end="")
        return WELL
    for wanted, module, extra in ((given.parquet, "pyarrow", "parquet"), (given.to, "psycopg", "postgres")):
        if wanted is not None and find_spec(module) is None:
            sentence = f"that needs the extra `{extra}`, which is not installed: pip install 'bellhop-gateway[{extra}]'"
            raise Failure(sentence, WRONG)
    return in_store(lambda store: _export(store, given))


async def _export(store: "Store", given: argparse.Namespace) -> int:
    """Carry all pages to the sink, and turn what fails into a `Failure`.

    Ctrl-C leaves whole pages: it says how many events were written, and the next run goes on there.
    """
    from gateway.process.exports.rows import SinkError
    from storage.errors import InvalidCursor

    written = 0
    try:
        async with _sink(store, given) as sink:
            # What is there says where to go on; `--after` is for what is new.
            async for count in _carried(store, sink, after=sink.after or given.after, since=given.since):
                written = count
    except InvalidCursor as error:
        raise Failure(str(error), WRONG) from error
    # It is an `OSError`, and no failure: who reads has read enough.
    except BrokenPipeError:
        raise
    except (OSError, SinkError) as error:
        raise Failure(str(error), FAILED) from error
    except asyncio.CancelledError:
        progress.show_no_more()
        print(f"bellhop: stopped, with {written:,} events written", file=sys.stderr)
        raise
    finally:
        progress.show_no_more()
    if given.output or given.parquet or given.to:
        print(f"{written:,} events written")
    return WELL


async def _carried(
    store: "Store", sink: "Sink", *, after: str | None, since: datetime | None
) -> AsyncIterator[int]:
    """How many have been written, page by page: whatever there is, no more than a page of it is held.

    What happened in the last minute is left for the next time, by the store: events may still come in before
    it.
    """
    now = datetime.now(UTC)
    written = 0
    # Each page is one question, with the cursor of the last: events that come meanwhile are behind it.
    while page := await store.stats.told(after=after, since=since, limit=PAGE, now=now):
        await sink.write(page)
        after = page[-1].cursor
        written += len(page)
        progress.show(f"{written:,} events, up to {page[-1].event.at:%Y-%m-%d %H:%M}")
        yield written


@asynccontextmanager
async def _sink(store: "Store", given: argparse.Namespace) -> AsyncIterator["Sink"]:
    """Where the rows go; closed and whole at the end, also when the export is cut off.

    Opened before the first page is read, so that a place that cannot be written to fails at once.
    """
    from gateway.process.exports.lines import Lines, line_file

    if given.output is not None:
        with line_file(given.output) as file:
            yield file
    elif given.parquet is not None:
        from gateway.process.exports.parquet import parquet_folder

        with parquet_folder(given.parquet) as folder:
            yield folder
    elif given.to is not None:
        from gateway.process.exports.postgres import table

        async with table(given.to, await _source(store)) as rows:
            yield rows
    else:
        yield Lines(sys.stdout.buffer)


async def _source(store: "Store") -> str:
    """A name of the store, and of the line of its events since it was last put back, that tells nothing of its secret.

    Cursors hold within one line of events: after a backup was put back, it is another source and begins at
    its beginning.
    """
    secret, epoch = await store.shared_secret(), await store.epochs.current()
    return hashlib.sha256(b"bellhop export" + secret + epoch.encode()).hexdigest()[:16]


EXPORT = Subcommand(
    name="export",
    help="write out what the statistics are counted from",
    more="By the store of the settings in force. Gateways may run meanwhile.",
    describe=_describe,
)
