"""`bellhop catalog …`: what can be done with a folder without a running gateway. Exit codes as of `bellhop`.

It stands here and not in `gateway.process`, for a folder can be worked at without a node, as in somebody's
CI. Output is for programs; sentences go to the standard error.
"""

import argparse
import asyncio
import shutil
import sys
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from gateway.catalog.problems import CatalogError, Mistakes

WELL, FAILED, WRONG = 0, 1, 2
_Run = Callable[[argparse.Namespace], int]
"""Does what was asked, and answers the exit code."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `catalog` its commands."""
    commands = parser.add_subparsers(required=True, dest="action", metavar="ACTION", title="actions")

    def command(name: str, run: _Run, text: str, more: str = "") -> argparse.ArgumentParser:
        """A command on a folder."""
        added: argparse.ArgumentParser = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}. {more}".strip()
        )
        added.set_defaults(run=_guarded(run))
        added.add_argument("folder", type=Path, metavar="FOLDER", help="the catalog's, with its catalog.toml")
        return added

    command(
        "init", _init, "write the example catalog of a web shop into a folder",
        "What is there already is left alone; exit code 1 when a file there is another one.",
    )  # fmt: skip
    check = command(
        "check", _check, "tell every mistake of a catalog, and try each example in each language",
        "Exit code 2 when it cannot be used, 1 when --against finds that it breaks something.",
    )  # fmt: skip
    check.add_argument(
        "--against", type=Path, metavar="OLD",
        help="the folder of the catalog in force: what its schemas accept, the new ones must accept",
    )  # fmt: skip
    render = command(
        "render", _render, "write every example in every language as files: item, HTML and text",
        "The same catalog always makes the same files: keep them, and let your CI compare.",
    )  # fmt: skip
    render.add_argument(
        "target", type=Path, metavar="DIR", help="where to; files of earlier examples are removed"
    )
    render.add_argument(
        "--compare",
        action="store_true",
        help="write nothing, and tell what differs; exit code 1 if anything does",
    )
    types = command("types", _types, "print the types as code, for a backend to be checked by its compiler")
    types.add_argument("--lang", required=True, choices=["ts", "py"], help="TypeScript or Python")
    imports = command(
        "import", _import, "take over the HTML that React Email or Maizzle has built",
        "order-confirmation.de.html becomes ORDER_CONFIRMATION.de.html. With any mistake nothing is written.",
    )  # fmt: skip
    imports.add_argument("source", type=Path, metavar="DIR", help="the folder that was built")


def _guarded(run: _Run) -> _Run:
    """The command, with mistakes and files that cannot be read told in sentences."""

    def guarded(given: argparse.Namespace) -> int:
        try:
            return run(given)
        except CatalogError as error:
            for mistake in error.mistakes:
                print(mistake, file=sys.stderr)
            print(f"bellhop: {error.summary}", file=sys.stderr)
            return WRONG
        except OSError as error:
            print(f"bellhop: {error.filename or given.folder}: {error.strerror}", file=sys.stderr)
            return FAILED

    return guarded


def _load(folder: Path) -> Any:
    """The catalog in a folder. Raises `CatalogError`."""
    # Only now: the other commands should not wait for what a catalog is made of.
    from gateway.catalog.loading import load

    return load(folder)


def _init(given: argparse.Namespace) -> int:
    """Copy the example. What is there is never written over, so it may be run again."""
    others = []
    with as_file(files("gateway.catalog") / "shop") as shop:
        for source in sorted(path for path in shop.iterdir() if path.is_file()):
            target = given.folder / source.name
            if not target.exists():
                given.folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                print(target)
            elif target.read_bytes() != source.read_bytes():
                others.append(target)
    for target in others:
        print(f"bellhop: {target} is there already, and another one", file=sys.stderr)
    return FAILED if others else WELL


def _check(given: argparse.Namespace) -> int:
    """Load, make every proof, and compare with the old one where that is asked."""
    catalog = _load(given.folder)
    made = _proofs(catalog)
    failures = sorted({f"{one.name}: {one.failure}" for one in made if one.failure})
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        return WRONG
    for warning in sorted({f"{one.type}: {text}" for one in made if one.mail for text in one.mail.warnings}):
        print(f"warning: {warning}", file=sys.stderr)
    for name in (kind.name for kind in catalog.types.values() if not kind.examples):
        print(f"warning: {name} has no examples, so nothing of it was tried", file=sys.stderr)
    if given.against is not None:
        from gateway.catalog.compare import breaks

        broken = list(breaks(_load(given.against), catalog))
        for sentence in broken:
            print(sentence, file=sys.stderr)
        if broken:
            return FAILED
    kinds, locales = _counted(len(catalog.types), "type"), ", ".join(catalog.locales())
    print(f"catalog {catalog.version}: {kinds} in {locales}, {_counted(len(made), 'proof')} made")
    return WELL


def _render(given: argparse.Namespace) -> int:
    """Write the proofs, or compare them with what is there."""
    from gateway.catalog import proofs

    catalog = _load(given.folder)
    made = _proofs(catalog)
    failures = [f"{one.name}: {one.failure}" for one in made if one.failure]
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        return WRONG
    if given.compare:
        differing = proofs.differences(made, given.target)
        for name in differing:
            print(f"{given.target / name} differs", file=sys.stderr)
        return FAILED if differing else WELL
    print(f"{_counted(proofs.keep(made, given.target), 'file')} in {given.target}")
    return WELL


def _proofs(catalog: Any) -> Any:
    """Every example in every language; starts a press of its own for the mails."""
    from gateway.catalog import proofs

    return asyncio.run(proofs.proofs(catalog))


def _types(given: argparse.Namespace) -> int:
    """Print the types as code."""
    from gateway.catalog import emitters

    catalog = _load(given.folder)
    print({"ts": emitters.typescript, "py": emitters.python}[given.lang](catalog), end="")
    return WELL


def _import(given: argparse.Namespace) -> int:
    """Take over what was built; nothing is written with any mistake in it."""
    from gateway.catalog import imports
    from gateway.catalog.mails import check_templates

    catalog = _load(given.folder)
    mistakes = Mistakes(given.folder)
    taken = imports.converted(given.source, catalog.types, mistakes)
    # Judged together with what is in the folder: a new template may lean on an old layout.
    check_templates({**catalog.templates, **taken}, catalog.types, catalog.default_locale, mistakes)
    if not taken:
        mistakes.add(str(given.source), 1, "there is no .html and no .txt file in it")
    mistakes.raise_if_any()
    for name, source in taken.items():
        target = given.folder / name
        if not target.exists() or target.read_bytes() != source.encode():
            target.write_bytes(source.encode())
            print(target)
    return WELL


def _counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
