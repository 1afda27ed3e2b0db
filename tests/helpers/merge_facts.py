"""Countable facts of a file, by which tests judge a merge."""

import ast
import inspect
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

Fact = tuple[str, str, str]
"""Name as in a message, dotted where nested; kind, such as `import` or `header`; text."""
Facts = Counter[Fact]
BLOCKS = {"body", "orelse", "finalbody", "handlers", "cases", "decorator_list"}


@lru_cache(maxsize=256)
def facts(path: str, text: str) -> Facts:
    """Return the facts of a file, without its comments."""
    if path.endswith(".py"):
        return Counter(_block("", ast.parse(text)))
    return Counter(_keys("", yaml.safe_load(text)))


def comments(path: str, text: str) -> Counter[str]:
    """Return the comments of a file."""
    if path.endswith(".py"):
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        return Counter(t.string.strip("# ") for t in tokens if t.type == tokenize.COMMENT)
    return Counter(line.partition("# ")[2] for line in text.split("\n") if "# " in line)


def lost(path: str, ours: str, base: str, result: str) -> Counter[Fact] | Counter[str]:
    """Return the facts, or else the comments, that a user added and the result lacks."""
    missing = facts(path, ours) - facts(path, base) - facts(path, result)
    return missing or comments(path, ours) - comments(path, base) - comments(path, result)


def _block(scope: str, block: ast.AST) -> Iterator[Fact]:
    for name, value in ast.iter_fields(block):
        if name in BLOCKS - {"decorator_list"}:
            for node in value:
                yield from _statement(scope, node)


def _statement(scope: str, node: ast.AST) -> Iterator[Fact]:
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            bound = alias.asname or alias.name
            yield bound, "import", f"{node.module} {alias.name}"
    elif isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name, "import", alias.name
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        inner = scope or (node.name if isinstance(node, ast.FunctionDef) else "")
        for decorator in node.decorator_list:
            yield inner or node.name, "decorator", ast.unparse(decorator)
        yield inner or node.name, "header", _header(node)
        yield from _block(inner, node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        lines = inspect.cleandoc(str(node.value.value)).split("\n")
        yield scope or "docstring", "docstring", "\n".join(map(str.rstrip, lines)).strip()
    elif any(name in BLOCKS for name in node._fields):
        yield scope or _target(node), "header", _header(node)
        yield from _block(scope, node)
    else:
        yield scope or _target(node), "statement", ast.unparse(node)


def _header(node: ast.AST) -> str:
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in BLOCKS)
    return type(node).__name__ + "".join(f" {n}={_dumped(value)}" for n, value in fields)


def _dumped(value: Any) -> str:
    if isinstance(value, list):
        return str([_dumped(each) for each in value])
    return ast.dump(value) if isinstance(value, ast.AST) else str(value)


def _target(node: ast.AST) -> str:
    if isinstance(node, ast.Assign):
        return ", ".join(map(ast.unparse, node.targets))
    return ast.unparse(getattr(node, "target", node))


def _keys(name: str, value: Any) -> Iterator[Fact]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _keys(f"{name}.{key}" if name else str(key), each)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(name, each) if isinstance(each, dict) else [(name, "item", str(each))]
    else:
        yield name, "value", str(value)
