"""The text of modules that may change between two runs: a project's own, and the runtime's."""

import ast
import inspect
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

RUNTIME = __name__.partition(".")[0]
INSTALLED = {"site-packages", "dist-packages"}
"""Folders of packages that change with their version alone."""


def module_sources(*modules: str) -> dict[str, str]:
    """Return the text of modules and of all that they import, wherever in them, by name.

    Installed packages are left out, except for the runtime. A module without a file has no text,
    what it imports has. Nothing is imported to find out.
    """
    texts: dict[str, str] = {}
    waiting = [*modules, *(name for module in {*modules} for name in modules_of_globals(module))]
    while waiting:
        name = waiting.pop()
        file = first_party_file(name)
        if file is None or name in texts:
            continue
        texts[name] = file.read_text(encoding="utf-8", errors="replace")
        waiting += imports_in(texts[name], package_of(name, file))
    return dict(sorted(texts.items()))


def package_versions(*modules: str) -> dict[str, list[Any]]:
    """Return the releases of the installed packages that modules are in, by name of the package.

    Each is a version and the digests of the code that was installed, since a version may be
    installed again with other code. The runtime and the standard library are left out.
    """
    packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    return {name: release_of(name) for name in sorted(packages) if not is_first_party(name)}


distributions = cache(metadata.packages_distributions)


@cache
def release_of(package: str) -> list[Any]:
    """Return the versions of what a package was installed with, and digests of the code."""
    found = [metadata.distribution(name) for name in {*distributions().get(package, ())}]
    files = [file for one in found for file in one.files or () if file.suffix == ".py"]
    digests = {str(file): file.hash and file.hash.value for file in files}
    return [sorted(one.version for one in found), digests]


def module_of(part: object) -> str:
    """Return the module of a function or class, of a script as the process that runs it has it."""
    module = str(getattr(part, "__module__", None))
    return "__main__" if module == "__mp_main__" else module


def is_interactive(module: str) -> bool:
    """Tell whether a module has no file since it was typed at a prompt, or in a notebook."""
    loaded = sys.modules.get(module)
    file = Path(getattr(loaded, "__file__", None) or "")
    return getattr(loaded, "__spec__", None) is None and not file.is_file()


def modules_of_globals(module: str) -> Iterator[str]:
    """Yield the modules that the names in a module come from, if that was typed."""
    values = list(vars(sys.modules[module]).values()) if module in sys.modules else []
    for value in values if is_interactive(module) else ():
        if inspect.ismodule(value):
            yield value.__name__
        else:
            named = inspect.isclass(value) or inspect.isroutine(value)
            yield getattr(value if named else type(value), "__module__", None) or "builtins"


def first_party_file(module: str) -> Path | None:
    """Return the file of a module, or None if it has none, or comes with an installed package."""
    if module == "__main__":
        origin = getattr(sys.modules[module], "__file__", None)
    elif is_first_party(module.partition(".")[0]):
        spec = spec_of(module)
        origin = spec and spec.origin
    else:
        return None
    file = Path(origin or "")
    return file if file.suffix == ".py" and file.is_file() else None


def package_of(module: str, file: Path) -> str:
    """Return the package that relative imports in a module start from."""
    if module == "__main__":
        return sys.modules[module].__package__ or ""
    return module if file.name == "__init__.py" else module.rpartition(".")[0]


@cache
def is_first_party(package: str) -> bool:
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
    parent = module.rpartition(".")[0]
    if parent and module not in sys.modules:  # find_spec would import the parent
        package = spec_of(parent)
        places = package and package.submodule_search_locations
        return PathFinder.find_spec(module, places) if places else None
    try:
        return find_spec(module)
    except (ImportError, ValueError):
        return None


@cache  # parsing takes most of the time, and each split asks for the same modules again
def imports_in(text: str, package: str) -> Sequence[str]:
    """Return the modules that a text imports, and names that might be modules of a package."""
    found: list[str] = []
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                with suppress(ImportError):  # what is relative, and tried where there is no package
                    source = resolve_name("." * node.level + (node.module or ""), package or None)
                    found += [source, *(f"{source}.{alias.name}" for alias in node.names)]
    return found
