"""Where in a TOML or JSON file each value stands.

`tomllib` gives values and no places, and no kept library gives both. What it has accepted is sound TOML, and of such a text
the lines are found by a scanner that need not judge it. JSON differs in two signs.

Mistakes are told with their lines by it. It is only asked of files that parsed: of others it may find
anything.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

KeyOrIndex = str | int
"""A key, or the number of an element."""
KeyPath = tuple[KeyOrIndex, ...]
"""The keys down to a value."""
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
"""Blanks, line ends and comments."""
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
"""The four kinds of strings of TOML; JSON has one of them."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
"""A key without quotes."""
_SCALAR = re.compile(r"[^,\]}#\n]+")
"""A number, a time, true or false."""
_DOT = re.compile(r"[ \t]*\.[ \t]*")
"""Between the keys of a dotted key."""


class Places:
    """The lines, from 1, of the keys and elements of a sound text of TOML, or of JSON.

    Made once for a file; keeps a line for each key and element. Where a key stands twice, as a table and in a
    header of another, the first counts.
    """

    def __init__(self, text: str, *, is_json: bool = False) -> None:
        self._lines: dict[KeyPath, int] = {}
        scanner = _Scanner(text.replace("\r\n", "\n"), is_json=is_json)
        for path, line in scanner.document() if is_json else scanner.places():
            self._lines.setdefault(path, line)
        self._contents = scanner.contents

    def line(self, path: KeyPath) -> int:
        """Of a value, or of the nearest thing around it that stands in the file."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def line_of_text(self, path: KeyPath) -> int:
        """Of the first line of a text's content."""
        return self._contents.get(path, self.line(path))

    def paths(self) -> set[KeyPath]:
        """All that have a line."""
        return set(self._lines)


def paths_of(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of each key and element in a value."""
    entries: Any = ()
    if isinstance(value, Mapping):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, inner in entries:
        yield (*path, key)
        yield from paths_of(inner, (*path, key))


class _Scanner:
    """Goes through a text once. It trusts the text to be sound: a `tomllib` or `json` has read it."""

    def __init__(self, text: str, *, is_json: bool) -> None:
        self._text = text
        self._sign = ":" if is_json else "="
        self._is_json = is_json
        self._at = 0
        """Where it stands."""
        self._line = 1
        self._counted = 0
        """Up to where line ends were counted."""
        self._elements: dict[KeyPath, int] = {}
        """How many tables an array of tables has had."""
        self.contents: dict[KeyPath, int] = {}
        """The first line of each text's content."""

    def document(self) -> Iterator[tuple[KeyPath, int]]:
        """Of JSON."""
        yield from self._value(())

    def places(self) -> Iterator[tuple[KeyPath, int]]:
        """Of TOML: each key, table and element with its line."""
        table: KeyPath = ()
        while self._skip():
            line = self._here()
            if self._text[self._at] == "[":
                table, named = self._header(line)
                yield from named
            else:
                yield from self._pair(table)

    def _header(self, line: int) -> tuple[KeyPath, list[tuple[KeyPath, int]]]:
        """The path of the table that begins, and the places that its header names."""
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        self._blank_in_line()
        *outer, last = self._keys()
        path = self._within((), outer)
        named = [(path[: end + 1], line) for end in range(len(path))]
        path = (*path, last)
        named.append((path, line))
        if is_array:
            self._elements[path] = self._elements.get(path, -1) + 1
            path = (*path, self._elements[path])
            named.append((path, line))
        self._at = self._text.index("]" * (2 if is_array else 1), self._at) + (2 if is_array else 1)
        return path, named

    def _within(self, path: KeyPath, keys: Any) -> KeyPath:
        """The path of keys, of which an array of tables means its newest."""
        for key in keys:
            path = (*path, key)
            if path in self._elements:
                path = (*path, self._elements[path])
        return path

    def _pair(self, table: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        """A key and its value; a dotted key is several."""
        line = self._here()
        path = table
        for key in self._keys():
            path = (*path, key)
            yield path, line
        self._at = self._text.index(self._sign, self._at) + 1
        yield from self._value(path)

    def _value(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        """What stands in a value."""
        self._skip()
        opening = self._text[self._at]
        if string := _STRING.match(self._text, self._at):
            # A line end right behind three quotes is not part of the text.
            self.contents[path] = self._here() + bool(re.match(r"(?:\"\"\"|''')\n", string[0]))
            self._at = string.end()
        elif opening == "[":
            yield from self._array(path)
        elif opening == "{":
            yield from self._inline(path)
        else:
            scalar = _SCALAR.match(self._text, self._at)
            assert scalar is not None
            self._at = scalar.end()

    def _array(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        """The elements of a list."""
        self._at += 1
        index = 0
        while self._skip() and self._text[self._at] != "]":
            yield (*path, index), self._here()
            yield from self._value((*path, index))
            index += 1
            self._comma()
        self._at += 1

    def _inline(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        """The pairs in braces."""
        self._at += 1
        while self._skip() and self._text[self._at] != "}":
            yield from self._pair(path)
            self._comma()
        self._at += 1

    def _comma(self) -> None:
        """Go behind a comma, where there is one."""
        self._skip()
        if self._text[self._at] == ",":
            self._at += 1

    def _keys(self) -> list[str]:
        """The keys of a dotted key."""
        keys = [self._key()]
        while dot := _DOT.match(self._text, self._at):
            self._at = dot.end()
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        """One key, bare or in quotes."""
        bare = _BARE.match(self._text, self._at)
        if bare is not None:
            self._at = bare.end()
            return bare[0]
        quoted = _STRING.match(self._text, self._at)
        assert quoted is not None
        self._at = quoted.end()
        if self._is_json:
            return str(json.loads(quoted[0]))
        [key] = tomllib.loads(f"{quoted[0]} = 0")
        return key

    def _blank_in_line(self) -> None:
        while self._text[self._at] in " \t":
            self._at += 1

    def _skip(self) -> bool:
        """Go to what comes next; whether there is anything."""
        blank = _BLANK.match(self._text, self._at)
        assert blank is not None
        self._at = blank.end()
        return self._at < len(self._text)

    def _here(self) -> int:
        """The line where it stands. Each line end is counted once, so a file costs its length."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
