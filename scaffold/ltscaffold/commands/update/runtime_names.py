"""Where a name of the runtime is imported from, read from the runtime's files; none is executed."""

import ast
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

FORMER_LOAD = f"{ROOT}.build.load"
"""A function that has other arguments under its present path."""


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
    """Return the beginning of a path of the runtime that is a module, former or not."""
    while not places(path):
        path = path.rpartition(".")[0]
    return path


def name_in(path: str) -> str:
    """Return the beginning of a path that is a name in a module; of a module, the whole path."""
    return ".".join(path.split(".")[: module_in(path).count(".") + 2])


def places(module: str) -> list[str]:
    """Return the present modules that have the names of a present or former one, else nothing."""
    short = _short(module)
    if module == ROOT or _file(module):
        return [module]
    found = [f"runs.{short}"] if short in FUNCTIONS else places_of(short)
    found = found or PACKAGES.get(short, [])
    return [f"{ROOT}.{place}" for place in found]


def is_former(module: str) -> bool:
    """Return whether a path is that of a runtime module in an earlier version, but not in this."""
    return places(module) not in ([], [module])


def same_module(module: str) -> str | None:
    """Return the one module that has the names of a module, all of them unchanged, if any."""
    found = places(module)
    return found[0] if len(found) == 1 and not has_renamed(module) else None


def has_renamed(module: str) -> bool:
    """Return whether names or modules in a former module have another name now."""
    return any(former.startswith(f"{_short(module)}.") for former in (*NAMES, *MODULES))


def _short(path: str) -> str:
    """Return a path without the name of the runtime; empty for a path of another package."""
    return path.removeprefix(f"{ROOT}.") if path.startswith(f"{ROOT}.") else ""


def _file(module: str) -> Path | None:
    if module.partition(".")[0] != ROOT:
        return None
    path = FOLDER.joinpath(*module.split(".")[1:])
    files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((file for file in files if file.is_file()), None)


@cache
def _names(module: str) -> Mapping[str, str]:
    """Return the names at the top level of a module, each with the path that it stands for."""
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
