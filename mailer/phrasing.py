"""The meaning of a phrase: what Jinja has parsed and `mailer.phrases` let pass becomes one Python function of its data.

Jinja's own code would do, in a sandbox; but this function can do nothing else than what stands here, never raises for any
JSON, and takes a fraction of the time. It is put together as a syntax tree, in which a phrase's texts are constants: nothing
that a phrase says is ever read as Python.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from jinja2 import nodes

from mailer.filters import FILTERS, MISSING, Reader, compared
from mailer.languages import text

Show = Callable[[object], str]
"""What is printed of a value."""
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
NAMES = frozenset({"data", "locale", "type"})


class Spoken(Protocol):
    """What a phrase says of data, to a reader, in a type's name. Never raises, for any JSON."""

    def __call__(self, data: Mapping[str, Any], reader: Reader, type_: str = "", /) -> str: ...


def spoken(body: Sequence[nodes.Node], show: Show) -> Spoken:
    """What statements one after another say.

    The tree was let pass by `mailer.phrases`: of another the outcome is not known. `show` is the text of a printed value.
    """
    places = ("data", "reader", "type")
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(each) for each in places],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[ast.Constant("")],
    )
    tree = ast.Expression(ast.Lambda(args=arguments, body=_said(body)))
    known = _helpers(show)
    made: Spoken = eval(compile(ast.fix_missing_locations(tree), "<phrase>", "eval"), known)  # noqa: S307  # a tree of our own
    return made


@lru_cache
def _helpers(show: Show) -> dict[str, Any]:
    """All that a function can call, by name, the same for all that show alike; the builtins are not among it."""
    return {
        "__builtins__": {},
        "MISSING": MISSING,
        "show": show,
        "text": text,
        "compared": _compared,
        "member": _member,
        "item": _item,
        **{f"filter_{name}": known.apply for name, known in FILTERS.items()},
        **{f"test_{name}": test for name, test in _TESTS.items()},
    }


def _said(body: Iterable[nodes.Node]) -> ast.expr:
    """The text that statements print one after another."""
    pieces = [piece for node in body for piece in _pieces(node)]
    if len(pieces) == 1:
        return pieces[0]
    return ast.JoinedStr(
        [
            piece if isinstance(piece, ast.Constant) else ast.FormattedValue(piece, conversion=-1)
            for piece in pieces
        ]
    )


def _pieces(node: nodes.Node) -> list[ast.expr]:
    """The expressions of one statement's text: an `if` is one of them."""
    if isinstance(node, nodes.If):
        said = _said(node.else_)
        for each in reversed([node, *node.elif_]):
            said = ast.IfExp(test=_value(each.test), body=_said(each.body), orelse=said)
        return [said]
    assert isinstance(node, nodes.Output)
    return [
        ast.Constant(each.data) if isinstance(each, nodes.TemplateData) else _call("show", _value(each))
        for each in node.nodes
    ]


def _value(node: nodes.Node) -> ast.expr:
    """What an expression is worth."""
    if isinstance(node, nodes.Const):
        return ast.Constant(node.value)
    if isinstance(node, nodes.Name):
        return _of("reader", "locale") if node.name == "locale" else _name(node.name)
    if isinstance(node, nodes.Getattr):
        return _member_of(node.node, ast.Constant(node.attr))
    if isinstance(node, nodes.Getitem):
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return _member_of(node.node, _value(node.arg))
        return _call("item", _value(node.node), _value(node.arg))
    if isinstance(node, nodes.Filter):
        return _filtered(node)
    if isinstance(node, nodes.Test):
        return _call(f"test_{node.name}", _value(node.node))
    if isinstance(node, nodes.Compare):
        return _comparison(node)
    if isinstance(node, nodes.Concat):
        parts = [ast.FormattedValue(_call("text", _value(each)), conversion=-1) for each in node.nodes]
        return ast.JoinedStr(list(parts))
    if isinstance(node, nodes.List | nodes.Tuple):
        return ast.List([_value(each) for each in node.items], ctx=ast.Load())
    return _logic(node)


def _logic(node: nodes.Node) -> ast.expr:
    if isinstance(node, nodes.And | nodes.Or):
        operator = ast.And() if isinstance(node, nodes.And) else ast.Or()
        return ast.BoolOp(operator, [_value(node.left), _value(node.right)])
    if isinstance(node, nodes.Not):
        return ast.UnaryOp(ast.Not(), _value(node.node))
    assert isinstance(node, nodes.CondExpr)
    other = _name("MISSING") if node.expr2 is None else _value(node.expr2)
    return ast.IfExp(test=_value(node.test), body=_value(node.expr1), orelse=other)


def _member_of(whole: nodes.Node, key: ast.expr) -> ast.expr:
    if isinstance(whole, nodes.Name) and whole.name == "data":
        return ast.Call(_of("data", "get"), [key, _name("MISSING")], [])
    return _call("member", _value(whole), key)


def _filtered(node: nodes.Filter) -> ast.expr:
    assert node.node is not None
    call = _call(
        f"filter_{node.name}", _value(node.node), _name("reader"), *[_value(each) for each in node.args]
    )
    call.keywords = [ast.keyword(str(each.key), _value(each.value)) for each in node.kwargs]
    return call


def _comparison(node: nodes.Compare) -> ast.expr:
    """Whether each holds of its neighbours. All are looked at, for none costs or changes anything."""
    rest = [part for each in node.ops for part in (ast.Constant(each.op), _value(each.expr))]
    return _call("compared", _value(node.expr), *rest)


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(_name(name), list(arguments), [])


def _name(name: str) -> ast.Name:
    return ast.Name(name, ctx=ast.Load())


def _of(name: str, attribute: str) -> ast.Attribute:
    return ast.Attribute(_name(name), attribute, ctx=ast.Load())


def _compared(left: object, *rest: Any) -> bool:
    for sign, right in zip(rest[::2], rest[1::2], strict=True):
        if not compared(left, sign, right):
            return False
        left = right
    return True


def _member(whole: object, key: str) -> object:
    return whole.get(key, MISSING) if isinstance(whole, Mapping) else MISSING


def _item(whole: object, at: object) -> object:
    if isinstance(whole, Mapping):
        return whole.get(at, MISSING) if isinstance(at, str) else MISSING
    within = isinstance(whole, (list, tuple)) and isinstance(at, int) and 0 <= at < len(whole)
    return whole[at] if within else MISSING  # type: ignore[index]
