"""`bellhop suppressions import|export`: the addresses that must not be written to, as CSV.

The first line names the columns. Only `address` must be there; lists of other senders call it `email`. What is written out can be
taken over as it is.

Rows are judged by the schema of the API, so that a list can hold nothing that the API would not take. A list
may be of any size: it is taken over in batches.
"""

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from gateway.process.at_store import FAILED, WELL, WRONG, failed, in_store
from gateway.process.subcommand import Subcommand

if TYPE_CHECKING:
    # Only the types: the command line is read without them.
    from storage.store import Store
    from storage.suppressions import Suppression

COLUMNS = ("address", "scope", "reason", "source", "mail", "code", "diagnostic", "created_at", "expires_at")
"""Of what is written out; others in a list are left aside."""
SOURCE = "import"
"""Who has put it there, where the list does not say."""
BATCH = 500
"""Entries of one transaction, and of one page."""
_ALIASES = ("email", "email address", "emailaddress", "recipient")
"""What other senders call the column of addresses."""
_LONGEST_LINE = 16 * 1024
"""Characters of a cell."""
_FORMULA = re.compile(r"'*[=+@\t\r-]")
"""What a spreadsheet would take for a formula, or was kept from it: then a quote more stands in front."""


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line that is left out."""

    line: int
    problem: str
    """A sentence without the address."""


def _describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser its commands."""
    commands = parser.add_subparsers(required=True, dest="suppressions", metavar="COMMAND", title="commands")
    imports = commands.add_parser(
        "import", help="take over a list",
        description="Columns: address, and if you like scope (*), reason (manual), source, code, diagnostic, created_at and "
        "expires_at. A reason of another sender's own is kept as the diagnostic. What is there and lasts as long, stays. Lines that "
        "are wrong are told and left out, with exit code 1.",
    )  # fmt: skip
    imports.add_argument("file", metavar="FILE", help="a CSV file in UTF-8; - for what comes in")
    imports.set_defaults(run=_import)
    exports = commands.add_parser("export", help="write out the list", description="As CSV, newest first.")
    exports.set_defaults(run=_export)


def _import(given: argparse.Namespace) -> int:
    """Take over a list from a file or the standard input.

    A file is opened before the store, so that one that is not there fails without it. The store may be a new one: a list is
    taken over before the first mail. Exit code 1 where lines were left out.
    """
    if given.file == "-":
        return in_store(lambda store: _take_over(store, sys.stdin), may_make=True)
    try:
        with Path(given.file).open(encoding="utf-8-sig", newline="") as source:
            return in_store(lambda store: _take_over(store, source), may_make=True)
    except OSError as error:
        return failed(f"{given.file} cannot be read: {error.strerror}", WRONG)


def _export(given: argparse.Namespace) -> int:
    """Write out the list.

    To the standard output; `import` takes it as it is.
    """
    del given
    return in_store(_write_out)


async def _take_over(store: "Store", source: TextIO) -> int:
    """Add what the list says, in batches; done again it adds nothing. What is no list ends it, with the batches before kept.

    Wrong lines are told by number to the standard error, without their content.
    """
    from gateway.ground.clock import system_clock

    read = new = wrong = 0
    batch: list[Suppression] = []
    try:
        for each in suppressions(source, now=system_clock()):
            if isinstance(each, SkippedLine):
                wrong += 1
                print(f"line {each.line}: {each.problem}", file=sys.stderr)
                continue
            read += 1
            batch.append(each)
            if len(batch) == BATCH:
                new += await store.suppressions.add(batch)
                batch = []
        new += await store.suppressions.add(batch)
    except (ValueError, csv.Error) as error:
        return failed(f"this is no list: {error}", WRONG)
    print(f"{read} read, {new} new, {wrong} left out")
    return FAILED if wrong else WELL


async def _write_out(store: "Store") -> int:
    """Write the list page by page, newest first. One that is added meanwhile may be missed."""
    from gateway.ground.clock import system_clock

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    now, before = system_clock(), None
    while True:
        page = await store.suppressions.page(address=None, scope=None, before=before, limit=BATCH, now=now)
        writer.writerows(map(_row, page.items))
        before = page.next
        if before is None:
            return WELL


def suppressions(source: Iterable[str], *, now: datetime) -> "Iterator[Suppression | SkippedLine]":
    """What a list says, line by line. Raises ValueError, or csv.Error, for what is no list at all.

    Values are stripped, and empty ones are left out, as if the column were not there.
    """
    # Python's own limit is of the process, so it is set where it is needed.
    csv.field_size_limit(_LONGEST_LINE)
    reader = csv.DictReader(_unmarked(source))
    names = [name.strip(" \t").casefold() for name in reader.fieldnames or ()]
    # One alone: beside "Email Address" other senders have an "Address" of streets.
    column = next((name for name in (*_ALIASES, "address") if name in names), None)
    reader.fieldnames = ["address" if name == column else "" if name == "address" else name for name in names]
    if "address" not in reader.fieldnames:
        raise ValueError("its first line names no column address")
    for row in reader:
        filled = {name: _meant(value.strip()) for name, value in row.items() if name in COLUMNS and value}
        try:
            yield _suppression(filled, now=now)
        except ValueError as error:
            yield SkippedLine(reader.line_num, str(error))


def _unmarked(source: Iterable[str]) -> Iterator[str]:
    """The lines without a byte order mark, which also what comes in by a pipe may have.

    It goes before the lines are read as CSV: a quote behind it would be no quote.
    """
    for number, line in enumerate(source):
        yield line if number else line.lstrip("\ufeff")


def _suppression(row: Mapping[str, str], *, now: datetime) -> "Suppression":
    """Raises ValueError, whose text holds no address.

    The source is cut to 80 characters, and where it is missing it is `import`.
    """
    from gateway.protocol.parsing import Invalid, parser
    from gateway.protocol.suppressions import DIAGNOSTIC_MAX, SuppressSchema, created_at
    from mailer.address import compared
    from storage.ids import uuid7
    from storage.suppressions import Reason, Suppression

    evidence = {name: row[name] for name in ("mail", "code", "diagnostic") if name in row}
    asked: dict[str, Any] = {name: row[name] for name in ("address", "scope", "expires_at") if name in row}
    reason = row.get("reason", "")
    if reason.lower() in set(Reason):
        asked["reason"] = reason.lower()
    elif reason:
        # Other senders have words of their own, or those of the server that has refused.
        evidence.setdefault("diagnostic", reason[:DIAGNOSTIC_MAX])
    try:
        request = parser(SuppressSchema())(asked | ({"evidence": evidence} if evidence else {}))
        since = created_at(row["created_at"]) if "created_at" in row else now
    except Invalid as error:
        raise ValueError(str(error)) from None
    return Suppression(
        id=uuid7(),
        address=compared(request.address),
        scope=request.scope,
        reason=request.reason,
        source=row.get("source", SOURCE)[:80],
        evidence=request.evidence,
        created_at=since,
        expires_at=request.expires_at,
    )


def _row(each: "Suppression") -> tuple[str, ...]:
    """One entry, in the order of `COLUMNS`. What strangers have written is no formula to a spreadsheet."""
    evidence = each.evidence
    cells = (
        each.address, each.scope, each.reason, each.source, evidence.mail or "", evidence.code or "",
        evidence.diagnostic or "", each.created_at.isoformat(),
        "" if each.expires_at is None else each.expires_at.isoformat(),
    )  # fmt: skip
    return tuple(f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells)


def _meant(cell: str) -> str:
    """What was written by `_row`; any other text is itself."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


SUPPRESSIONS = Subcommand(
    name="suppressions",
    help="take over or write out the addresses that must not be written to",
    more="As CSV, by the store of the settings in force. Gateways may run meanwhile.",
    describe=_describe,
)
