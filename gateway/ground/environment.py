"""The environment of the process, as settings are read from it: names, files, and what cannot be meant.

It knows what a setting is. Which settings there are, and what they mean, it is told.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import environs
from environs import ValidationError

from auth.characters import is_line
from gateway.ground.values import ParseText, called, unmeant

PREFIX = "BELLHOP_"
FILE = "_FILE"
TEST_PREFIX = "BELLHOP_TEST_"
"""Names with it belong to the test suite and are no settings."""
FILE_BYTES_MAX = 1024 * 1024
"""More is no value of a setting, but another file."""


class SettingSource(StrEnum):
    """Where the value in force comes from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is to be known of one setting before it has a value."""

    name: str
    """Without the prefix."""
    default: str | None
    """As it would be written in the environment; None for one that is unset or made up at start."""
    help: str
    parse: ParseText
    show: Callable[[str], str] = str
    """How `bellhop config` may print a value: secrets masked."""
    secret: bool = False
    lines: bool = False
    """Whether it has several lines, of which those that are blank mean nothing at the ends."""

    @property
    def variable(self) -> str:
        return PREFIX + self.name


class Environment(environs.Env):
    """The environment, with `BELLHOP_X_FILE` for every `BELLHOP_X`, and errors gathered instead of raised.

    environs' own FileAwareEnv stops at the first file it cannot read and sees nothing but `os.environ`. An empty value
    is an unset one: that is what a compose file's `${X:-}` leaves.
    """

    def __init__(self, environ: Mapping[str, str], declared: Sequence[Setting]) -> None:
        super().__init__(eager=False, prefix=PREFIX)
        self.add_parser("setting", lambda text, setting: None if text is None else _parsed(setting, text))
        self._declared = tuple(declared)
        self._given = {
            name: value
            for name, value in environ.items()
            if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and value.strip(" \t\r\n")
        }
        self._files: dict[str, str] = {}
        self._refused: set[str] = set()
        self._problems: list[str] = []
        for setting in self._declared:
            variable = setting.variable + FILE
            if variable in self._given:
                self._read(setting, variable)
            if setting.variable in self._given and variable in self._given:
                self._problems.append(f"{setting.variable} and {variable} are both set: keep one.")
            elif setting.variable in self._given:
                self._accept(setting, setting.variable, self._given[setting.variable])

    def values(self) -> dict[str, Any]:
        """The values that were given and are right, by the name of the setting; `problems` tells of the others."""
        read = {each.name: self.setting(each.name, None, setting=each) for each in self._declared}
        return {name: value for name, value in read.items() if value is not None}

    def problems(self) -> list[str]:
        """What is wrong with the names, with the files, and with the values that were read."""
        problems = [*_unknown(self._given, self._declared), *self._problems]
        try:
            self.seal()
        except environs.EnvValidationError as error:
            messages: Any = error.error_messages  # a mapping, since several were read
            problems += [f"{name} {text}" for name, texts in messages.items() for text in texts]
        return problems

    def names(self) -> frozenset[str]:
        """The settings that have a value, right or wrong, by a file or not."""
        return frozenset(
            each.name for each in self._declared if {each.variable, each.variable + FILE} & self._given.keys()
        )

    def text(self, setting: Setting) -> str | None:
        """What was written for the setting; None for nothing."""
        return self._files.get(setting.variable) or self._given.get(setting.variable)

    def origin(self, setting: Setting) -> SettingSource:
        if self._files.get(setting.variable):
            return SettingSource.FILE
        return SettingSource.ENVIRONMENT if setting.variable in self._given else SettingSource.DEFAULT

    def _read(self, setting: Setting, variable: str) -> None:
        path = self._given[variable]
        try:
            if problem := unmeant(path):
                raise ValueError(f"the path {problem}")
            text = file_text(Path(path))
        except ValueError as error:
            self._problems.append(f"{variable}: {error}")
        else:
            self._files[setting.variable] = text
            self._accept(setting, variable, text)

    def _accept(self, setting: Setting, variable: str, text: str) -> None:
        """Refuse a value that cannot be meant as it is; then nothing more is said of it."""
        problem = None if setting.lines else unmeant(text)
        if problem is not None:
            self._refused.add(setting.variable)
            self._problems.append(f"{variable} {problem}")

    def _get_value(self, env_key: str, default: Any) -> Any:
        if env_key in self._refused:
            return default
        return self._files.get(env_key) or self._given.get(env_key, default)


def file_text(path: Path) -> str:
    """What a file holds, without a byte order mark and one line end at its end. Raises ValueError saying why it cannot."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError(f"cannot read the file: {error.strerror}.") from None
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"the file has more than {FILE_BYTES_MAX} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("cannot read the file: not UTF-8 text.") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError("the file is empty.")
    return text


def _parsed(setting: Setting, text: str) -> Any:
    value = setting.parse(text)
    # Only now: what is right for the setting is the better word on most of these.
    odd = None if setting.lines else next((each for each in text if not is_line(each)), None)
    if odd is not None:
        raise ValidationError(f"holds {called(odd)}: it must be one line.")
    return value


def _unknown(given: Mapping[str, str], declared: Sequence[Setting]) -> list[str]:
    known = {name for setting in declared for name in (setting.variable, setting.variable + FILE)}
    links = [
        name
        for name, value in given.items()
        if re.fullmatch(rf"{PREFIX}(.+_)?(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP)(_.*)?)?)", name)
        and (name not in known or "://" in value)
    ]
    problems = []
    if links:
        problems.append(
            f"{', '.join(sorted(links))}: Kubernetes sets these for a Service named like Bellhop; "
            "give the pod `enableServiceLinks: false`."
        )
    for name in sorted(set(given) - known - set(links)):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        problems.append(f"{name} is no setting of Bellhop" + (f"; did you mean {near[0]}?" if near else "."))
    return problems
