"""Hooks that are still stubs."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ltscaffold.project.python_code import methods


@dataclass(frozen=True)
class Stub:
    """A method whose body is as generated: it only calls the base class.

    Attributes:
        path: the file, relative to the project.
        line: line of the method, from 1.
        name: name of the method.
    """

    path: str
    line: int
    name: str


def find_stubs(path: str, ours: bytes | None, base: str, hooks: Sequence[str]) -> Iterator[Stub]:
    """Yield the methods of a file whose body is still as generated.

    Args:
        path: the file, for the locations of the stubs.
        ours: the content of the file; None or a syntax error yields nothing.
        base: the content as generated.
        hooks: the methods that were generated as stubs.
    """
    if not hooks or "def " not in base:
        return
    generated = {each.name: _body(each) for _, each in methods(base) if each.name in hooks}
    for _, method in methods(ours):
        if method.name in hooks and _body(method) == generated.get(method.name):
            yield Stub(path, method.lineno, method.name)


def _body(method: ast.FunctionDef) -> list[str]:
    """Return the statements without the docstring."""
    has_docstring = ast.get_docstring(method) is not None
    return [ast.dump(statement) for statement in method.body[has_docstring:]]
