"""`ltscaffold explain`: every key of a component's config, with the file that it comes from."""

import json
import shlex
from pathlib import Path
from typing import Any

from ltscaffold.project.components import train_arguments
from ltscaffold.project.interpreter import python_output
from ltscaffold.record.answers import read_project


def explain(project: Path, name: str) -> list[dict[str, Any]]:
    """Return the key, the resolved value and the file for each key of a composed config.

    The config is composed by the runtime, in a process of its own.

    Args:
        project: the folder of the project.
        name: the component.

    Raises:
        ScaffoldError: if the config does not compose, or the runtime is not installed.
    """
    choice = shlex.split(train_arguments(read_project(project).component(name)))
    printed = python_output(project, "-m", "lightning_transformers", "explain", *choice)
    return [json.loads(line) for line in printed.splitlines()]
