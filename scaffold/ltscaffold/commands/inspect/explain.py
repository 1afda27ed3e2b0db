"""`ltscaffold explain`: the composed config of a component, key by key."""

import json
import shlex
from pathlib import Path
from typing import Any

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import train_arguments
from ltscaffold.project.interpreter import python_output
from ltscaffold.record.answers import read_project


def explain(project: Path, name: str) -> list[dict[str, Any]]:
    """Return `key`, resolved `value` and `file` for each key of a component's composed config.

    The runtime composes the config in a process of its own.

    Args:
        project: the folder of the project.
        name: the component.

    Raises:
        ScaffoldError: if the component has no config, or the config cannot be composed.
    """
    component = read_project(project).component(name)
    if not component.has_code:
        raise ScaffoldError(f"'{name}' has no config; give a task, a dataset or a callback")
    arguments = shlex.split(train_arguments(component))
    printed = python_output(project, "-m", "lightning_transformers", "explain", *arguments)
    return [json.loads(line) for line in printed.splitlines()]
