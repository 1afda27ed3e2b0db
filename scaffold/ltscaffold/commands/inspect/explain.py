"""`ltscaffold explain`: every key of an item's config, with the file that it comes from."""

import json
import shlex
from pathlib import Path
from typing import Any

from ltscaffold.project.components import usage_of
from ltscaffold.project.interpreter import run_python
from ltscaffold.record.answers import read_project


def explain(project: Path, name: str) -> list[dict[str, Any]]:
    """Return the key, the resolved value and the file for each key of a composed config.

    The config is composed by the runtime, in a process of its own.

    Args:
        project: the folder of the project.
        name: the item.

    Raises:
        ScaffoldError: if the config does not compose, or the runtime is not installed.
    """
    choice = shlex.split(usage_of(read_project(project).item(name)))
    printed = run_python(project, "-m", "lightning_transformers", "explain", *choice)
    return [json.loads(line) for line in printed.splitlines()]
