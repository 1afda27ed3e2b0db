"""Python as units: statements with their comments, positions and normal forms."""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ltscaffold.merge.units import Unit, number_duplicates, split_comments

DOCSTRING = "docstring"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


class Source:
    """A parsed module; raises SyntaxError if it is not Python.

    Args:
        text: its code, with LF line endings.
    """

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)
        self.lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        for node in _definitions(self.tree):
            _clean_docstring(node)

    def text(self, first: int, last: int) -> str:
        """Return the text of lines, counted from 1, both included."""
        return "".join(self.lines[first - 1 : last])

    def units(self) -> list[Unit]:
        """Return the statements of the module as units, and comments that precede none."""
        return self.block(self.tree.body, 1, len(self.lines))

    def members(self, node: Definition) -> list[Unit]:
        """Return the statements of a class or function."""
        return self.block(node.body, self.header_end(node) + 1, self.end(node))

    def block(self, body: Sequence[ast.stmt], first: int, last: int) -> list[Unit]:
        """Return the statements in a range of lines, each with the comments above it.

        Args:
            body: the statements.
            first: the first line, counted from 1.
            last: the last line, included.
        """
        units: list[Unit] = []
        following = first
        for group in _same_line(body):
            start = self.start(group[0])
            end = max(map(self.end, group))
            units += self._unit(group, following, start, end)
            following = end + 1
        return number_duplicates(units + split_comments(self.lines[following - 1 : last], None))

    def start(self, node: ast.stmt) -> int:
        """Return the first line of a statement, from 1, decorators included."""
        decorators = node.decorator_list if isinstance(node, Definition) else ()
        first: int = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        return first

    def end(self, node: ast.stmt) -> int:
        """Return the last line of a statement, from 1, comments at the end of its body included."""
        assert node.end_lineno is not None
        last = node.end_lineno
        if not isinstance(node, Definition):
            return last
        for number in range(last + 1, len(self.lines) + 1):
            line = self.lines[number - 1]
            if line.strip():
                depth = len(line) - len(line.lstrip())
                if not line.lstrip().startswith("#") or depth <= node.col_offset:
                    break
                last = number
        return last

    def header_end(self, node: Definition) -> int:
        """Return the line, from 1, with the colon that ends the head of a definition."""
        number = self.start(node.body[0]) - 1
        while not self.lines[number - 1].strip() or self.lines[number - 1].lstrip()[0] == "#":
            number -= 1
        return number

    def is_one_line(self, node: Definition) -> bool:
        """Return whether the body of a definition begins on the line of its colon."""
        first = node.body[0]
        before = self.lines[first.lineno - 1].encode()[: first.col_offset]
        return self.start(first) == first.lineno and bool(before.strip())

    def _unit(self, group: list[ast.stmt], first: int, start: int, end: int) -> list[Unit]:
        """Return the units of statements on common lines, see `split_comments`.

        Args:
            group: the statements.
            first: first line of the comments above them, counted from 1.
            start: first line of the statements.
            end: last line of the statements, included.
        """
        key = "; ".join(map(statement_name, group))
        node = group[0] if len(group) == 1 else None
        divisible = isinstance(node, ast.ClassDef)
        text = self.text(start, end)
        unit = Unit(key, "", "", text, _form(_Statements(key, text, group)), node, divisible)
        return split_comments(self.lines[first - 1 : max(start, first) - 1], unit)


@dataclass(frozen=True)
class _Statements:
    """Statements on common lines; the same text under the same name has the same form."""

    key: str
    text: str
    nodes: list[ast.stmt] = field(compare=False)


@lru_cache(4096)
def _form(statements: _Statements) -> tuple[object, ...]:
    """Return the normal form of statements; the versions of many modules have most in common."""
    text, comments = statements.text, list[str]()
    if "#" in text:
        block = f"if 1:\n{text}" if text[0] in " \t" else text
        tokens = tokenize.generate_tokens(io.StringIO(block).readline)
        comments = [token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT]
    return (*map(ast.dump, statements.nodes), tuple(comments))


def statement_name(node: ast.stmt) -> str:
    """Return a name by which versions of a statement are compared.

    It is the name that it defines or assigns to, `docstring`, `import`, or else its first line.
    """
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return f"{node.name}{_role(node)}"
        case ast.ClassDef():
            return node.name
        case ast.Expr(ast.Constant(str())):
            return DOCSTRING
        case ast.Assign():
            return ast.unparse(node.targets[0])
        case ast.AnnAssign() | ast.AugAssign():
            return ast.unparse(node.target)
        case ast.If() | ast.While():
            return f"{type(node).__name__.lower()} {ast.unparse(node.test)}"
        case ast.Import() | ast.ImportFrom():
            return "import"
        case ast.Try():
            return f"try {ast.unparse(node.body[0])}".partition("\n")[0]
    return ast.unparse(node).partition("\n")[0]


def _role(node: Function) -> str:
    """Return a suffix for one of several functions of a name: an overload, or a setter."""
    for decorator in map(ast.unparse, node.decorator_list):
        if decorator.startswith(f"{node.name}."):
            return decorator.removeprefix(node.name)
        if decorator.rpartition(".")[2] == "overload":
            return " (overload)"
    return ""


def is_import(unit: Unit) -> bool:
    """Return whether a unit is an import."""
    return isinstance(unit.node, ast.Import | ast.ImportFrom)


def _same_line(body: Sequence[ast.stmt]) -> list[list[ast.stmt]]:
    """Group statements that share a line."""
    groups: list[list[ast.stmt]] = []
    for node in body:
        if groups and groups[-1][-1].end_lineno == node.lineno:
            groups[-1].append(node)
        else:
            groups.append([node])
    return groups


def _definitions(node: ast.AST) -> Iterator[ast.Module | Definition]:
    """Yield a module or definition, and the definitions in it; no expression has any."""
    if isinstance(node, ast.Module | Definition):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield from _definitions(child)


def _clean_docstring(node: ast.Module | Definition) -> None:
    """Remove the indentation from a docstring, which depends on its depth."""
    if ast.get_docstring(node) is not None:
        constant = getattr(node.body[0], "value", None)
        assert isinstance(constant, ast.Constant)
        lines = inspect.cleandoc(str(constant.value)).split("\n")
        constant.value = "\n".join(line.rstrip() for line in lines).strip()
