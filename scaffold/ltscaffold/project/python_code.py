"""The definitions of a Python file; none if the file has a syntax error."""

import ast
from collections.abc import Iterator


def parse_or_empty(code: bytes | str | None) -> ast.Module:
    """Return the syntax tree of a module, without statements for None or a syntax error."""
    try:
        return ast.parse(code or "")
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def methods(code: bytes | str | None) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the name of the class and the node of each method of the top-level classes."""
    for node in parse_or_empty(code).body:
        if isinstance(node, ast.ClassDef):
            functions = (each for each in node.body if isinstance(each, ast.FunctionDef))
            yield from ((node.name, function) for function in functions)
