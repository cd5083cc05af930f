"""The meaning of a phrase: what Jinja has parsed and `mailer.phrases` let pass becomes a function of its data.

Jinja's own code would do, in a sandbox; but these functions can do nothing else than what stands here, never raise for any
JSON, and take a tenth of the time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jinja2 import nodes

from mailer.filters import FILTERS, MISSING, Reader, compared
from mailer.languages import text


class Told(NamedTuple):
    """What a phrase is told."""

    data: Mapping[str, Any]
    reader: Reader
    type: str


Value = Callable[[Told], Any]
Show = Callable[[object], str]
Spoken = Callable[[Told], str]
_TESTS: Mapping[str, Callable[[object], bool]] = {
    "defined": lambda value: value is not MISSING,
    "undefined": lambda value: value is MISSING,
    "none": lambda value: value is None,
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
}
TESTS = frozenset(_TESTS)
NAMES: Mapping[str, Value] = {
    "data": lambda told: told.data,
    "locale": lambda told: told.reader.locale,
    "type": lambda told: told.type,
}


def spoken(body: Sequence[nodes.Node], show: Show) -> Spoken:
    """What statements one after another say."""
    pieces = [piece for node in body for piece in _pieces(node, show)]
    if len(pieces) == 1:
        return pieces[0]
    return lambda told: "".join([piece(told) for piece in pieces])


def _pieces(node: nodes.Node, show: Show) -> list[Spoken]:
    if isinstance(node, nodes.If):
        return [_if(node, show)]
    assert isinstance(node, nodes.Output)
    return [
        _constant(each.data) if isinstance(each, nodes.TemplateData) else _shown(value_of(each), show)
        for each in node.nodes
    ]


def _constant(said: str) -> Spoken:
    return lambda _: said


def _shown(value: Value, show: Show) -> Spoken:
    return lambda told: show(value(told))


def _if(node: nodes.If, show: Show) -> Spoken:
    branches = [(value_of(each.test), spoken(each.body, show)) for each in (node, *node.elif_)]
    otherwise = spoken(node.else_, show)

    def say(told: Told) -> str:
        for test, body in branches:
            if test(told):
                return body(told)
        return otherwise(told)

    return say


def value_of(node: nodes.Node) -> Value:
    """What an expression is worth."""
    if isinstance(node, nodes.Const):
        constant = node.value
        return lambda _: constant
    if isinstance(node, nodes.Name):
        return NAMES[node.name]
    if isinstance(node, nodes.Getattr):
        return _member(node.node, node.attr)
    if isinstance(node, nodes.Getitem):
        return _item(node)
    if isinstance(node, nodes.Filter):
        return _filter(node)
    if isinstance(node, nodes.Test):
        asked, test = value_of(node.node), _TESTS[node.name]
        return lambda told: test(asked(told))
    if isinstance(node, nodes.Compare):
        return _compare(node)
    if isinstance(node, nodes.Concat):
        parts = [value_of(each) for each in node.nodes]
        return lambda told: "".join([text(part(told)) for part in parts])
    if isinstance(node, nodes.List | nodes.Tuple):
        items = [value_of(each) for each in node.items]
        return lambda told: [item(told) for item in items]
    return _logic(node)


def _logic(node: nodes.Node) -> Value:
    if isinstance(node, nodes.And):
        left, right = value_of(node.left), value_of(node.right)
        return lambda told: left(told) and right(told)
    if isinstance(node, nodes.Or):
        left, right = value_of(node.left), value_of(node.right)
        return lambda told: left(told) or right(told)
    if isinstance(node, nodes.Not):
        denied = value_of(node.node)
        return lambda told: not denied(told)
    assert isinstance(node, nodes.CondExpr)
    test, one = value_of(node.test), value_of(node.expr1)
    other = value_of(node.expr2) if node.expr2 is not None else lambda _: MISSING
    return lambda told: one(told) if test(told) else other(told)


def _member(node: nodes.Node, name: str) -> Value:
    if isinstance(node, nodes.Name) and node.name == "data":
        return lambda told: told.data.get(name, MISSING)
    whole = value_of(node)

    def member(told: Told) -> object:
        found = whole(told)
        return found.get(name, MISSING) if isinstance(found, Mapping) else MISSING

    return member


def _item(node: nodes.Getitem) -> Value:
    whole, key = value_of(node.node), value_of(node.arg)

    def item(told: Told) -> object:
        found, at = whole(told), key(told)
        if isinstance(found, Mapping):
            return found.get(at, MISSING) if isinstance(at, str) else MISSING
        within = isinstance(found, (list, tuple)) and isinstance(at, int) and 0 <= at < len(found)
        return found[at] if within else MISSING

    return item


def _filter(node: nodes.Filter) -> Value:
    assert node.node is not None
    apply, given = FILTERS[node.name].apply, value_of(node.node)
    arguments = [value_of(each) for each in node.args]
    named = {each.key: value_of(each.value) for each in node.kwargs}
    if not arguments and not named:
        return lambda told: apply(given(told), told.reader)
    return lambda told: apply(
        given(told),
        told.reader,
        *[argument(told) for argument in arguments],
        **{str(name): argument(told) for name, argument in named.items()},
    )


def _compare(node: nodes.Compare) -> Value:
    first = value_of(node.expr)
    rest = [(operand.op, value_of(operand.expr)) for operand in node.ops]

    def holds(told: Told) -> bool:
        left = first(told)
        for sign, operand in rest:
            right = operand(told)
            if not compared(left, sign, right):
                return False
            left = right
        return True

    return holds
