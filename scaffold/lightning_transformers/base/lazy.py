"""Names of a package that are imported when they are first used (PEP 562)."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

ROOT = __name__.partition(".")[0]


def lazy_names(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package whose names are defined in other modules.

    Args:
        package: its `__name__`.
        names: the public names by the module that defines them, relative to the runtime.
    """
    modules = {name: module for module, defined in names.items() for name in defined}

    def load(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{ROOT}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
