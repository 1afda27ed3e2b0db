"""Where a name of the runtime is imported from, read from the runtime's files; none is executed."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from lightning_transformers.former_paths import (
    FOLDER,
    FUNCTIONS,
    MODULES,
    NAMES,
    PACKAGES,
    ROOT,
    places_of,
)
from ltscaffold.project.python_code import parse_or_empty

FORMER_LOAD = f"{ROOT}.build.load"
"""A function that has other arguments under its present path."""
PRESENT_LOAD = f", its load(cls, path) {ROOT}.load(path, task_class=cls)"
PATH = re.compile(rf"(?<![\w.]){ROOT}(?:\.\w+)+")
TARGET = re.compile(rf"(?<=_target_)(['\"]?[ \t]*:[ \t]*['\"]?)({PATH.pattern})")


def follow_targets(text: str) -> str:
    """Replace former paths of the runtime in the `_target_`s of a YAML text."""
    lines = [line.partition("#") for line in text.split("\n")]
    return "\n".join(
        TARGET.sub(lambda found: found[1] + relocated(found[2])[0], code) + mark + comment
        for code, mark, comment in lines
    )


def former_mentions(text: str) -> Iterator[tuple[int, str]]:
    """Yield each former path of the runtime in a text, as the number of its line and a message.

    Args:
        text: Python code or YAML, whose comments are skipped; lines are numbered from 1. The
            message names the present path.
    """
    for line, code in enumerate(text.split("\n"), 1):
        for path in PATH.findall(code.partition("#")[0]):
            now, module = relocated(path)[0], module_in(path)
            if not is_former(module):
                continue
            if now != path:
                yield line, f"{path} is {now} now"
            elif not is_function(module):
                load = PRESENT_LOAD if FORMER_LOAD.startswith(f"{module}.") else ""
                yield line, f"{module} is {' and '.join(places(module))}{load} now"


def relocated(path: str) -> tuple[str, str]:
    """Return the present path of a module or name of the runtime, and the module to import.

    A former module stays unless one module has its names, all of them unchanged.

    Args:
        path: path of a module, or of a name with or without its attributes.
    """
    name, module = name_in(path), module_in(path)
    now = None if name == module else current_path(name)
    if now:
        return now + path.removeprefix(name), now.rpartition(".")[0]
    if is_function(module):
        return path, ROOT
    home = same_module(module) or module
    return home + path.removeprefix(module), home


def has_current_imports(code: str) -> bool:
    """Return whether Python code names the runtime only in imports that need no change."""
    statements = _statements(parse_or_empty(code.encode()))
    imports = [node for node in statements if isinstance(node, ast.ImportFrom) and node.module]
    imports = [node for node in imports if (node.module or "").partition(".")[0] == ROOT]
    paths = [f"{node.module}.{alias.name}" for node in imports for alias in node.names]
    return code.count(ROOT) == len(imports) and all(
        current_path(path) == path and not places(path) for path in paths
    )


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements of a module, those in blocks and definitions included."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child
            yield from _statements(child)


def current_path(path: str) -> str | None:
    """Return the path of a name of the runtime: the public one, or where the name is defined.

    Args:
        path: such as `lightning_transformers.core.task.TaskTransformer`.

    Returns:
        `path` unchanged if it is not a former one and has no public one; None for a module, for a
        name that the runtime does not have, and for `FORMER_LOAD`.
    """
    if path == FORMER_LOAD:
        return None
    module, _, name = path.rpartition(".")
    renamed = NAMES.get(_short(path))
    candidates = [f"{ROOT}.{renamed}"] if renamed else [f"{p}.{name}" for p in places(module)]
    for candidate in candidates:
        defined_at = _definition(candidate)
        if defined_at is None:
            continue
        if module in _public_packages():
            return path
        present = defined_at if renamed or is_former(module) else path
        return _public_paths().get(defined_at, present)
    return None


def module_in(path: str) -> str:
    """Return the longest beginning of a path of the runtime that is a module, former or present.

    Of `lightning_transformers.core.task.TaskTransformer.fit` it ends with `core.task`.
    """
    while not places(path):
        path = path.rpartition(".")[0]
    return path


def name_in(path: str) -> str:
    """Return a path without the attributes of its name; the whole path of a module.

    Of `lightning_transformers.core.task.TaskTransformer.fit` it is the path of `TaskTransformer`.
    """
    return ".".join(path.split(".")[: module_in(path).count(".") + 2])


def places(module: str) -> list[str]:
    """Return the present modules in which the names of a module of the runtime are.

    Args:
        module: path of a module. Of a present one, itself is returned; of a former one, those with
            its names; of any other path, nothing.
    """
    short = _short(module)
    if module == ROOT or _file(module):
        return [module]
    found = [f"runs.{short}"] if short in FUNCTIONS else places_of(short)
    found = found or PACKAGES.get(short, [])
    return [f"{ROOT}.{place}" for place in found]


def is_former(module: str) -> bool:
    """Return whether a path is that of a runtime module in an earlier version, but not in this."""
    return places(module) not in ([], [module])


def is_function(path: str) -> bool:
    """Return whether a path is that of a former module whose name is a public function now.

    An example is `lightning_transformers.train`.
    """
    return path.removeprefix(f"{ROOT}.") in FUNCTIONS


def same_module(module: str) -> str | None:
    """Return the present module that has all names of a module under the same names, or None."""
    found = places(module)
    return found[0] if len(found) == 1 and not has_renamed(module) else None


def has_renamed(module: str) -> bool:
    """Return whether any name or submodule of a former module has another name now."""
    return any(former.startswith(f"{_short(module)}.") for former in (*NAMES, *MODULES))


def _short(path: str) -> str:
    """Return a path without the name of the runtime; empty for a path of another package."""
    return path.removeprefix(f"{ROOT}.") if path.startswith(f"{ROOT}.") else ""


@cache
def _file(module: str) -> Path | None:
    if module.partition(".")[0] != ROOT:
        return None
    path = FOLDER.joinpath(*module.split(".")[1:])
    files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((file for file in files if file.is_file()), None)


@cache
def _names(module: str) -> Mapping[str, str]:
    """Return the top-level names of a module of the runtime, each with its path.

    That of an imported name is where it is imported from.
    """
    file = _file(module)
    tree = ast.parse(file.read_bytes() if file else "")
    return {name: path or f"{module}.{name}" for name, path in _bound(tree.body)}


def _bound(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for node in body:
        match node:
            case ast.ImportFrom(module=str(module), names=aliases):
                for alias in aliases:
                    yield alias.asname or alias.name, f"{module}.{alias.name}"
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name, ""
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, ""
            case ast.Assign(targets=targets):
                names = (each for target in targets for each in ast.walk(target))
                yield from ((each.id, "") for each in names if isinstance(each, ast.Name))
            case ast.If(body=inner, orelse=other):
                yield from _bound([*inner, *other])


def _definition(path: str) -> str | None:
    """Return the path of a name where it is defined, or None if there is none."""
    module, _, name = path.rpartition(".")
    if not _file(module):
        return path  # another package's
    found = _names(module).get(name)
    return found if found in (None, path) else _definition(found)


@cache
def _public_packages() -> list[str]:
    tasks = sorted(FOLDER.glob("task/*/*/__init__.py"))
    return [
        ROOT,
        *(f"{ROOT}.{name}" for name in ("recipes", "callbacks")),
        *(".".join((ROOT, *file.parent.relative_to(FOLDER).parts)) for file in tasks),
    ]


@cache
def _public_paths() -> Mapping[str, str]:
    """Return the public path of what is defined elsewhere in the runtime, by its definition."""
    return {
        defined_at: f"{package}.{name}"
        for package in reversed(_public_packages())
        for name, path in _names(package).items()
        if path.startswith(f"{ROOT}.") and (defined_at := _definition(path))
    }
