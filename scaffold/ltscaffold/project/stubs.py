"""Hooks that were generated and not filled in."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ltscaffold.project.python_code import methods


@dataclass(frozen=True)
class Stub:
    """A method that does what the base does: its file, line and name."""

    path: str
    line: int
    name: str


def unimplemented_stubs(
    path: str, ours: bytes | None, rendered: str, hooks: Sequence[str]
) -> Iterator[Stub]:
    """Yield the stubs among a file's methods whose body is still the one that was generated.

    Args:
        path: the file, as the stubs are to name it.
        ours: its content; None or no Python gives nothing.
        rendered: the content that was generated.
        hooks: the methods that were generated as stubs.
    """
    generated = {method.name: _body(method) for _, method in methods(rendered)}
    for _, method in methods(ours):
        if method.name in hooks and _body(method) == generated.get(method.name):
            yield Stub(path, method.lineno, method.name)


def _body(method: ast.FunctionDef) -> list[str]:
    """Return the statements but for the docstring."""
    has_docstring = ast.get_docstring(method) is not None
    return [ast.dump(statement) for statement in method.body[has_docstring:]]
