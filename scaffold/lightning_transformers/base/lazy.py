"""Imports of a package's public names on first use (PEP 562), and of many modules at once."""

import ast
import gc
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path


def lazy_exports(package: str, file: str) -> tuple[Callable[[str], object], list[str]]:
    """Return the `__getattr__` and the `__all__` of a package.

    They cover the names that the package imports under `if TYPE_CHECKING:`.

    Args:
        package: `__name__` of the package.
        file: its `__file__`.

    Returns:
        A function that imports a name on first use and raises AttributeError if it is unknown,
        and the sorted names.
    """
    body = ast.parse(Path(file).read_text(encoding="utf-8")).body
    imports = [node for part in body if isinstance(part, ast.If) for node in ast.walk(part)]
    modules = {
        alias.name: node.module or ""
        for node in imports
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return load, sorted(modules)


def import_uncollected(*modules: str) -> None:
    """Import modules without the garbage collector, which visits what they leave never again.

    It would find nothing in hundreds of thousands of objects, several times. Does nothing if the
    first module is already imported: what exists then may be garbage one day.

    Args:
        modules: import names.
    """
    if modules[0] in sys.modules:
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        for module in modules:
            import_module(module)
        gc.freeze()
    finally:
        if was_on:
            gc.enable()
