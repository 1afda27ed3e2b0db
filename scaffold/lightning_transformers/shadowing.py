"""Modules of a project that hide an installed one: Python looks in the folder of a script first.

It imports only what Python has loaded by itself, which no file can hide.
"""

import os
import sys

SCRIPTS = {"evaluate", "export", "predict", "rerun", "train"}
"""The generated scripts; the libraries of the runtime do not import the package `evaluate`."""
NEVER_IMPORTED = {"test", "tests"}
"""Names of installed tests, which no library imports."""


def shadowing_modules(folder: str) -> dict[str, str]:
    """Return the installed modules that files and packages in a folder hide.

    Args:
        folder: the folder of a script.

    Returns:
        The name of the module by the name of the file or package, such as `datasets.py`.
    """
    (finder,) = (each for each in sys.meta_path if getattr(each, "__name__", "") == "PathFinder")
    elsewhere = [path for path in sys.path if os.path.abspath(path) != os.path.abspath(folder)]
    found = {}
    for entry in sorted(os.listdir(folder)):
        name, suffix = os.path.splitext(entry)
        is_module = suffix == ".py" or os.path.exists(os.path.join(folder, entry, "__init__.py"))
        if is_module and name not in SCRIPTS | NEVER_IMPORTED:
            spec = finder.find_spec(name, elsewhere)
            if spec is not None and spec.origin is not None:  # not a folder without __init__.py
                found[entry] = name
    return found


class NamedShadowing:
    """Exit with one line where code fails because a file beside the script hides a module."""

    def __enter__(self) -> None:
        """Begin the code."""

    def __exit__(self, _: object, error: BaseException | None, traceback: object) -> None:
        """End the code; raises SystemExit for a failure that such a file has caused."""
        folder = os.path.dirname(os.path.abspath(sys.argv[0]))
        while error is not None:
            name = _module_at_fault(error)
            for file, hidden in shadowing_modules(folder).items() if name else ():
                if hidden == name:
                    sys.stderr.write(
                        f"error: {file} in {folder} hides the installed module {name} from "
                        f"libraries ({error}); rename the file\n"
                    )
                    sys.exit(2)
            error = error.__cause__ or error.__context__


def _module_at_fault(error: BaseException) -> str:
    """Return the top-level module that lacks what was imported or used; empty: another error."""
    module: object = ""
    if isinstance(error, ImportError):
        module = error.name
    elif isinstance(error, AttributeError):
        module = getattr(error.obj, "__name__", "")
    return str(module or "").partition(".")[0]
