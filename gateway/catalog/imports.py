"""Taking over what React Email and Maizzle build: HTML files, with statements of Jinja that a builder has escaped.

It only undoes what builders do to delimiters. Whether the templates can be used is judged by `mails`
afterwards.
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path

from gateway.catalog.problems import Mistakes

_KINDS = (".html", ".txt")
"""Endings of files that are taken."""
_DELIMITED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""An expression or a statement of Jinja."""
# Whatever builders put between the two braces of a delimiter: React parts texts by empty comments.
_SPLIT = re.compile(r"\{(?:<!-- -->)+(?=[{%])|(?<=[}%])(?:<!-- -->)+\}")
_COMMENT = re.compile(r"<!--\s*-->")
"""An empty comment."""
_LOCALE = re.compile(r"(.+?)[._]([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)")
"""A name with a locale at its end."""
_EMPTY_LOOP = re.compile(r"\{%-?\s*for\b[^%]*%\}\s*\{%-?\s*endfor\s*-?%\}")
"""A loop around nothing."""


def converted(folder: Path, types: Mapping[str, object], mistakes: Mistakes) -> dict[str, str]:
    """The templates of a built folder, by the names that they have in a catalog.

    `order-confirmation.html`, or `order_confirmation.de.html`, is the mail of ORDER_CONFIRMATION, in German.

    Mistakes are noted by the names of the built files.
    """
    found: dict[str, str] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _KINDS and path.is_file()):
        name = str(path.relative_to(folder))
        type_, locale = _meant(path)
        if type_ != "default" and type_ not in types:
            mistakes.add(name, 1, f"there is no type {type_} in the catalog")
            continue
        target = ".".join(filter(None, (type_, locale))) + path.suffix
        if target in found:
            mistakes.add(name, 1, f"another file is {target} too")
        try:
            source = path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            mistakes.add(name, 1, "this is not UTF-8")
            continue
        found[target] = restored(source) if path.suffix == ".html" else source
        for line, problem in _losses(found[target]):
            mistakes.add(name, line, problem)
    return found


def restored(source: str) -> str:
    """The source with what stands between delimiters as its author wrote it.

    Outside of delimiters nothing is changed: entities there are the page's own.
    """
    whole = _SPLIT.sub(lambda match: _COMMENT.sub("", match[0]), source)
    return _DELIMITED.sub(lambda match: unescape(_COMMENT.sub("", match[0])), whole)


def _meant(path: Path) -> tuple[str, str]:
    """The type and the locale that a file is for, by its name."""
    stem = path.stem
    locale = ""
    if (match := _LOCALE.fullmatch(stem)) and "." in stem:
        stem, locale = match[1], match[2]
    if stem.lower() == "default":
        return "default", locale
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem)
    return re.sub(r"[^A-Za-z0-9]+", "_", snake).strip("_").upper(), locale


def _losses(source: str) -> Iterator[tuple[int, str]]:
    """What a builder has destroyed, with the line."""
    for match in _EMPTY_LOOP.finditer(source):
        yield (
            source.count("\n", 0, match.start()) + 1,
            "this loop is empty: an inliner has moved it out of its table, so build without inlining",
        )
