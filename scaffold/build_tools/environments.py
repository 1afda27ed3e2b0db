"""New environments, made with uv, in which the quickstart runs."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

RUN = "outputs/quickstart"
QUICKSTART = (
    "ltscaffold new-task my_classifier --base text_classification --recipe label_smoothing",
    f"python train.py +task=nlp/my_classifier experiment=smoke hydra.run.dir={RUN}",
    "ltscaffold runs",
    "python predict.py +task=nlp/my_classifier +x=text "
    f"+checkpoint_path={RUN}/checkpoints/best.ckpt",
    "python -m pytest --quiet",
    "ltscaffold check",
)
"""The commands of docs/quickstart.md that need no file of the reader."""


def create(folder: Path, python: str, arguments: Iterable[str]) -> Path:
    """Create an environment in an empty folder.

    Args:
        folder: the environment; what is in it is deleted.
        python: the version or the path of an interpreter.
        arguments: those of `uv pip install`.

    Returns:
        The folder of its scripts.

    Raises:
        CalledProcessError: if the arguments cannot be installed.
    """
    run(["uv", "venv", "--quiet", "--clear", "--python", python, str(folder)])
    interpreter = folder / "bin/python"
    run(["uv", "pip", "install", "--quiet", "--python", str(interpreter), *arguments])
    return folder / "bin"


def run_quickstart(scripts: Path) -> None:
    """Run the quickstart in an empty folder, with the scripts of an environment.

    The folder is outside this repository, whose .gitignore `ltscaffold check` would apply to it.

    Raises:
        CalledProcessError: if a command fails.
    """
    with tempfile.TemporaryDirectory(prefix="quickstart-") as project:
        for command in QUICKSTART:
            run(shlex.split(command), cwd=Path(project), scripts=scripts)


def run(command: list[str], cwd: Path | None = None, scripts: Path | None = None) -> None:
    """Print a command and run it, with the scripts of an environment first on PATH.

    Raises:
        CalledProcessError: if it fails.
    """
    print(f"+ {shlex.join(command)}", flush=True)
    path = [str(scripts.resolve())] if scripts else []
    environment = os.environ | {"PATH": os.pathsep.join([*path, os.environ["PATH"]])}
    subprocess.run(command, check=True, cwd=cwd, env=environment)
