"""The frame in which each part declares its settings: a `Group` of fields, each of which says all that is known of it.

A part has its own group in its own folder, and asks for it: `settings[MailSettings].url`. Which groups there are, the
composition tells (`gateway.process.settings`). Loading, `bellhop config`, the documentation and the tests of the manifests
read the declarations. Every mistake is reported at once.
"""

import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from gateway.ground.environment import Environment, Setting, SettingSource
from gateway.ground.values import ParseText

G = TypeVar("G", bound="Group")


class SettingsError(Exception):
    """Settings that cannot work. `problems` holds a sentence for each, which never shows a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Group:
    """The settings of one part: a frozen dataclass whose fields are made by `setting`."""

    __slots__ = ()

    def contradictions(self) -> list[str]:
        """What cannot work together, a sentence for each."""
        return []

    def missing(self, given: Container[str]) -> list[str]:
        """What a node cannot serve without, a sentence for each. `given` has the names that were set, rightly or not."""
        del given
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSetting:
    """A setting in force, ready to be shown."""

    setting: Setting
    shown: str
    origin: SettingSource


class Settings:
    """What is in force: of each part, its group."""

    def __init__(self, groups: Mapping[type[Group], Group]) -> None:
        self._groups = dict(groups)

    def __getitem__(self, kind: type[G]) -> G:
        """The group of this kind. Raises KeyError for one that was not loaded."""
        group = self._groups[kind]
        assert isinstance(group, kind)
        return group

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._groups == other._groups

    __hash__ = None  # type: ignore[assignment]  # as of every mapping

    def __repr__(self) -> str:
        return f"Settings({', '.join(map(repr, self._groups.values()))})"


def setting(
    name: str,
    default: str | None,
    parse: ParseText,
    help: str,  # noqa: A002 - the word argparse uses too
    *,
    unset: Any = None,
    make: Callable[[], Any] | None = None,
    show: Callable[[str], str] = str,
    secret: bool = False,
    lines: bool = False,
) -> Any:
    """A field and its setting, `name` without the prefix. `unset` or `make()` is the value when there is no default."""
    declared = Setting(
        name=name, default=default, help=help, parse=parse, show=show, secret=secret, lines=lines
    )
    metadata = {"setting": declared}
    visible = show is str and not secret
    if make is not None:
        return field(default_factory=make, metadata=metadata, repr=visible)
    value = unset if default is None else parse(default)
    if isinstance(value, dict):
        return field(default_factory=dict, metadata=metadata, repr=visible)
    return field(default=value, metadata=metadata, repr=visible)


def declared(groups: Sequence[type[Group]]) -> tuple[Setting, ...]:
    """Every setting of these groups, in the order in which they are shown."""
    return tuple(each for group in groups for _, each in _fields(group))


def load(
    groups: Sequence[type[Group]], environ: Mapping[str, str] | None = None, *, serving: bool = False
) -> Settings:
    """The settings in force. `serving` demands what `bellhop serve` cannot do without.

    Raises `SettingsError` with everything that is wrong.
    """
    source = _source(groups, environ)
    values = source.values()
    problems = source.problems()
    settings = {kind: _build(kind, values) for kind in groups}
    for group in settings.values():
        problems += group.contradictions()
    if serving:
        for group in settings.values():
            problems += group.missing(source.names())
    if problems:
        raise SettingsError(problems)
    return Settings(settings)


def survey(groups: Sequence[type[Group]], environ: Mapping[str, str] | None = None) -> list[ShownSetting]:
    """Every setting with the value in force, secrets masked, and where it came from; also of settings that are wrong."""
    source = _source(groups, environ)
    entries = []
    for each in declared(groups):
        text = source.text(each)
        shown = each.show(text) if text else each.default or ""
        entries.append(ShownSetting(setting=each, shown=shown, origin=source.origin(each)))
    return entries


def markdown(groups: Sequence[type[Group]]) -> str:
    """The reference of all settings, as a table for the documentation."""
    rows = [
        f"| `{each.variable}` | {f'`{each.default}`' if each.default else ''} | {each.help.replace('|', '&#124;')} |"
        for each in declared(groups)
    ]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows])


def _source(groups: Sequence[type[Group]], environ: Mapping[str, str] | None) -> Environment:
    return Environment(os.environ if environ is None else environ, declared(groups))


def _fields(kind: type[Group]) -> Iterator[tuple[str, Setting]]:
    for one in fields(kind):  # type: ignore[arg-type]  # every group is a dataclass
        if "setting" in one.metadata:
            yield one.name, one.metadata["setting"]


def _build(kind: type[G], values: Mapping[str, Any]) -> G:
    return kind(**{field: values[each.name] for field, each in _fields(kind) if each.name in values})
