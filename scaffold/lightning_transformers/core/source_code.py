"""The text of modules that may change between two runs: a project's own, and the runtime's."""

import ast
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path

RUNTIME = __name__.partition(".")[0]
INSTALLED = {"site-packages", "dist-packages"}
"""Folders of packages that change with their version alone."""


def texts_of(*modules: str) -> dict[str, str]:
    """Return the text of modules and of all that they import, wherever in them, by name.

    Installed packages are left out, except for the runtime.
    """
    texts: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        file = own_file(name)
        if file is None or name in texts:
            continue
        texts[name] = file.read_text(encoding="utf-8", errors="replace")
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        waiting += imports_in(texts[name], package)
    return dict(sorted(texts.items()))


def own_file(module: str) -> Path | None:
    """Return the file of a module, or None if it has none, or comes with an installed package."""
    if module == "__main__":
        origin = getattr(sys.modules[module], "__file__", None)
    elif is_own(module.partition(".")[0]):
        spec = spec_of(module)
        origin = spec and spec.origin
    else:
        return None
    file = Path(origin or "")
    return file if file.suffix == ".py" and file.is_file() else None


@cache
def is_own(package: str) -> bool:
    """Tell whether a top-level package is the runtime, or was not installed."""
    spec = spec_of(package)
    if spec is None or package == RUNTIME:
        return spec is not None
    places = (
        [Path(spec.origin)] if spec.origin else map(Path, spec.submodule_search_locations or ())
    )
    standard = Path(sysconfig.get_path("stdlib"))
    return any(
        place.exists() and standard not in place.parents and not INSTALLED & {*place.parts}
        for place in places
    )


def spec_of(module: str) -> ModuleSpec | None:
    """Return where a module is, or None if there is none of that name."""
    try:
        return find_spec(module)
    except (ImportError, ValueError):
        return None


def imports_in(text: str, package: str) -> Iterator[str]:
    """Yield the modules that a text imports, and names that might be modules of a package."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except SyntaxError:
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package or None)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
