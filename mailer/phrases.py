"""Short texts with data in them: the title, the body, the link and the subject of a notification.

They are made on the way of an emit, in this process, so nothing in them may take long or fail. A phrase is written in Jinja,
without loops, sums, calls and macros: it prints values, through filters that answer a text for any JSON, under conditions that
hold or do not for any JSON. What it costs is bounded by its length, whatever the data. Mails, which want all of Jinja, are
rendered by `mailer.designs` in a process of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from jinja2 import Environment, nodes
from jinja2.exceptions import TemplateSyntaxError

from mailer import languages
from mailer.filters import FILTERS, WIDE
from mailer.languages import text
from mailer.phrasing import NAMES, TESTS, Spoken, spoken
from mailer.uses import Use, tells_time, uses

LONGEST_SOURCE = 10_000
MOST_NODES = 1000
"""Values, conditions and filters of one phrase."""
DEEPEST = 40
"""Levels of its syntax tree."""
MOST_VALUES = 64
"""How often a phrase may print."""
LONGEST_LINK_PART = 512
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If,
    nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.CondExpr, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.List, nodes.Tuple, nodes.Keyword,
)  # fmt: skip
_PARSER = Environment(autoescape=False)  # noqa: S701  # parses only: a phrase is no HTML, and is escaped where it gets into some


class PhraseError(ValueError):
    """What is wrong with a phrase, and in which of its lines, from 1."""

    def __init__(self, problem: str, line: int = 1) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class Phrase:
    """It is compiled once, and said many times, by several tasks at once."""

    source: str
    uses: tuple[Use, ...]
    """The paths of `data` that it prints or asks for."""
    say: Spoken
    is_timed: bool = False
    """Whether it tells the time, and so may differ by its reader's zone."""


def phrase(source: str, *, locale: str, is_link: bool = False) -> Phrase:
    """Compile a text of one locale. Raises `PhraseError`.

    In a link every value is percent-encoded (RFC 3986), so that no value can lead elsewhere.

    What it lets pass never fails for any data. The plural forms of the language must all be there.
    """
    if len(source) > LONGEST_SOURCE:
        raise PhraseError(f"is longer than {LONGEST_SOURCE} characters")
    try:
        tree = _PARSER.parse(source)
    except TemplateSyntaxError as error:
        raise PhraseError(f"is no template: {error.message}", error.lineno) from error
    except RecursionError as error:
        raise PhraseError("is nested too deeply") from error
    _check(tree, locale)
    return Phrase(
        source,
        tuple(uses(tree)),
        spoken(tree.body, _in_link if is_link else text),
        is_timed=tells_time(tree),
    )


def _in_link(value: object) -> str:
    said = text(value)[:LONGEST_LINK_PART]
    # Most are numbers and names, which need no encoding.
    return said if said.isascii() and said.isalnum() else quote(said, safe="", errors="replace")


def _check(tree: nodes.Template, locale: str) -> None:
    """Raise `PhraseError` for the first part of the tree that a phrase may not have, or have so many of."""
    printed = 0
    for count, (depth, node) in enumerate(_all(tree)):
        if count > MOST_NODES:
            raise PhraseError(f"has more than {MOST_NODES} parts")
        if depth > DEEPEST:
            raise PhraseError("is nested too deeply")
        if not isinstance(node, _ALLOWED):
            what = type(node).__name__.lower()
            raise PhraseError(
                f"holds “{what}”: a short text has no loops, sums, calls or assignments", node.lineno
            )
        if isinstance(node, nodes.Output):
            printed += sum(not isinstance(each, nodes.TemplateData) for each in node.nodes)
        _check_names(node)
        if isinstance(node, nodes.Filter):
            _check_filter(node, locale)
    if printed > MOST_VALUES:
        raise PhraseError(f"prints more than {MOST_VALUES} values")


def _all(tree: nodes.Node) -> Iterator[tuple[int, nodes.Node]]:
    """Every node and its depth, found without recursion."""
    waiting = [(0, tree)]
    while waiting:
        depth, node = waiting.pop()
        yield depth, node
        waiting.extend((depth + 1, child) for child in node.iter_child_nodes())


def _check_names(node: nodes.Node) -> None:
    if isinstance(node, nodes.Name) and node.name not in NAMES:
        raise PhraseError(f"asks for {node.name}: there is {_list(NAMES)}", node.lineno)
    if isinstance(node, nodes.Test) and (node.name not in TESTS or node.args or node.kwargs):
        raise PhraseError(f"has the test {node.name}: there is {_list(TESTS)}", node.lineno)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        raise PhraseError("takes a slice of a value", node.lineno)


def _check_filter(node: nodes.Filter, locale: str) -> None:
    known = FILTERS.get(node.name)
    if known is None or node.node is None or node.dyn_args or node.dyn_kwargs:
        raise PhraseError(f"has the filter {node.name}: there is {_list(FILTERS)}", node.lineno)
    given = {argument.key for argument in node.kwargs}
    if len(given) < len(node.kwargs):
        raise PhraseError(f"gives the filter {node.name} an argument twice", node.lineno)
    if len(node.args) > known.arguments or not given <= known.named:
        raise PhraseError(f"gives the filter {node.name} an argument that it does not take", node.lineno)
    if node.name == "plural" and (lacking := set(languages.plural_forms(locale)) - given):
        raise PhraseError(
            f"lacks the plural form {_list(lacking)}: {locale} tells {_list(languages.plural_forms(locale))} apart",
            node.lineno,
        )
    if node.name in WIDE and any(
        not isinstance(width, nodes.Const) or width.value not in languages.WIDTHS for width in node.args
    ):
        raise PhraseError(f"gives {node.name} a width that is none of {_list(languages.WIDTHS)}", node.lineno)


def _list(names: object) -> str:
    return ", ".join(sorted(names))  # type: ignore[call-overload]
