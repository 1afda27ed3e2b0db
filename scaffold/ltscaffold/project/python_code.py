"""The definitions of a Python file; none if the file has a syntax error."""

import ast
from collections.abc import Iterator


def parse_or_empty(code: bytes | str | None) -> ast.Module:
    """Return the syntax tree of code; empty if the code has a syntax error."""
    try:
        return ast.parse(code or "")
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def methods(code: bytes | str | None) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the methods of the classes in a module, each with the name of its class."""
    for node in parse_or_empty(code).body:
        if isinstance(node, ast.ClassDef):
            functions = (each for each in node.body if isinstance(each, ast.FunctionDef))
            yield from ((node.name, function) for function in functions)
