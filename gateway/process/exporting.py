"""`bellhop export`: writes out the events that the statistics are counted from, one JSON object a line."""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gateway.process.at_store import FAILED, WELL, WRONG, failed, in_store
from gateway.process.command import Command

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from storage.stats import Told
    from storage.store import Store

PAGE = 1000
TAIL_BYTES = 64 * 1024
"""Of a file, in which its last line is looked for: lines are far shorter."""
BEGINNING = b'{"cursor":'
"""Of every line."""


class Unfit(Exception):
    """A file that is none of ours."""


def _describe(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, dest="export", metavar="WHAT", title="what")
    events = commands.add_parser(
        "events",
        help="what became of notifications and mails",
        description="In the order in which it came, which is not quite that of the times. What happened within the last minute may "
        "be left for the next time. Each line has a cursor: the next time begins behind it.",
    )
    where = events.add_mutually_exclusive_group()
    where.add_argument(
        "--since", type=_time, metavar="TIME", help="of this time or later, as 2026-12-01T08:00:00Z"
    )
    where.add_argument("--after", metavar="CURSOR", help="what came behind the line that has this cursor")
    events.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="go on with this file, behind its last line; without, to the standard output",
    )
    events.set_defaults(run=_events)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a time such as 2026-12-01T08:00:00Z") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _events(given: argparse.Namespace) -> int:
    async def export(store: "Store") -> int:
        from storage.errors import InvalidCursor

        try:
            if given.output is None:
                await _write(store, sys.stdout.buffer, given.after, given.since)
                return WELL
            with given.output.open("a+b") as file:
                after = _resumed(file) or given.after
                await _write(store, file, after, given.since)
                os.fsync(file.fileno())
        except InvalidCursor as error:
            return failed(str(error), WRONG)
        except (OSError, Unfit) as error:
            if isinstance(error, BrokenPipeError):
                raise
            return failed(str(error), FAILED)
        return WELL

    return in_store(export)


async def _write(store: "Store", to: BinaryIO, after: str | None, since: datetime | None) -> None:
    """Page by page: whatever there is, no more than a page of it is held."""
    now = datetime.now(UTC)
    while page := await store.stats.told(after=after, since=since, limit=PAGE, now=now):
        to.write(b"".join(map(_line, page)))
        to.flush()
        after = page[-1].cursor


def _line(told: "Told") -> bytes:
    from gateway.ground.encoding import dumps, time

    event = told.event
    series = event.series
    return (
        dumps(
            {
                "cursor": told.cursor,
                "at": time(event.at),
                "outcome": event.outcome.value,
                "type": series.type,
                "channel": series.channel,
                "about": event.about,
                "count": event.count,
                "lane": series.lane or None,
                "campaign": series.campaign or None,
                "rule": series.rule or None,
            }
        )
        + b"\n"
    )


def _resumed(file: BinaryIO) -> str | None:
    """The cursor of the file's last line; a line that a crash has cut off goes. Raises `Unfit`."""
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
        raise Unfit("the last line of the file is not one that `bellhop export` has written") from None
    # Only now: what is another's stays as it is.
    file.truncate(start + len(whole))
    return cursor


EXPORT = Command(
    name="export",
    help="write out what the statistics are counted from",
    more="By the store of the settings in force. Gateways may run meanwhile.",
    describe=_describe,
)
