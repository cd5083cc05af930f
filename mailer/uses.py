"""Which paths of `data` a template uses, as its syntax tree tells without running it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from mailer.filters import TIMED

EACH = -1
"""Any element of a list."""
ANY = None
"""Any key or element: which one, only a mail will tell."""
DataStep = str | int | None
DataPath = tuple[DataStep, ...]
_ELEMENT = frozenset({"first", "last", "random"})
_SAME = frozenset({"list", "sort", "reverse", "unique", "default", "d", "reject", "select", "selectattr", "rejectattr"})  # fmt: skip
_PAIRS = frozenset({"items", "dictsort"})
_Scope = Mapping[str, DataPath | None]


@dataclass(frozen=True, slots=True)
class Use:
    """In which line of the template it stands, from 1."""

    path: DataPath
    line: int

    def __str__(self) -> str:
        return "".join(["data", *map(_written, self.path)])


def _written(step: DataStep) -> str:
    if isinstance(step, str):
        return f".{step}"
    return f"[{'' if step in (EACH, ANY) else step}]"


def tells_time(tree: nodes.Template) -> bool:
    """Whether it has a filter that goes by its reader's clock."""
    return any(node.name in TIMED for node in tree.find_all(nodes.Filter))


def uses(tree: nodes.Node) -> Iterator[Use]:
    """Each use, the longest path of it: `data.order.number`, not `data.order` too.

    A loop's variable stands for the elements of what it goes over. What a macro is given, and what one file sets for
    another, is not followed.
    """
    yield from _walk(tree, {"data": ()})


def _walk(node: nodes.Node, scope: _Scope) -> Iterator[Use]:
    if isinstance(node, nodes.Template | nodes.Block | nodes.Scope | nodes.ScopedEvalContextModifier):
        yield from _in_order(node.body, scope)
    elif isinstance(node, nodes.For):
        yield from _for(node, scope)
    elif isinstance(node, nodes.If):
        yield from _walk(node.test, scope)
        for branch in (node.body, node.elif_, node.else_):
            yield from _in_order(branch, scope)
    elif isinstance(node, nodes.With):
        for value in node.values:
            yield from _walk(value, scope)
        bound = {
            target.name: _path(value, scope)
            for target, value in zip(node.targets, node.values, strict=True)
            if isinstance(target, nodes.Name)
        }
        yield from _in_order(node.body, {**scope, **bound})
    elif isinstance(node, nodes.Macro | nodes.CallBlock):
        for default in node.defaults:
            yield from _walk(default, scope)
        if isinstance(node, nodes.CallBlock):
            yield from _walk(node.call, scope)
        yield from _in_order(node.body, {**scope, **dict.fromkeys(each.name for each in node.args)})
    elif isinstance(node, nodes.Expr):
        yield from _expression(node, scope)
    else:
        for child in node.iter_child_nodes():
            yield from _walk(child, scope)


def _in_order(body: Sequence[nodes.Node], scope: _Scope) -> Iterator[Use]:
    """Statements one after another: what one sets, the next ones see."""
    known = dict(scope)
    for node in body:
        yield from _walk(node, known)
        if isinstance(node, nodes.Assign):
            for name in node.target.find_all(nodes.Name):
                known[name.name] = None
            if isinstance(node.target, nodes.Name):
                known[node.target.name] = _path(node.node, scope)


def _for(node: nodes.For, scope: _Scope) -> Iterator[Use]:
    yield from _walk(node.iter, scope)
    over = _path(node.iter, scope)
    inner: dict[str, DataPath | None] = dict(scope)
    if isinstance(node.target, nodes.Name):
        inner[node.target.name] = None if over is None else (*over, EACH)
    else:
        assert isinstance(node.target, nodes.Tuple)
        inner |= {name.name: None for name in node.target.find_all(nodes.Name)}
        pairs = isinstance(node.iter, nodes.Filter) and node.iter.name in _PAIRS
        *_, value = node.target.items
        if pairs and isinstance(value, nodes.Name):
            mapping = (
                _path(node.iter.node, scope)
                if isinstance(node.iter, nodes.Filter) and node.iter.node
                else None
            )
            inner[value.name] = None if mapping is None else (*mapping, ANY)
    if node.test is not None:
        yield from _walk(node.test, inner)
    yield from _in_order(node.body, inner)
    yield from _in_order(node.else_, scope)


def _expression(node: nodes.Expr, scope: _Scope) -> Iterator[Use]:
    path = _path(node, scope)
    if path:
        yield Use(path, node.lineno)
    inner: nodes.Node = node
    while path is not None and isinstance(inner, nodes.Getattr | nodes.Getitem):
        if isinstance(inner, nodes.Getitem) and not isinstance(inner.arg, nodes.Const):
            yield from _walk(inner.arg, scope)
        inner = inner.node
    if inner is node or not isinstance(inner, nodes.Name):
        for child in inner.iter_child_nodes():
            if path is None or not _is_told(child, inner):
                yield from _walk(child, scope)


def _is_told(child: nodes.Node, parent: nodes.Node) -> bool:
    """Whether the path of the parent says all of this child."""
    return isinstance(parent, nodes.Filter) and child is parent.node


def _path(node: nodes.Node | None, scope: _Scope) -> DataPath | None:
    if isinstance(node, nodes.Name):
        return scope.get(node.name)
    if isinstance(node, nodes.Getattr):
        inner = _path(node.node, scope)
        return None if inner is None else (*inner, node.attr)
    if isinstance(node, nodes.Getitem):
        inner = _path(node.node, scope)
        return None if inner is None else (*inner, *_steps(node.arg))
    if isinstance(node, nodes.Filter) and node.node is not None:
        inner = _path(node.node, scope)
        if inner is not None and node.name in _ELEMENT:
            return (*inner, EACH)
        return inner if node.name in _SAME else None
    return None


def _steps(arg: nodes.Expr) -> tuple[DataStep, ...]:
    if isinstance(arg, nodes.Slice):
        return ()
    if isinstance(arg, nodes.Const) and isinstance(arg.value, str):
        return (arg.value,)
    if isinstance(arg, nodes.Const) and isinstance(arg.value, int):
        return (max(arg.value, EACH),)
    return (ANY,)
