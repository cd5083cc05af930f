"""What an import of recipients says, line by line: NDJSON, or CSV whose first line names the columns.

A line that is wrong is told of and left out; the others count. A text that goes on over several lines of CSV is one record.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from auth.principal import USER_ID_MAX, is_user_id
from gateway.ground.zones import ZONE_CHARACTERS, zone
from gateway.notify.campaigns.plans import Given, RecipientRequest
from gateway.protocol.fields import DATA_DEPTH_MAX, unsound
from gateway.protocol.parsing import Invalid
from mailer import address
from mailer.locales import is_tag

NDJSON, CSV = "application/x-ndjson", "text/csv"
LINE_BYTES_MAX = 64 * 1024
"""Of a record, without its end."""
DATA_BYTES_MAX = 16 * 1024
COLUMNS_MAX = 64
_NAMES = ("user", "address", "locale", "timezone", "data")
_ALIASES = {"email": "address", "email address": "address", "e-mail": "address"}
_OF_DATA = "data."


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line that is left out."""

    line: int
    problem: str


Row = RecipientRequest | Mistake


class Records:
    """Cuts what comes in into records, whatever pieces it comes in. Raises `Invalid` for one that is too long."""

    def __init__(self, *, quoted: bool) -> None:
        """`quoted`: between double quotes a record goes on over the end of a line."""
        self._quoted = quoted
        self._rest = b""
        self._line = 0
        self._open: list[bytes] = []
        """Lines of a record whose quotes are still open."""
        self._begun = 0

    def take(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """The records that are whole now, each with the number of its first line."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = [record for line in lines if (record := self._record(line)) is not None]
        self._check(len(self._rest))
        return found

    def end(self) -> list[tuple[int, bytes]]:
        """The last one, if its line has no end. A quote that is left open ends with the file."""
        last = [] if not self._rest else [self._record(self._rest)]
        found = [record for record in last if record is not None]
        if self._open:
            found.append((self._begun, b"\n".join(self._open)))
        return found

    def _record(self, line: bytes) -> tuple[int, bytes] | None:
        self._line += 1
        if not self._open:
            self._begun = self._line
        self._check(len(line))
        if self._quoted and (self._open or line.count(b'"') % 2):
            self._open.append(line)
            if sum(each.count(b'"') for each in self._open) % 2:
                return None
            line = b"\n".join(self._open)
            self._open = []
        return self._begun, line

    def _check(self, more: int) -> None:
        if sum(map(len, self._open)) + more > LINE_BYTES_MAX:
            raise Invalid({"": [f"Line {self._line + 1} has more than {LINE_BYTES_MAX} bytes."]})


class JsonRows:
    """One JSON object a line."""

    def row(self, line: int, record: bytes) -> Row | None:
        """None for an empty line."""
        text = record.strip()
        if not text:
            return None
        try:
            given = orjson.loads(text)
        except orjson.JSONDecodeError:
            return Mistake(line, "This is not JSON.")
        return _row(line, given) if isinstance(given, dict) else Mistake(line, "Must be an object.")


class CsvRows:
    """The first record names the columns: `user`, `address`, `locale`, `timezone`, and `data.…` for each text of the data."""

    def __init__(self) -> None:
        self._columns: Sequence[str] = ()

    def row(self, line: int, record: bytes) -> Row | None:
        """None for an empty line, and for the one that names the columns. Raises `Invalid` where that names others."""
        try:
            cells = next(csv.reader([record.decode("utf-8-sig" if line == 1 else "utf-8")]), [])
        except (UnicodeDecodeError, csv.Error):
            return Mistake(line, "This is no CSV in UTF-8.")
        if not any(cells):
            return None
        if not self._columns:
            self._columns = _columns(cells)
            return None
        if len(cells) > len(self._columns):
            return Mistake(line, f"There are {len(self._columns)} columns.")
        given: dict[str, Any] = {}
        for name, cell in zip(self._columns, cells, strict=False):
            if not cell:
                continue
            if name.startswith(_OF_DATA):
                given.setdefault("data", {})[name.removeprefix(_OF_DATA)] = cell
            else:
                given[name] = cell.strip()
        return _row(line, given)


def _columns(cells: Sequence[str]) -> Sequence[str]:
    names = [cell.strip() for cell in cells]
    names = [_ALIASES.get(name.casefold(), name) for name in names]
    unknown = [
        name for name in names if name not in _NAMES[:-1] and (not name.startswith(_OF_DATA) or name == _OF_DATA)
    ]  # fmt: skip
    if unknown or len(set(names)) < len(names) or len(names) > COLUMNS_MAX:
        raise Invalid(
            {"": ["The first line must name the columns, each once: user, address, locale, timezone, data.…"]}
        )
    if not {"user", "address"} & set(names):
        raise Invalid({"": ["The first line must name a column user or address."]})
    return names


def _row(line: int, given: Mapping[str, Any]) -> Row:
    try:
        return _recipient(line, given)
    except ValueError as error:
        return Mistake(line, str(error))


def _recipient(line: int, given: Mapping[str, Any]) -> RecipientRequest:
    """Raises ValueError, whose text holds nothing of what was given."""
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
    return RecipientRequest(line=line, user=user, address=to, given=told)


def _text(given: Mapping[str, Any], name: str, is_sound: Callable[[str], bool], meaning: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not is_sound(value):
        raise ValueError(f"{name} must be {meaning}.")
    return value


def _is_address(text: str) -> bool:
    try:
        address.parse(text)
    except ValueError:
        return False
    return True


def _is_zone(text: str) -> bool:
    return len(text) <= ZONE_CHARACTERS and zone(text) is not None
