"""The command line of `rerun.py`."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import NoReturn

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import discard_if_empty, finished_run, free_name
from lightning_transformers.config.app import suppress_library_warnings
from lightning_transformers.config.compose import find_config_dir
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.config.exit_status import exit_on_error
from lightning_transformers.config.launcher import is_rank_zero

DESCRIPTION = (
    "Train again what a run has trained, with the config in its folder, and compare the metrics "
    "bit for bit. What differs from the run in versions, code or data is said first. "
    "Exit status: 0 for equal metrics, 1 for others."
)


NO_FOLDER = "no run folder is given"


class Parser(ArgumentParser):
    """Says in one line what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigurationError."""
        message = message.replace("the following arguments are required: run_folder", NO_FOLDER)
        raise ConfigurationError(f"{message} (usage: {self.prog} <run folder> [--into <folder>])")


def run_command(script: str | None) -> None:
    """Do what the command line says, and end the program.

    Args:
        script: the file that was started; its folder is that of the project.
    """
    suppress_library_warnings()
    with exit_on_error():
        options = parsed(script)
        directory = Path(finished_run(options.run_folder)["directory"])
        folder, into = absolute(options.run_folder), new_folder(options)
        script = script and str(absolute(Path(script)))
        # Lightning starts processes by the command line, from another directory.
        sys.argv = [str(absolute(Path(sys.argv[0]))), str(folder), "--into", str(into)]
        try:
            status = repeat(folder, into, directory, script)
        except Exception as error:
            if user_error(error) and is_rank_zero():
                discard_if_empty(into)
            raise
    sys.exit(status)


def parsed(script: str | None) -> Namespace:
    """Return what is on the command line."""
    name = Path(sys.argv[0]).name
    parser = Parser(f"python {name}" if script else name, description=DESCRIPTION)
    parser.add_argument("run_folder", type=Path, help="folder of a run, such as outputs/…/…")
    parser.add_argument(
        "--into",
        type=Path,
        metavar="folder",
        help="folder of the new run; by default beside it, with -rerun added",
    )
    return parser.parse_args()


def new_folder(options: Namespace) -> Path:
    """Return the folder of the new run; raises ConfigurationError if something is in it."""
    run = absolute(options.run_folder)
    folder = absolute(options.into or free_name(run.with_name(f"{run.name}-rerun")))
    if is_rank_zero() and (folder.is_file() or (folder.is_dir() and any(folder.iterdir()))):
        raise ConfigurationError(f"'{options.into}' is not empty: give another folder with --into")
    return folder


def absolute(path: Path) -> Path:
    """Return a path that holds in any directory, without `..` in it."""
    return Path(os.path.abspath(path))


def repeat(folder: Path, into: Path, directory: Path, script: str | None) -> int:
    """Repeat a run in the directory where its command was typed, and return the exit status.

    If that is gone, it is the project's, which may have been moved.
    """
    if not directory.is_dir():
        here = Path(script).parent if script else Path.cwd()
        print(f"differs: {directory} is gone, paths are relative to {here}")
        directory = here
    os.chdir(directory)
    find_config_dir(script)
    from lightning_transformers.runs.rerun import rerun  # imports torch

    return int(bool(rerun(folder, into)))
