"""Which names a task may have."""

import keyword
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from ltscaffold.errors import ScaffoldError

MAX_LENGTH = 48
RESERVED = ("conf", "default", "outputs", "tests")
"""Names that a project or the config groups have for something else."""
TRAINING_STACK = (
    "datasets",
    "hydra",
    "lightning_transformers",
    "pytorch_lightning",
    "torch",
    "transformers",
)
"""Dependencies that a light installation does not show."""
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def check_name(what: str, name: str) -> None:
    """Raise ScaffoldError unless `name` can name a module without hiding another.

    Args:
        what: what is named, for the message: "task" or "package".
        name: the name to check.
    """
    if len(name) > MAX_LENGTH:
        raise ScaffoldError(
            f"the {what} name '{name[:20]}...' has {len(name)} characters: {MAX_LENGTH} at most"
        )
    if not SNAKE_CASE.fullmatch(name):
        raise ScaffoldError(
            f"the {what} name {name!r} is not in snake_case (a-z, 0-9 and single _){_suggest(name)}"
        )
    reasons = {
        "is a keyword of Python": keyword.iskeyword(name),
        "is a module of the standard library": name in sys.stdlib_module_names,
        "means something else here": name in RESERVED,
        "is an installed Python package": name in TRAINING_STACK or is_installed(name),
    }
    for reason, applies in reasons.items():
        if applies:
            raise ScaffoldError(f"the {what} name '{name}' {reason}: choose another")


def is_installed(name: str) -> bool:
    """Tell whether a package other than the project's own can be imported as `name`."""
    here = Path.cwd()
    elsewhere = [path for path in sys.path if path and Path(path).resolve() != here]
    return PathFinder.find_spec(name, elsewhere) is not None


def _suggest(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    suggestion = re.sub(r"[^a-z0-9]+", "_", words).strip("_0123456789")
    fits = SNAKE_CASE.fullmatch(suggestion) and not keyword.iskeyword(suggestion)
    return f": try '{suggestion}'" if fits else ""
