"""Deleting runs and checkpoints."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from lightning_transformers.base.run_folder import CHECKPOINTS, FINISHED, PENDING, RUNNING, STOPPED
from lightning_transformers.base.run_lock import is_locked
from ltscaffold.commands.runs.table import Run
from ltscaffold.errors import ScaffoldError


def prunable(runs: Iterable[Run]) -> list[Path]:
    """Return the checkpoints that runs do not need.

    A run needs its best checkpoint, or else the newest; if it has not ended by itself, the newest
    as well, from which it resumes.
    """
    return [path for run in runs for path in _prunable(run)]


def _prunable(run: Run) -> list[Path]:
    found = (run.folder / CHECKPOINTS).glob("*.ckpt")
    checkpoints = sorted(found, key=lambda path: path.stat().st_mtime)
    best = run.folder / str(run.best.get("checkpoint", ""))
    kept = {best} & {*checkpoints}
    if not kept or run.status not in (FINISHED, STOPPED):
        kept |= {*checkpoints[-1:]}
    return [path for path in checkpoints if path not in kept]


def check_ended(runs: Iterable[Run]) -> None:
    """Raise ScaffoldError if a run has not ended."""
    for run in runs:
        if is_locked(run.folder) or run.status in (PENDING, RUNNING):
            stop = f"scancel {run.job}" if run.job else "stop it"
            state = PENDING if run.status == PENDING else RUNNING
            raise ScaffoldError(
                f"{run.folder} is {state}; {stop} first, or select other runs with --status"
            )


def delete(paths: Iterable[Path]) -> None:
    """Delete files and folders; raises ScaffoldError with the first that cannot be deleted."""
    for path in paths:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise ScaffoldError(f"cannot delete '{path}': {error.strerror}") from error
