"""Which names a component and a package may have."""

import keyword
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from ltscaffold.errors import ScaffoldError

MAX_LENGTH = 48
RESERVED = ("callbacks", "conf", "data_modules", "default", "outputs", "tests")
"""Names that a project or the config groups use otherwise."""
TRAINING_STACK = (
    "datasets",
    "hydra",
    "lightning_transformers",
    "pytorch_lightning",
    "torch",
    "transformers",
)
"""Dependencies that an installation without the extra `train` lacks."""
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def check_name(noun: str, name: str) -> None:
    """Check that a name is in snake_case, and is not that of another Python module.

    Args:
        noun: the thing to name, for messages, such as "task" or "package".
        name: the name to check.

    Raises:
        ScaffoldError: for the first rule that the name breaks.
    """
    if len(name) > MAX_LENGTH:
        raise ScaffoldError(
            f"the {noun} name '{name[:20]}...' has {len(name)} characters; use at most {MAX_LENGTH}"
        )
    if not SNAKE_CASE.fullmatch(name):
        raise ScaffoldError(
            f"the {noun} name {name!r} is not in snake_case (a-z, 0-9, single _){_suggest(name)}"
        )
    reasons = {
        "is a keyword of Python": keyword.iskeyword(name),
        "is a module of the standard library": name in sys.stdlib_module_names,
        "is reserved by ltscaffold": name in RESERVED,
        "is an installed Python package": name in TRAINING_STACK or is_installed(name),
    }
    for reason, applies in reasons.items():
        if applies:
            raise ScaffoldError(f"the {noun} name '{name}' {reason}; choose another")


def is_installed(name: str) -> bool:
    """Return whether a package outside the working directory can be imported as `name`."""
    project = Path.cwd()
    elsewhere = [path for path in sys.path if path and Path(path).resolve() != project]
    return PathFinder.find_spec(name, elsewhere) is not None


def _suggest(name: str) -> str:
    """Return the end of the message: a name in snake_case to try, if there is one."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    suggestion = re.sub(r"[^a-z0-9]+", "_", words).strip("_0123456789")
    fits = SNAKE_CASE.fullmatch(suggestion) and not keyword.iskeyword(suggestion)
    return f"; try '{suggestion}'" if fits else "; choose another"
