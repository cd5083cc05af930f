"""What an import of recipients says, line by line: NDJSON, or CSV whose first line names the columns.

A line that is wrong is told of and left out; the others count. A text that goes on over several lines of CSV is one record.

It knows the two formats and the bounds of a row. It neither reads from a socket nor keeps anything:
`gateway.http.imports` hands it the pieces of a body and takes rows. No mistake quotes what was given: a log
or an answer would show an address.
"""

import codecs
import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from marshmallow import ValidationError

from auth.principal import USER_ID_MAX, is_user_id
from gateway.ground.zones import ZONE_CHARACTERS, zone
from gateway.notify.campaigns.plans import Given, RecipientRequest
from gateway.notify.preferences.chosen import Consent
from gateway.protocol.fields import Timestamp
from gateway.protocol.parsing import Invalid
from gateway.protocol.patterns import VISIBLE
from gateway.protocol.soundness import DATA_DEPTH_MAX, unsound
from mailer import address
from mailer.locales import is_tag

NDJSON, CSV = "application/x-ndjson", "text/csv"
LINE_BYTES_MAX = 64 * 1024
"""Of a record, without its end. So the memory that an import takes is bound whatever is sent."""
DATA_BYTES_MAX = 16 * 1024
"""Of one recipient's data, written without spaces."""
COLUMNS_MAX = 64
"""Of a CSV."""
SOURCE_CHARACTERS = 200
"""Of what a consent says of where it was given."""
_TEXTS = ("user", "address", "locale", "timezone")
_OF_CONSENT = ("consent.at", "consent.source")
"""The columns of a CSV that are its two fields."""
_COLUMNS = (*_TEXTS, *_OF_CONSENT)
_NAMES = (*_TEXTS, "data", "consent")
"""The fields of a row of JSON. In a CSV the last two are none: their fields are columns."""
_ALIASES = {"email": "address", "email address": "address", "e-mail": "address"}
"""What spreadsheets and other services call the column of addresses; compared without regard to case."""
_OF_DATA = "data."
"""What the columns of a CSV begin with that are texts of the data."""


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A line that is left out."""

    line: int
    """The number of its first line, counted from 1."""
    problem: str
    """A sentence for the sender."""


_IN_QUOTES = re.compile(rb'[^"]*(?:""[^"]*)*')
"""Of a cell, up to the quote that ends it: one within is written twice."""
_MOMENT = Timestamp()
_VISIBLE = re.compile(VISIBLE)

ImportedRow = RecipientRequest | SkippedRow
"""What a line is."""


class RowSplitter:
    """Cuts what comes in into records, whatever pieces it comes in. Raises `Invalid` for one that is too long.

    One for an import. It keeps what has no end yet, `LINE_BYTES_MAX` at most.
    """

    def __init__(self, *, quoted: bool) -> None:
        """`quoted`: between double quotes a record goes on over the end of a line."""
        self._quoted = quoted
        self._rest = b""
        """The beginning of a line whose end has not come."""
        self._line = 0
        """Lines that have come whole."""
        self._open: list[bytes] = []
        """Lines of a record whose quotes are still open."""
        self._held = 0
        """How many bytes these have, their ends included."""
        self._begun = 0
        """The line in which the open record has begun."""

    def take(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """The records that are whole now, each with the number of its first line.

        A piece may end within a character or between quotes: bytes are cut, and decoded when the record is
        whole.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = [record for line in lines if (record := self._record(line)) is not None]
        self._check(len(self._rest), self._begun if self._open else self._line + 1)
        return found

    def end(self) -> list[tuple[int, bytes]]:
        """The last one, if its line has no end. A quote that is left open ends with the file.

        Called once, after the last piece.
        """
        last = [] if not self._rest else [self._record(self._rest)]
        found = [record for record in last if record is not None]
        if self._open:
            found.append((self._begun, b"\n".join(self._open)))
        return found

    def _record(self, line: bytes) -> tuple[int, bytes] | None:
        """Take a line; answers the record that ends with it, None where the record goes on."""
        self._line += 1
        if not self._open:
            self._begun = self._line
        self._check(len(line), self._begun)
        if self._quoted and _ends_open(line, is_open=bool(self._open)):
            self._open.append(line)
            self._held += len(line) + 1
            return None
        if self._open:
            line = b"\n".join([*self._open, line])
            self._open, self._held = [], 0
        return self._begun, line

    def _check(self, more: int, begun: int) -> None:
        """Raises `Invalid` where the record that is being read, and has begun in that line, would be longer than it may."""
        if self._held + more > LINE_BYTES_MAX:
            raise Invalid({"": [f"Line {begun} has more than {LINE_BYTES_MAX} bytes."]})


def _ends_open(line: bytes, *, is_open: bool) -> bool:
    """Whether a quoted cell goes on behind the line, as `csv` reads it: a quote opens one only where a cell begins."""
    if b'"' not in line:
        return is_open
    at = len(codecs.BOM_UTF8) if line.startswith(codecs.BOM_UTF8) and not is_open else 0
    while True:
        if is_open or line[at : at + 1] == b'"':
            # What is in it, and in what follows its end up to the next cell, opens nothing.
            inside = _IN_QUOTES.match(line, at if is_open else at + 1)
            assert inside is not None
            at, is_open = inside.end() + 1, False
            if at > len(line):
                return True
        at = line.find(b",", at) + 1
        if at == 0:
            return False


class JsonRows:
    """One JSON object a line.

    It has no state; a line that is no object is a mistake, and the next one counts.
    """

    def row(self, line: int, record: bytes) -> ImportedRow | None:
        """The recipient of a line, or the mistake in it; None for an empty line."""
        text = record.strip()
        if not text:
            return None
        try:
            given = orjson.loads(text)
        except orjson.JSONDecodeError:
            return SkippedRow(line, "This is not JSON.")
        return _row(line, given) if isinstance(given, dict) else SkippedRow(line, "Must be an object.")


class CsvRows:
    """The first record names the columns: `user`, `address`, `locale`, `timezone`, and `data.…` for each text of the data.

    One for an import: it keeps the columns. Cells beyond them are a mistake, missing ones are empty, and an
    empty cell says nothing.
    """

    def __init__(self) -> None:
        self._columns: Sequence[str] = ()
        """Empty until the first line that is not empty."""

    def row(self, line: int, record: bytes) -> ImportedRow | None:
        """None for an empty line, and for the one that names the columns. Raises `Invalid` where that names others."""
        try:
            # Spreadsheets begin a file with a byte order mark.
            cells = next(csv.reader([record.decode("utf-8-sig" if line == 1 else "utf-8")]), [])
        except (UnicodeDecodeError, csv.Error):
            return SkippedRow(line, "This is no CSV in UTF-8.")
        if not any(cells):
            return None
        if not self._columns:
            self._columns = _columns(cells)
            return None
        if len(cells) > len(self._columns):
            return SkippedRow(line, f"There are {len(self._columns)} columns.")
        given: dict[str, Any] = {}
        for name, cell in zip(self._columns, cells, strict=False):
            if not cell:
                continue
            if name.startswith(_OF_DATA):
                given.setdefault("data", {})[name.removeprefix(_OF_DATA)] = cell
            elif name in _OF_CONSENT:
                given.setdefault("consent", {})[name.partition(".")[2]] = cell.strip()
            else:
                given[name] = cell.strip()
        return _row(line, given)


def _columns(cells: Sequence[str]) -> Sequence[str]:
    """The names of the columns. Raises `Invalid` for one that is unknown or stands twice, for too many, and
    where nobody could be meant.
    """
    names = [cell.strip() for cell in cells]
    names = [_ALIASES.get(name.casefold(), name) for name in names]
    unknown = [
        name for name in names if name not in _COLUMNS and (not name.startswith(_OF_DATA) or name == _OF_DATA)
    ]  # fmt: skip
    if unknown or len(set(names)) < len(names) or len(names) > COLUMNS_MAX:
        raise Invalid(
            {"": [f"The first line must name the columns, each once: {', '.join(_COLUMNS)}, data.…"]}
        )
    if not {"user", "address"} & set(names):
        raise Invalid({"": ["The first line must name a column user or address."]})
    return names


def _row(line: int, given: Mapping[str, Any]) -> ImportedRow:
    """The recipient of a row, or the mistake in it."""
    try:
        return _recipient(line, given)
    except ValueError as error:
        return SkippedRow(line, str(error))


def _recipient(line: int, given: Mapping[str, Any]) -> RecipientRequest:
    """Raises ValueError, whose text holds nothing of what was given.

    A row without a user is known by its address, in the form that addresses are compared by: so that two
    spellings are one recipient.
    """
    if not given.keys() <= set(_NAMES):
        raise ValueError(f"Must have no other fields than {', '.join(_NAMES)}.")
    to = _text(given, "address", _is_address, "an address such as ann@example.org")
    user = _text(given, "user", is_user_id, f"a user id of 1 to {USER_ID_MAX} characters")
    if user is None:
        if to is None:
            raise ValueError("Must have a user or an address.")
        # Whoever has no id is known by the address, also for what they choose.
        user = address.compared(to)
        if not is_user_id(user):
            raise ValueError(f"An address of more than {USER_ID_MAX} characters needs a user.")
    data = given.get("data")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ValueError("data must be an object.")  # noqa: TRY004 - as of all that is wrong with a line
    if problem := unsound(data, DATA_DEPTH_MAX):
        raise ValueError(f"data: {problem}")
    if len(orjson.dumps(data)) > DATA_BYTES_MAX:
        raise ValueError(f"data must have {DATA_BYTES_MAX} bytes at most.")
    told = Given(
        locale=_text(given, "locale", is_tag, "a language such as de or pt-BR"),
        timezone=_text(given, "timezone", _is_zone, "a time zone such as Europe/Berlin"),
        data=data,
    )
    return RecipientRequest(line=line, user=user, address=to, given=told, consent=_consent(given))


def _consent(given: Mapping[str, Any]) -> Consent | None:
    """The consent of the row, if it has one. Raises `ValueError` for one that proves nothing."""
    value = given.get("consent")
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"at", "source"}:
        raise ValueError("consent must have at and source, and nothing else.")
    try:
        at: Any = _MOMENT.deserialize(value["at"])
    except ValidationError:
        raise ValueError("consent.at must be a time such as 2026-12-01T08:00:00Z.") from None
    source = value["source"]
    if not (isinstance(source, str) and len(source) <= SOURCE_CHARACTERS and _VISIBLE.fullmatch(source)):
        raise ValueError(f"consent.source must be a line of 1 to {SOURCE_CHARACTERS} characters.")
    return Consent(at, source)


def _text(given: Mapping[str, Any], name: str, is_sound: Callable[[str], bool], meaning: str) -> str | None:
    """A text of the row; None where it is left out. Raises `ValueError` for one that is not `meaning`."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not is_sound(value):
        raise ValueError(f"{name} must be {meaning}.")
    return value


def _is_address(text: str) -> bool:
    """Whether mail can go there."""
    try:
        address.parse(text)
    except ValueError:
        return False
    return True


def _is_zone(text: str) -> bool:
    """Whether it is a time zone. The length comes first: looking one up opens a file of that name."""
    return len(text) <= ZONE_CHARACTERS and zone(text) is not None
