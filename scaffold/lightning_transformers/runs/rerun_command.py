"""`rerun.py`: repeat a run, and compare the metrics."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import discard_if_empty, finished_run, free_name
from lightning_transformers.base.run_log import logged_to
from lightning_transformers.config.app import suppress_library_warnings
from lightning_transformers.config.compose import enable_project_imports, find_config_dir
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.config.exit_status import LineParser, exit_on_error
from lightning_transformers.config.launcher import is_rank_zero
from lightning_transformers.config.tracebacks import print_place_of_frames

DESCRIPTION = (
    "Repeat a run with the config in its folder, and compare the metrics bit for bit. Differences "
    "in versions, code and data are printed first. "
    "Exit status: 0 for equal metrics, 1 for different ones."
)


def run_command(script: str | None) -> None:
    """Run the command line, and exit: 0 for equal metrics, 1 for different ones, 2 for a mistake.

    Args:
        script: the file that was started, in the folder of the project; None for the console.
    """
    suppress_library_warnings()
    with exit_on_error():
        options = parsed(script)
        directory = Path(finished_run(options.run_folder)["directory"])
        folder, into = absolute(options.run_folder), new_folder(options)
        script = script and str(absolute(Path(script)))
        # Lightning starts the other ranks with this command line, in another directory.
        sys.argv = [str(absolute(Path(sys.argv[0]))), str(folder), "--into", str(into)]
        log = into / "train.log"
        try:
            with logged_to(log) if is_rank_zero() else nullcontext():
                status = repeat(folder, into, directory, script)
        except Exception as error:
            if not user_error(error):
                print_place_of_frames(log)
            elif is_rank_zero():
                discard_if_empty(into, log.name)
            raise
    sys.exit(status)


def parsed(script: str | None) -> Namespace:
    """Parse `sys.argv` into the paths `run_folder` and `into`, which is None by default.

    Args:
        script: the file that was started, as in `run_command`.

    Raises:
        ConfigurationError: for a mistake in the command line.
    """
    name = Path(sys.argv[0]).name
    program = f"python {name}" if script else name
    usage = f"{program} <run folder> [--into <folder>]"
    parser = LineParser(program, usage, DESCRIPTION)
    parser.add_argument("run_folder", type=Path, help="folder of a run, such as outputs/…/…")
    parser.add_argument(
        "--into",
        type=Path,
        metavar="folder",
        help="folder of the new run; by default <run_folder>-rerun",
    )
    return parser.parse_args()


def new_folder(options: Namespace) -> Path:
    """Return the folder of the new run; raises ConfigurationError if it is not empty."""
    run = absolute(options.run_folder)
    folder = absolute(options.into or free_name(run.with_name(f"{run.name}-rerun")))
    if is_rank_zero() and (folder.is_file() or (folder.is_dir() and any(folder.iterdir()))):
        fact = "is a file" if folder.is_file() else "is not empty"
        raise ConfigurationError(f"'{options.into}' {fact}: give another folder with --into")
    return folder


def absolute(path: Path) -> Path:
    """Return a path as an absolute one without `..`; links are kept."""
    return Path(os.path.abspath(path))


def repeat(folder: Path, into: Path, directory: Path, script: str | None) -> int:
    """Repeat a run in the directory where its command was typed.

    Args:
        folder: the run folder.
        into: the folder of the new run.
        directory: where the command of the run was typed; if it is gone, the folder of the project
            replaces it.
        script: the file that was started, as in `run_command`.

    Returns:
        The exit status: 0 for equal metrics, 1 for different ones.

    Raises:
        ConfigurationError: as `rerun` does.
    """
    if not directory.is_dir():
        here = Path(script).parent if script else Path.cwd()
        print(f"differs: {directory} is gone, paths are relative to {here}")
        directory = here
    os.chdir(directory)
    enable_project_imports(find_config_dir(script))
    from lightning_transformers.runs.rerun import rerun  # imports torch

    return int(bool(rerun(folder, into)))
