"""`ltscaffold explain`: every key of an item's config, with the file that it comes from."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from ltscaffold.answers import read_project
from ltscaffold.errors import ScaffoldError
from ltscaffold.items import usage_of


def explain(project: Path, name: str) -> list[dict[str, Any]]:
    """Return the key, the resolved value and the file for each key of a composed config.

    The config is composed by the runtime, in a process of its own.

    Args:
        project: the folder of the project.
        name: the item.

    Raises:
        ScaffoldError: if the config does not compose, or the runtime is not installed.
    """
    command = [
        sys.executable,
        "-m",
        "lightning_transformers.explain",
        *shlex.split(usage_of(read_project(project).item(name))),
    ]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ScaffoldError(reason.removeprefix("error: "))
    return [json.loads(line) for line in done.stdout.splitlines()]
