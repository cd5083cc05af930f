"""What providers tell by a webhook, taken apart: JSON of theirs, of which anything may be missing or of another kind.

What it says becomes a `Report`, as if it had come by mail. Whether it is theirs is known before.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from mailer.reports import RECIPIENTS, without_addresses

LONGEST = 2000
"""Characters of a value that are read."""
_BASIC_CODE = re.compile(r"(?:(?:smtp|x-[\w-]{1,30}); ?)?([245])\d\d[ -]")
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")


class Unreadable(ValueError):
    """It is no event of this provider."""


class JsonObject:
    """An object of JSON, of which every member is taken for what it should be, or for nothing.

    Nothing here raises but `of`: what is missing is empty, and what is of another kind is missing.
    """

    def __init__(self, members: Any) -> None:
        self._members = members if isinstance(members, dict) else {}

    @classmethod
    def of(cls, text: str | bytes) -> "JsonObject":
        """Raises `Unreadable` for what is no object."""
        try:
            members = json.loads(text)
        except (ValueError, RecursionError):
            raise Unreadable("no JSON") from None
        if not isinstance(members, dict):
            raise Unreadable("no object")
        return cls(members)

    def text(self, name: str) -> str:
        """One line; empty where there is none."""
        value = self._members.get(name)
        if not isinstance(value, str):
            return ""
        # Halves of characters, which JSON can spell, are stored nowhere; nor are line ends and other controls.
        sound = value[:LONGEST].encode(errors="replace").decode()
        return "".join(each if each.isprintable() else " " for each in sound)

    def flag(self, name: str) -> bool | None:
        """A bool; None where there is none."""
        value = self._members.get(name)
        return value if isinstance(value, bool) else None

    def part(self, name: str) -> "JsonObject":
        """The object of that name; an empty one where there is none."""
        return JsonObject(self._members.get(name))

    def parts(self, name: str) -> Iterator["JsonObject"]:
        """The objects of a list, `MEMBERS` of them at most; what is no object is an empty one."""
        for each in self._list(name):
            yield JsonObject(each)

    def texts(self, name: str) -> Iterator[str]:
        """The texts of a list, `MEMBERS` of them at most; what is no text is an empty one."""
        for each in self._list(name):
            yield JsonObject({"": each}).text("")

    def time(self, name: str) -> datetime | None:
        """With its zone; what has none is UTC."""
        try:
            time = datetime.fromisoformat(self.text(name))
        except ValueError:
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time

    def _list(self, name: str) -> list[Any]:
        value = self._members.get(name)
        return value[:MEMBERS] if isinstance(value, list) else []


MEMBERS = 10 * RECIPIENTS
"""Of a list: the head of a mail is one."""


def status_in(said: str) -> str:
    """The enhanced code in what a server said, such as `smtp;550 5.1.1 no such user`; empty where there is none."""
    line = " ".join(said[:LONGEST].split())
    basic, enhanced = _BASIC_CODE.match(line), _ENHANCED.search(line)
    if enhanced is None:
        return ""
    # The class is the basic code's to say: some servers give the two different ones.
    return f"{basic[1] if basic else enhanced[1]}.{enhanced[2]}.{enhanced[3]}"


def diagnostic_in(said: str) -> str:
    """What a server said, as it may be kept."""
    kind, separator, rest = said.partition(";")
    return without_addresses(rest if separator and kind.strip().lower() == "smtp" else said)
