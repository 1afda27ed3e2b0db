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


def defined_names(code: bytes) -> set[str]:
    """Return the names that a module defines or imports."""
    names = set()
    for node in parse_or_empty(code).body:
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                names.add(node.name)
            case ast.ImportFrom() | ast.Import():
                names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            case ast.Assign():
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names
