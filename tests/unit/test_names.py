"""One word has one meaning: the name of a class, or of an alias, says in the whole house which it is."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("auth", "gateway", "mailer", "storage")
ADAPTERS = {Path("storage"), Path("storage/mongo"), Path("storage/sqlite")}
"""A noun of the store may have its class, or its alias, in each of these: they are the same noun."""
SEEN_IN_PART = {
    "Campaigns": "the gates ask the shelf whether one runs, and nothing else",
    "Chosen": "the book of preferences, as far as the gates and who mutes rooms ask it",
    "Contacts": "the book of contacts, as far as the gates, the languages and the refusals ask it",
    "Digests": "the gates ask the shelf for company in a digest, and nothing else",
    "Emits": "the emitter, as far as its listeners know it",
    "Suppressions": "the list of suppressions, as far as the gates and the refusals ask it, and its shelf",
}
"""Protocols that stand beside who needs them, and say of the one noun as much as is asked of it there."""


class Given(NamedTuple):
    """Where a name is given, and as what."""

    file: Path
    bases: str | None
    """Of a class; None is an alias: what else is assigned in a module under a name in capitals and small letters."""


def of_module(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str | None]]:
    """The names that a module gives, each with what it is a child of."""
    for statement in body:
        match statement:
            case ast.ClassDef(name=name, bases=bases):
                yield name, ", ".join(map(ast.unparse, bases))
            case ast.Assign(targets=targets, value=value) if not is_type_variable(value):
                yield from ((target.id, None) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, None
            case ast.If(body=body, orelse=other):
                yield from of_module([*body, *other])


def is_type_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in {"TypeVar", "ParamSpec"}


def names() -> dict[str, list[Given]]:
    """What the packages give: classes, and aliases. Constants are in capitals alone, and what is private begins with `_`."""
    found: dict[str, list[Given]] = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for name, bases in of_module(ast.parse(file.read_bytes()).body):
                if bases is not None or re.match(r"[A-Z]\w*[a-z]", name):
                    found[name].append(Given(file.relative_to(ROOT), bases))
    return found


def is_one_noun_of_the_store(files: list[Path]) -> bool:
    folders = [file.parent for file in files]
    return set(folders) <= ADAPTERS and len(set(folders)) == len(folders)


def test_no_two_classes_or_aliases_share_a_name():
    """To mend it, give the one to which the word comes less naturally a more exact name; aliases of one meaning are
    written down once, and imported.
    """
    given = {name: [file for file, _ in places] for name, places in names().items()}
    shared = {
        name: [str(file) for file in files]
        for name, files in given.items()
        if len(files) > 1 and name not in SEEN_IN_PART and not is_one_noun_of_the_store(files)
    }

    assert len(given) > 1000
    assert not shared


def test_what_is_seen_in_part_is_a_protocol_each_time():
    """A name that is given once needs no reason any more."""
    given = names()

    for name in SEEN_IN_PART:
        assert len(given[name]) > 1, name
        assert {bases for _, bases in given[name]} == {"Protocol"}, name


def test_of_a_module_classes_and_aliases_are_read():
    source = """
class Bus(Protocol): ...
class _Own: ...
Told = tuple[str, str]
Reply: TypeAlias = "bytes | int"
T = TypeVar("T")
Request = TypeVar("Request")
if TYPE_CHECKING:
    Wire = Callable[[bytes], None]
    class Late: ...
"""

    assert list(of_module(ast.parse(source).body)) == [
        ("Bus", "Protocol"), ("_Own", ""), ("Told", None), ("Reply", None), ("Wire", None), ("Late", "")
    ]  # fmt: skip
