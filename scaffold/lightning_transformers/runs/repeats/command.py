"""Train once, or once for each seed and fold of `repeat`; the score is for Hydra's sweeper."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from itertools import product
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import MANIFEST, discard_if_empty, read_manifest
from lightning_transformers.base.run_lock import run_lock
from lightning_transformers.base.run_log import report
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.launcher import is_rank_zero
from lightning_transformers.runs.repeats.summary import Metrics, Summary
from lightning_transformers.runs.train import folder_of, train_and_record
from lightning_transformers.sweeps import TRIAL


def score_from_config(config: DictConfig) -> float | None:
    """Check a composed config, train with it or with each part of its repeat, and record the runs.

    Returns:
        The best value of the metric that selects the best checkpoint, of a repeat the mean; None
        without such a checkpoint.

    Raises:
        ConfigurationError: for a mistake in the config.
    """
    check_config(config)
    if parts := dict(parts_of(config)):
        with run_lock(folder_of(config)) if is_rank_zero() else nullcontext():
            return repeat(folder_of(config), parts)
    train_and_record(config)
    _, score = recorded_best(folder_of(config))
    return score


def parts_of(config: DictConfig) -> Iterator[tuple[str, DictConfig]]:
    """Yield the name of the folder and the config of each run of a repeat; none of a single run.

    Args:
        config: a checked config.

    Raises:
        ConfigurationError: with a checkpoint to start from, a pruner of a sweep, or a single run in
            the folder.
    """
    keys = config.get("repeat") or {}
    seeds, folds = keys.get("seeds"), keys.get("folds")
    if not seeds and not folds:
        return
    if config.get("checkpoint_path"):
        raise ConfigurationError(
            f"checkpoint_path={config.checkpoint_path}: a repeat starts each run anew: remove it, "
            "or repeat.seeds and repeat.folds"
        )
    if (folder_of(config) / MANIFEST).is_file():
        raise ConfigurationError(
            f"{folder_of(config)} has a single run: give the repeat another hydra.run.dir"
        )
    if TRIAL in os.environ:
        raise ConfigurationError(
            "hydra.sweeper.pruner compares the validations of single runs: remove it, or "
            "repeat.seeds and repeat.folds"
        )
    for run, fold in product(range(seeds or 1), range(1, (folds or 1) + 1)):
        part, seed = copy.deepcopy(config), config.training.seed + run
        names = [f"seed-{seed}"] * bool(seeds) + [f"fold-{fold}-of-{folds}"] * bool(folds)
        name = "-".join(names)
        part.repeat = dict.fromkeys(keys)
        part.training.seed = seed
        part.training.run_dir = str(folder_of(config) / name)
        if part.training.get("keep_state", "auto") == "auto":
            OmegaConf.update(part, "training.keep_state", False, force_add=True)
        if folds:
            own = {"fold": f"{fold}/{folds}", "group_column": keys.get("group")}
            OmegaConf.update(part, "dataset", own, force_add=True)
        yield name, part


def repeat(folder: Path, parts: Mapping[str, DictConfig]) -> float | None:
    """Train the parts of a repeat one after the other, then print and write the summary.

    With `resume=auto`, a part that has ended is not trained again.

    Args:
        folder: the folder of the repeat.
        parts: the configs, by name of the run folder in it.

    Returns:
        The mean of the best scores; None on other ranks than 0, and if a part has none.
    """
    last = {}
    for name, part in parts.items():
        try:
            last[name] = train_and_record(part)
        finally:
            if is_rank_zero():
                discard_if_empty(folder / name)
    if not is_rank_zero():
        return None
    summary = Summary({name: metrics_of(folder / name, last[name]) for name in parts})
    summary.write(folder)
    monitor, _ = recorded_best(folder / next(iter(parts)))
    for line in summary.lines(monitor, folder):
        report(line)
    return summary.mean(monitor) if monitor else None


def metrics_of(folder: Path, last: Metrics) -> Metrics:
    """Return the metrics of a run at its best checkpoint, with those of the test.

    Args:
        folder: the run folder.
        last: the last value of each metric, which counts without a best checkpoint.
    """
    from lightning_transformers.reports.run_files import RunFiles  # imports pyarrow

    run = RunFiles(folder)
    if not (best := run.manifest.get("best")):
        return last
    tested = {name: value for name, value in last.items() if name.startswith("test/")}
    return run.metrics_at(best["step"]) | tested


def recorded_best(folder: Path) -> tuple[str | None, float | None]:
    """Return the metric that selects the best checkpoint of a run, and its value there."""
    file = folder / MANIFEST
    best = read_manifest(file).get("best") if file.is_file() else None
    return (str(best["monitor"]), float(best["score"])) if best else (None, None)
