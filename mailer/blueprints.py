"""What the source of a mail template tells without running it: what it uses, whom it needs, and what is wrong with it.

Nothing is compiled here: Jinja's compiler works out what is constant, and `'x' * 10 ** 9` is. Parsing only reads.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import BaseLoader, nodes
from jinja2.exceptions import TemplateSyntaxError

from mailer.composed import NAMES
from mailer.designs import environment
from mailer.uses import Use, tells_time, uses

LONGEST_SOURCE = 2**18
BUILT_IN = frozenset({"base.html", "parts.html", "default.html", "default.txt"})
"""Bellhop's own templates, which those of a catalog may extend, include and import."""
_REFERENCES = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
_SANDBOX = environment(BaseLoader())
_GLOBALS = frozenset(_SANDBOX.globals) | NAMES | {"loop", "self", "super", "caller", "varargs", "kwargs"}


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a template, in words for its author, and in which line, from 1."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """With a flaw the catalog does not load. Paths are told for a check against the type's schema."""

    uses: tuple[Use, ...] = ()
    """The paths of `data` that it uses."""
    needs: tuple[str, ...] = ()
    """The other files that it names."""
    is_timed: bool = False
    """Whether it tells the time, or asks for its reader's zone."""
    flaws: tuple[Flaw, ...] = ()


def read(source: str, names: Iterable[str]) -> Blueprint:
    """Read a template. `names` are the templates that there are beside the built-in ones.

    It raises nothing for any text. A template that names another by what only a mail will tell is flawed: nobody could
    say what it needs.
    """
    if len(source) > LONGEST_SOURCE:
        return Blueprint(flaws=(Flaw(1, f"it is longer than {LONGEST_SOURCE} characters"),))
    try:
        tree = _SANDBOX.parse(source)
        needs = dict(_references(tree))
        flaws = [*_unknown(tree), *_absent(needs, BUILT_IN.union(names))]
        return Blueprint(
            uses=tuple(uses(tree)), needs=tuple(needs), flaws=tuple(flaws), is_timed=_is_timed(tree)
        )
    except TemplateSyntaxError as error:
        return Blueprint(flaws=(Flaw(error.lineno, error.message or "this is no template"),))
    except RecursionError:
        return Blueprint(flaws=(Flaw(1, "it is nested too deeply"),))


def closure(name: str, blueprints: Mapping[str, Blueprint]) -> set[str]:
    """The files of the catalog that a template is made of, itself among them.

    Files that name each other are no trouble. What is not in the catalog, such as the built-in ones, is passed over.
    """
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in blueprints and one not in found:
            found.add(one)
            waiting.extend(blueprints[one].needs)
    return found


def _references(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    """The names of other templates that this one has, with the line. Raises `TemplateSyntaxError` for one that is
    worked out.
    """
    for reference in tree.find_all(_REFERENCES):
        try:
            # Only what stands there is taken: `as_const` of a sum would work it out.
            named = _constants(reference.template)  # type: ignore[attr-defined]
        except ValueError as error:
            raise TemplateSyntaxError(
                "it names another template by what only a mail will tell", reference.lineno
            ) from error
        for name in named:
            yield name, reference.lineno


def _constants(node: nodes.Expr) -> list[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, nodes.List | nodes.Tuple):
        return [name for item in node.items for name in _constants(item)]
    raise ValueError


def _absent(needs: Mapping[str, int], names: frozenset[str]) -> Iterator[Flaw]:
    for name, line in needs.items():
        if name not in names:
            yield Flaw(line, f"there is no template {name}")


def _is_timed(tree: nodes.Template) -> bool:
    """Whether it has a filter that goes by its reader's clock, or the name of the zone."""
    return tells_time(tree) or any(node.name == "timezone" for node in tree.find_all(nodes.Name))


def _unknown(tree: nodes.Template) -> Iterator[Flaw]:
    """A flaw for each name, filter and test that there is not. What the template sets itself, anywhere in it, is known."""
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    stored |= {macro.name for macro in tree.find_all(nodes.Macro)}
    stored |= {one.target for one in tree.find_all(nodes.Import)}
    for one in tree.find_all(nodes.FromImport):
        stored |= {name if isinstance(name, str) else name[1] for name in one.names}
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in stored and name.name not in _GLOBALS:
            yield Flaw(name.lineno, f"there is no {name.name}; a mail has {', '.join(sorted(NAMES))}")
    for known, kind, what in (
        (_SANDBOX.filters, nodes.Filter, "filter"),
        (_SANDBOX.tests, nodes.Test, "test"),
    ):
        for node in tree.find_all(kind):
            if node.name not in known:
                yield Flaw(node.lineno, f"there is no {what} {node.name}")
