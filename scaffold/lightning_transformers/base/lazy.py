"""Imports of a package's public names on first use (PEP 562), and of many modules at once."""

import ast
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def uncollected(module: str) -> Iterator[None]:
    """Let the garbage collector skip what imports in the block leave, now and later.

    It would find nothing in hundreds of thousands of objects, several times. Does nothing if the
    module is already imported: what exists then may be garbage one day.

    Args:
        module: import name of a module that the block imports.
    """
    if module in sys.modules:
        yield
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_on:
            gc.enable()


def import_uncollected(*modules: str) -> None:
    """Import modules as `uncollected` does, which applies if the first is not yet imported.

    Args:
        modules: import names.
    """
    with uncollected(modules[0]):
        for module in modules:
            import_module(module)
