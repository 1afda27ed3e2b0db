"""Source of the first-party modules that may change between runs, and installed versions."""

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

from lightning_transformers.base.digests import digest_of

RUNTIME = __name__.partition(".")[0]
INSTALLED = {"site-packages", "dist-packages"}
"""Folders of installed packages, which change only with their version."""


def module_sources(*modules: str) -> dict[str, str]:
    """Return the source of first-party modules and of all that they import, by module name.

    First-party are the runtime, which is one entry with a digest of all modules, and modules that
    are not installed. Imports anywhere in a module count, also those of interactive code. No module
    is imported.

    Args:
        modules: import names; those without a file, and of installed packages, are skipped.
    """
    texts: dict[str, str] = {}
    waiting = {*modules, *(name for module in {*modules} for name in modules_of_globals(module))}
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        if name.partition(".")[0] == RUNTIME:
            texts[RUNTIME] = runtime_digest()
        elif file := first_party_file(name):
            texts[name] = file.read_text(encoding="utf-8", errors="replace")
            found = {*imports_in(texts[name], package_of(name, file))} - seen
            waiting |= found
            seen |= found
    return dict(sorted(texts.items()))


def package_versions(*modules: str) -> dict[str, str]:
    """Return the result of `release_of` for the installed packages of modules, by package name.

    First-party packages and the standard library are omitted.

    Args:
        modules: import names.
    """
    packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    return {name: release_of(name) for name in sorted(packages) if not is_first_party(name)}


@cache
def runtime_digest() -> str:
    """Return 32 hexadecimal digits for the source of all modules of the runtime."""
    return digest_of(runtime_source())


def runtime_source() -> str:
    """Return the source of all modules of the runtime, each with its path."""
    place = Path(__file__).parents[1]
    files = sorted(place.rglob("*.py"))
    return "\n".join(f"{file.relative_to(place)}\n{file.read_text('utf-8')}" for file in files)


distributions = cache(metadata.packages_distributions)


@cache
def release_of(package: str) -> str:
    """Return 32 hexadecimal digits for the installed code of a package.

    They stand for the versions of its distributions, and for the recorded digests of its Python
    files: a version may be reinstalled with other code.

    Args:
        package: name of a top-level package.
    """
    found = [metadata.distribution(name) for name in {*distributions().get(package, ())}]
    files = [file for one in found for file in one.files or () if file.suffix == ".py"]
    digests = {str(file): file.hash and file.hash.value for file in files}
    return digest_of([sorted(one.version for one in found), digests])


def module_of(part: object) -> str:
    """Return the module name of a function or class; that of a script is always `__main__`.

    A worker process imports the script as `__mp_main__`.
    """
    module = str(getattr(part, "__module__", None))
    return "__main__" if module == "__mp_main__" else module


def is_interactive(module: str) -> bool:
    """Return whether a module is a prompt or notebook, which has no file."""
    loaded = sys.modules.get(module)
    file = Path(getattr(loaded, "__file__", None) or "")
    return getattr(loaded, "__spec__", None) is None and not file.is_file()


def modules_of_globals(module: str) -> Iterator[str]:
    """Yield the modules of all global values of an interactive module; of others none."""
    values = list(vars(sys.modules[module]).values()) if module in sys.modules else []
    for value in values if is_interactive(module) else ():
        if inspect.ismodule(value):
            yield value.__name__
        else:
            named = inspect.isclass(value) or inspect.isroutine(value)
            yield getattr(value if named else type(value), "__module__", None) or "builtins"


def first_party_file(module: str) -> Path | None:
    """Return the file of a first-party module, or None for other modules or without a file."""
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
    """Return the package that relative imports in a module start from.

    Args:
        module: name of the module.
        file: its file.
    """
    if module == "__main__":
        return sys.modules[module].__package__ or ""
    return module if file.name == "__init__.py" else module.rpartition(".")[0]


@cache
def is_first_party(package: str) -> bool:
    """Return whether a top-level package is the runtime or code of the user.

    The latter exists, and is neither installed nor of the standard library.

    Args:
        package: name of the package or module.
    """
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
    """Return the spec of a module without importing it, or None if it does not exist."""
    parent = module.rpartition(".")[0]
    if parent and module not in sys.modules:  # find_spec would import the parent
        package = spec_of(parent)
        places = package and package.submodule_search_locations
        return PathFinder.find_spec(module, places) if places else None
    try:
        return find_spec(module)
    except (ImportError, ValueError):
        return None


@cache  # parsing dominates, and each split parses the same modules
def imports_in(text: str, package: str) -> Sequence[str]:
    """Return all modules that a source may import: for `from a import b` both a and a.b.

    Args:
        text: the source; of one with a syntax error, none.
        package: the package that its relative imports start from.
    """
    found: list[str] = []
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                with suppress(ImportError):  # a relative import outside of a package
                    source = resolve_name("." * node.level + (node.module or ""), package or None)
                    found += [source, *(f"{source}.{alias.name}" for alias in node.names)]
    return found
