"""How a fit ended: its status, its best checkpoint, and the last lines of its output."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hydra.core.hydra_config import HydraConfig

from lightning_transformers.base.run_folder import (
    CHECKPOINTS,
    FAILED,
    FINISHED,
    INTERRUPTED,
    STOPPED,
    Manifest,
)
from lightning_transformers.base.run_log import in_one_line
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.config.exit_status import is_interrupt
from lightning_transformers.config.tracebacks import described
from lightning_transformers.training.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from pytorch_lightning import Trainer
    from pytorch_lightning.callbacks import ModelCheckpoint

REPEATED = ("repeat.", "++repeat.")
"""Starts of the overrides of a repeat, whose folder has those of its runs."""

Outcome: TypeAlias = dict[str, Any]
"""The keys `status`, `reason` and `best` of a manifest, as far as they are known."""


def outcome_of(trainer: Trainer) -> Outcome:
    """Return the outcome of a fit that has ended without an error."""
    from pytorch_lightning.callbacks import EarlyStopping, Timer

    from lightning_transformers.training.resume import limit_reached
    from lightning_transformers.training.trainer_fields import fields

    reached = limit_reached(trainer)
    if reached or not trainer.should_stop:
        reason = f"trainer.{reached} reached" if reached else "no batch is left"
        return {"status": FINISHED, "reason": reason}
    reason = "trainer.should_stop was set"
    for callback in fields(trainer).callbacks:
        if isinstance(callback, EarlyStopping) and callback.stopping_reason_message:
            reason = callback.stopping_reason_message.partition(" Signaling")[0].rstrip(".")
        elif isinstance(callback, Timer) and callback.time_remaining() == 0:
            reason = "trainer.max_time reached"
        elif vars(callback).get("pruned"):  # of a sweep; its class would import Optuna
            reason = "pruned, since other trials of the sweep are better"
    return {"status": STOPPED, "reason": reason}


def outcome_of_error(error: BaseException) -> Outcome:
    """Return the outcome of a fit that an exception has ended."""
    if is_interrupt(error):
        return {"status": INTERRUPTED, "reason": "Ctrl-C"}
    if isinstance(error, SystemExit):  # Lightning's SIGTERMException is one
        return {"status": INTERRUPTED, "reason": "SIGTERM"}
    reported = user_error(error)
    reason = " ".join(str(reported).split()) if reported else described(error)
    return {"status": FAILED, "reason": reason}


def best_callbacks(trainer: Trainer) -> Iterator[ModelCheckpoint]:
    """Yield the checkpoint callbacks that monitor a metric; the first says which state is best."""
    from pytorch_lightning.callbacks import ModelCheckpoint

    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor:
            yield callback


def best_of(trainer: Trainer, folder: Path) -> Outcome:
    """Return `best`: `monitor`, `mode`, `score`, `step`, `checkpoint` of the best of a fit.

    Args:
        trainer: the trainer of the fit.
        folder: the run folder, from which the path of the checkpoint starts.

    Returns:
        The outcome, empty without a best checkpoint.
    """
    for callback in best_callbacks(trainer):
        path, score = callback.best_model_path, callback.best_model_score
        if Path(path).is_file() and score is not None:
            best = {
                "monitor": callback.monitor,
                "mode": callback.mode,
                "score": float(score),
                "step": read_checkpoint(path)["global_step"],
                "checkpoint": os.path.relpath(path, folder),
            }
            return {"best": best}
    return {}


def last_lines(
    manifest: Manifest, folder: Path, tested: Mapping[str, float], overrides: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the last lines of the output of a run: why it ended, its scores, the next command.

    Of a run that failed they omit the error, which its command prints after them.

    Args:
        manifest: the manifest, with the outcome of the run.
        folder: the run folder.
        tested: the metrics of the test, empty without a test.
        overrides: those with which the run can be resumed.
    """
    if manifest["status"] != FAILED:
        yield f"{manifest['status'].capitalize()}: {manifest['reason']}"
    best = manifest.get("best")
    if best:
        score = in_one_line({str(best["monitor"]): float(best["score"])})
        yield f"Best: {score} at step {best['step']}, {best['checkpoint']}"
    metrics = manifest.get("metrics", {})
    if validated := {name: value for name, value in metrics.items() if name.startswith("val/")}:
        yield f"Last validation: {in_one_line(validated)}"
    if tested:
        yield f"Test of the best: {in_one_line(tested)}"
    yield f"Run folder: {folder}"
    if command := next_command(manifest, folder, overrides):
        yield f"Next: {command}"


def next_command(manifest: Manifest, folder: Path, changes: Sequence[str] = ()) -> str | None:
    """Return the command that evaluates a run that has ended, or resumes any other.

    Args:
        manifest: the manifest, with the outcome of the run.
        folder: the run folder.
        changes: overrides with which the run can be resumed.

    Returns:
        The command line; None outside of a Hydra job, or without a checkpoint.
    """
    program = sys.argv[0]
    if not HydraConfig.initialized() or "train" not in Path(program).name:
        return None
    keys = ("resume", "checkpoint_path", "training.validate_before_fit")
    own = tuple(f"{key}=" for key in (*keys, *(change.partition("=")[0] for change in changes)))
    overrides = [o for o in HydraConfig.get().overrides.task if not o.lstrip("+").startswith(own)]
    name = os.path.relpath(folder)
    if manifest["status"] in (FINISHED, STOPPED):
        if "best" not in manifest:
            return None
        overrides = [override for override in overrides if not override.startswith(REPEATED)]
        program = str(Path(program).with_name(Path(program).name.replace("train", "evaluate")))
        overrides.append(f"checkpoint_path={name}/{manifest['best']['checkpoint']}")
    elif changes or any((folder / CHECKPOINTS).glob("*.ckpt")):
        is_part = any(override.startswith(REPEATED) for override in overrides)
        whole = os.path.dirname(name) if is_part else name
        overrides += [*changes, f"hydra.run.dir={whole}", "resume=auto"]
    else:
        return None
    words = ["python", program] if program.endswith(".py") else [Path(program).name]
    return shlex.join([*words, *overrides])
