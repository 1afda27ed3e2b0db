"""The expressions in the functions of the packages, and the mutants of each."""

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

PACKAGES = ("ltscaffold", "lightning_transformers")
Mutant = dict[str, Any]
SWAPS: dict[type[ast.AST], Any] = {
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult},
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
MESSAGES = {"print", "echo", "secho", "debug", "info", "warning", "warn", "error", "tell"}
# Strings, lists and paths have one operator; a mutant of it always raises a TypeError.
WORDS = r"['\"\[{]|path|folder|file|root|name|text|lines?\b|unit|code|str\(|list\(|tuple\("
NOT_A_NUMBER = re.compile(WORDS, re.IGNORECASE)
ROLES: dict[tuple[type[ast.AST], str], str] = {
    **{(ast.If, "test"): "condition", (ast.While, "test"): "condition"},
    **{(ast.IfExp, "test"): "condition", (ast.comprehension, "ifs"): "condition"},
    **{(ast.Slice, "lower"): "slice", (ast.Slice, "upper"): "slice"},
    (ast.Return, "value"): "return",
}
ADDRESS = ("module", "function", "statement", "expression", "occurrence")


@dataclass(frozen=True)
class Site:
    """An expression in the body of a function: its address and its role in the statement."""

    module: str
    function: str
    statement: str
    expression: str
    occurrence: int
    node: ast.expr
    role: str

    def mutations(self) -> Iterator[tuple[str, str]]:
        """Yield the kind and the source of each mutant of this expression."""
        node, kind = copy.deepcopy(self.node), ""
        match node:
            case ast.Compare(ops=[operator]) if type(operator) in SWAPS:
                node.ops, kind = [SWAPS[type(operator)]()], "comparison"
            case ast.BoolOp(op=operator):
                node.op, kind = SWAPS[type(operator)](), "boolean"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                node, kind = operand, "not"
            case ast.BinOp(op=operator) if type(operator) in SWAPS:
                if not NOT_A_NUMBER.search(self.expression):
                    node.op, kind = SWAPS[type(operator)](), "arithmetic"
            case ast.Constant(value=bool(value)):
                node.value, kind = not value, "truth"
            case ast.Constant(value=int(value) | float(value)) if self.role != "slice":
                node.value, kind = value + 1, "number"
            case ast.Call(func=ast.Name(id=name) as called) if name in CALLS:
                called.id, kind = CALLS[name], "extreme"
            case ast.Call(func=ast.Attribute(attr=name) as method) if name in CALLS:
                method.attr, kind = CALLS[name], "extreme"
        if kind:
            yield kind, ast.unparse(node)
        elif self.role == "condition":
            yield self.role, f"not ({self.expression})"
        elif self.role == "return" and not isinstance(node, ast.Constant):
            yield self.role, "None"
        elif self.role == "slice":
            yield self.role, f"({self.expression}) + 1"

    def replaced(self, source: bytes, mutant: str) -> bytes:
        """Return the source of the module with the mutant in place of the expression."""
        lines, node = source.splitlines(keepends=True), self.node
        starts = [0, *accumulate(map(len, lines))]
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        changed = source[:start] + f"({mutant})".encode() + source[end:]
        compile(changed, self.module, "exec")
        return changed


def index(checkout: Path) -> list[Site]:
    """Return all expressions in the functions of the two packages."""
    found, root = [], checkout / "scaffold"
    for path in sorted(path for name in PACKAGES for path in root.glob(f"{name}/**/*.py")):
        seen = Counter[tuple[str, ...]]()
        for function, statement, node, role in in_functions(ast.parse(path.read_bytes())):
            address = (function, statement, ast.unparse(node))
            module = path.relative_to(root).as_posix()
            found.append(Site(module, *address, seen[address], node, role))
            seen[address] += 1
    return found


def in_functions(
    holder: ast.AST, function: str = "", inside: bool = False
) -> Iterator[tuple[str, str, ast.expr, str]]:
    """Yield function, statement without its blocks, expression and role."""
    for child in ast.iter_child_nodes(holder):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            deeper = inside or not isinstance(child, ast.ClassDef)
            yield from in_functions(child, f"{function}.{child.name}".lstrip("."), deeper)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            if inside and not isinstance(child, ast.Raise | ast.Assert | ast.match_case):
                header = copy.copy(child)
                for block in {"body", "orelse", "finalbody", "handlers", "cases"} & {
                    *child._fields
                }:
                    setattr(header, block, [])
                for node, role in expressions(header):
                    yield function, ast.unparse(header), node, role
            yield from in_functions(child, function, inside)


def expressions(holder: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yield the expressions below a node and their roles; not in messages or annotations."""
    for field, value in ast.iter_fields(holder):
        for child in value if isinstance(value, list) else [value]:
            match child:
                case ast.JoinedStr() | ast.keyword(arg="strict"):
                    continue
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if (
                    name in MESSAGES
                ):
                    continue
                case ast.AST() if field != "annotation":
                    if isinstance(child, ast.expr):
                        yield child, ROLES.get((type(holder), field), "")
                    yield from expressions(child)


def locate(mutant: Mutant, sites: list[Site]) -> tuple[Site, str] | None:
    """Return the expression of a mutant, wherever it moved, and the source of the mutant."""
    for names in (ADDRESS, ADDRESS[1:], ADDRESS[2:]):
        for wanted in (mutant | mutant.get("after", {}), mutant):
            found = [site for site in sites if all(getattr(site, x) == wanted[x] for x in names)]
            if len(found) == 1:
                return found[0], wanted["mutant"]
    return None
