"""The mistakes that can be made in a module: each is one changed node of its syntax tree."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
Change = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True)
class Mistake:
    """A mistake: where, what is other, and the module's source with it."""

    line: int
    what: str
    source: str


def mistakes(source: str) -> list[Mistake]:
    """Every mistake of these kinds that can be made in a source, in the order of its lines."""
    tree = ast.parse(source)
    skipped = _skipped(tree)
    found = []
    for number, node in enumerate(ast.walk(tree)):
        for change in _changes(node) if node not in skipped else ():
            twin = copy.deepcopy(tree)
            place = next(other for n, other in enumerate(ast.walk(twin)) if n == number)
            before, after = ast.unparse(node), change(copy.deepcopy(place))
            said = f"`{before.splitlines()[0][:80]}` -> `{ast.unparse(after).splitlines()[0][:80]}`"
            changed = _Replaced(place, after).visit(twin)
            line = node.target.lineno if isinstance(node, ast.comprehension) else getattr(node, "lineno", 0)
            found.append(Mistake(line, said, ast.unparse(ast.fix_missing_locations(changed))))
    return sorted(found, key=lambda one: (one.line, one.what))


class _Replaced(ast.NodeTransformer):
    """A tree with one node in place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """The new node where the old one is."""
        return self._new if node is self._old else self.generic_visit(node)


def _skipped(tree: ast.AST) -> set[ast.AST]:
    """What says nothing to the program: docstrings, annotations, log lines, the texts of errors, type aliases."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found |= {node, node.value}
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found |= {one for argument in node.exc.args for one in ast.walk(argument)}
        if isinstance(node, ast.Expr) and ast.unparse(node).startswith("log."):
            found |= set(ast.walk(node))
        parts = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            parts.append(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts += node.decorator_list
        if isinstance(node, ast.ImportFrom | ast.Import | ast.Assert):
            parts.append(node)
        found |= {one for part in parts if isinstance(part, ast.AST) for one in ast.walk(part)}
    return found


def _changes(node: ast.AST) -> Iterator[Change]:
    """What can be changed in a node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        yield lambda one: _with(one, ops=[_COMPARED[type(one.ops[0])](), *one.ops[1:]])  # type: ignore[attr-defined]
    if isinstance(node, ast.BoolOp):
        yield lambda one: _with(one, op=ast.Or() if isinstance(one.op, ast.And) else ast.And())  # type: ignore[attr-defined]
    if isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield lambda one: _with(one, op=_COMPUTED[type(one.op)]())  # type: ignore[attr-defined]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        yield lambda one: one.operand  # type: ignore[attr-defined]
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield lambda one: _with(one, test=ast.UnaryOp(ast.Not(), one.test))  # type: ignore[attr-defined]
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield lambda one: _with(one, value=ast.Constant(None))
    if isinstance(node, ast.Expr | ast.Raise):
        yield lambda _: ast.Pass()
    if isinstance(node, ast.comprehension) and node.ifs:
        yield lambda one: _with(one, ifs=[])
    if isinstance(node, ast.Constant):
        yield from _of_constant(node)


def _of_constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield lambda _: ast.Constant(not value)
    elif isinstance(value, int):
        yield lambda _: ast.Constant(value + 1)
    elif isinstance(value, str) and value and " " not in value:
        yield lambda _: ast.Constant(f"{value}x")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _with(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node
