"""From a folder to a catalog: every mistake of the whole folder at once, each with its file and line.

It puts together what `folder`, `tables`, `types` and `mails` read. It is imported only where there is a
catalog: what it needs is large.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.catalog import folder as files
from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import Category
from gateway.catalog.mails import check_templates
from gateway.catalog.places import Places
from gateway.catalog.problems import Mistakes
from gateway.catalog.tables import Table
from gateway.catalog.types import KEY, TYPE, read_names, read_type
from mailer import languages

TYPES_MAX = 300
"""What admins are told of all of them is one answer, and has to fit what a connection may have unsent."""
_TOP = ("default_locale", "strict", "categories", "types")
"""The keys of the file."""


def load(folder: Path) -> Catalog:
    """The catalog in a folder. Raises `CatalogError` with every mistake that was found.

    Blocks, up to a second for a large one. Twice the same files make equal catalogs of the same version.
    """
    mistakes = Mistakes(folder)
    read = files.read(folder, mistakes)
    top = _top(read, folder, mistakes)
    # Without a file that is TOML nothing else could be told.
    mistakes.raise_if_any()
    default_locale = _default_locale(top)
    categories = _categories(top)
    # Types whose names are wrong are left out, and told.
    types = {
        name: read_type(name, table, read, categories, default_locale)
        for name, table in top.tables("types")
        if _is_named(table, TYPE, "a type is capitals, digits and _, 64 at most")
    }
    strict = top.flag("strict", default=False)
    top.only(_TOP)
    if not types:
        top.wrong("there are no types")
    if len(types) > TYPES_MAX:
        top.wrong(f"there are {len(types)} types, and {TYPES_MAX} at most can be")
    timed = check_templates(read.templates(), types, default_locale, mistakes)
    mistakes.raise_if_any()
    types |= {name: replace(types[name], has_timed_mail=True) for name in timed & types.keys()}
    return Catalog(
        default_locale=default_locale,
        strict=strict,
        categories=MappingProxyType(categories),
        types=MappingProxyType(types),
        templates=MappingProxyType(read.templates()),
        version=read.version(),
    )


def _top(read: files.Folder, folder: Path, mistakes: Mistakes) -> Table:
    """The file as a table; an empty one where it cannot be read."""
    text = read.texts.get(files.FILE)
    value: Mapping[str, Any] = {}
    places = Places("")
    if text is None and not any(mistake.file == files.FILE for mistake in mistakes):
        mistakes.add(files.FILE, 1, f"there is no such file in {folder}; `bellhop catalog init` makes one")
    elif text is not None:
        try:
            value = tomllib.loads(text)
            places = Places(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            mistakes.add(files.FILE, _line_of(error, text), f"this is no TOML: {_said(error)}")
    return Table(value, path=(), file=files.FILE, places=places, mistakes=mistakes)


def _line_of(error: Exception, text: str) -> int:
    """The line that an error of `tomllib` names."""
    # Told in words only: "(at line 3, column 1)", or "(at end of document)".
    _, _, behind = str(error).rpartition("(at line ")
    line = behind.partition(",")[0]
    return int(line) if line.isdecimal() else text.count("\n") + 1


def _said(error: Exception) -> str:
    """What such an error says, without the place."""
    return (
        "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition(" (at ")[0]
    )


def _default_locale(top: Table) -> str:
    """The language of last resort; English where it is wrong, so that the rest can be read."""
    tag = top.text("default_locale", None)
    if tag is None:
        if "default_locale" not in top.value:
            top.wrong('default_locale is missing: the locale of last resort, such as "en"')
    elif not languages.is_language(tag):
        top.wrong("is no language that CLDR knows, such as en or pt-BR", "default_locale")
    return tag or "en"


def _categories(top: Table) -> dict[str, Category]:
    """The categories by key; each mistake is noted."""
    found = {}
    for position, (key, table) in enumerate(top.tables("categories")):
        _is_named(table, KEY, "a category is lower case letters, digits and _, 64 at most")
        table.only(("name", "order", "icon", "opt_in"))
        if "name" not in table.value:
            table.wrong("name is missing: what a reader sees, by locale")
        found[key] = Category(
            key=key,
            names=MappingProxyType(read_names(table)),
            order=table.whole("order", position, least=-10_000, most=10_000),
            icon=table.text(
                "icon",
                None,
                pattern=r"[^\s\x00-\x1f\x7f]{1,16}",
                meaning="16 characters at most, without blanks",
            ),
            opt_in=table.flag("opt_in", default=False),
        )
    return found


def _is_named(table: Table, pattern: str, rule: str) -> bool:
    """Whether a table's own name fits the pattern; noted where it does not."""
    if re.fullmatch(pattern, str(table.path[-1])):
        return True
    table.wrong(rule)
    return False
