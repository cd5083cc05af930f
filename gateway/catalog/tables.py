"""Reading the tables of `catalog.toml`: each value checked where it stands, each mistake noted with its line, and none raised.

It knows TOML's types and the mistakes of people. What a key means is of who asks for it. Every reader answers
something that can be worked with, so that one mistake does not hide the next.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, time
from difflib import get_close_matches
from typing import Any, TypeVar

from gateway.catalog.places import KeyPath, Places
from gateway.catalog.problems import Mistakes
from gateway.ground.spans import seconds_of

_Default = TypeVar("_Default")


class Table:
    """A table of the file, with what is expected in it.

    Made for a table that was read; it changes nothing. Inner tables share its file and its mistakes.
    """

    def __init__(
        self, value: Mapping[str, Any], *, path: KeyPath, file: str, places: Places, mistakes: Mistakes
    ) -> None:
        self.value = value
        """As `tomllib` read it."""
        self.path = path
        """The keys down to it."""
        self._file = file
        self._places = places
        self._mistakes = mistakes

    def wrong(self, problem: str, *keys: str | int) -> None:
        """Note a mistake in this table, or in what stands in it under `keys`."""
        path = (*self.path, *keys)
        # In braces on one line the key alone would not tell which.
        where = ".".join(map(str, path))
        self._mistakes.add(self._file, self._places.line(path), f"{where}: {problem}" if where else problem)

    def wrong_in_text(self, problem: str, line: int, *keys: str | int) -> None:
        """Note a mistake in a line, from 1, of a text under `keys`."""
        path = (*self.path, *keys)
        at = self._places.line_of_text(path) + line - 1
        self._mistakes.add(self._file, at, f"{'.'.join(map(str, path))}: {problem}")

    def elsewhere(self, file: str, line: int, problem: str) -> None:
        """Note a mistake in a file that is named here."""
        self._mistakes.add(file, line, problem)

    def only(self, known: Collection[str]) -> None:
        """Note each key that is not one of these.

        A key that nobody knows is a mistake: it would be without effect, and look as if it had one.
        """
        for key in self.value:
            if key not in known:
                near = get_close_matches(key, known, 1)
                meant = f"is {near[0]} meant?" if near else f"there is {', '.join(sorted(known))}"
                self.wrong(f"nothing is called so; {meant}", key)

    def text(
        self, key: str, default: _Default, *, pattern: str | None = None, meaning: str = ""
    ) -> str | _Default:
        """A text that fits the pattern as a whole; the default where it is missing or wrong."""
        value = self.value.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or (pattern is not None and not re.fullmatch(pattern, value)):
            self.wrong(f"must be {meaning or 'a text'}", key)
            return default
        return value

    def one_of(self, key: str, default: _Default, choices: Collection[str]) -> str | _Default:
        """One of the choices; the default where it is missing or wrong."""
        value = self.value.get(key)
        if value is None or value in choices:
            return default if value is None else str(value)
        self.wrong(f"must be {' or '.join(choices)}", key)
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            self.wrong("must be true or false", key)
            return default
        return value

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number within bounds; true is none."""
        value = self.value.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong(f"must be a whole number from {least} to {most}", key)
            return default
        return value

    def seconds(self, key: str, default: _Default, *, most: float) -> float | _Default:
        """A number of seconds, or a text such as 90s, 10m, 2h or 7d."""
        value = self.value.get(key)
        if value is None:
            return default
        seconds = seconds_of(value)
        if seconds is None or not 0 <= seconds <= most:
            self.wrong(f"must be seconds, or a time such as 90s, 10m, 2h or 7d, and {most:g} s at most", key)
            return default
        return seconds

    def percent(self, key: str, default: float) -> float:
        """From 0 to 100, in hundredths: there are 10,000 buckets."""
        value = self.value.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
            self.wrong("must be a percentage from 0 to 100", key)
            return default
        if round(value, 2) != value:
            self.wrong("is finer than a hundredth of a percent", key)
        return float(value)

    def table(self, key: str) -> "Table | None":
        """The table under a key; None where there is none, or something else."""
        value = self.value.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong("must be a table", key)
            return None
        return self._inner(value, key)

    def tables(self, key: str) -> Iterator[tuple[str, "Table"]]:
        """The tables in a table, by key."""
        outer = self.table(key)
        if outer is not None:
            for name in outer.value:
                if (inner := outer.table(name)) is not None:
                    yield name, inner

    def rows(self, key: str) -> Iterator["Table"]:
        """The tables of a list."""
        value = self.value.get(key, [])
        if not isinstance(value, list):
            self.wrong("must be a list of tables", key)
            return
        for index, row in enumerate(value):
            if isinstance(row, dict):
                yield self._inner(row, key, index)
            else:
                self.wrong("must be a table", key, index)

    def _inner(self, value: Mapping[str, Any], *keys: str | int) -> "Table":
        """A table in this one."""
        return Table(
            value, path=(*self.path, *keys), file=self._file, places=self._places, mistakes=self._mistakes
        )


def not_json(value: object, *, deepest: int) -> bool:
    """Whether a value of TOML, or something in it, is nothing that JSON could say to everybody, or is nested
    more than that deeply.

    TOML has times, and numbers of any size; neither survives JSON.
    """
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return deepest < 0 or any(not_json(each, deepest=deepest - 1) for each in inner)
    if isinstance(value, int):
        return not -(2**63) <= value < 2**63
    return isinstance(value, (date, time)) or (isinstance(value, float) and not math.isfinite(value))
