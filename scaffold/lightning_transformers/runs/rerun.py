"""Train again what a run folder has recorded, and compare the metrics bit for bit."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import (
    CONFIG,
    MANIFEST,
    archived,
    finished_run,
    read_manifest,
    rebase_paths,
)
from lightning_transformers.config.checks import fit_values
from lightning_transformers.config.config_tree import to_dict
from lightning_transformers.config.launcher import is_rank_zero
from lightning_transformers.runs.logged_metrics import Difference, Logged, compare, logged
from lightning_transformers.runs.manifest.differences import (
    early_differences,
    late_differences,
    state_before,
)
from lightning_transformers.runs.train import train_and_record

READ = {"backbone", "checkpoint_path", "dataset", "tokenizer"}
"""Keys of the inputs of a run: their paths stay as they are."""


def rerun(folder: Path, into: Path) -> list[Difference]:
    """Repeat a run, and compare the metrics bit for bit.

    Differences in versions, code and data are printed before training starts. The resolved config
    and the number of threads are those of the run; `conf/` is not read. Values that depend on an
    environment variable are resolved again.

    Args:
        folder: the run folder.
        into: the folder of the new run, which must not exist.

    Returns:
        The first difference of each metric; on other ranks than 0, none.

    Raises:
        ConfigurationError: if the folder holds no finished run, the run has logged no metric, or an
            environment variable is not set.
    """
    manifest = finished_run(folder)
    expected = logged(folder, manifest["metrics"])
    if not expected:
        raise ConfigurationError(f"the run in '{folder}' has logged no metric: rerun another")
    for file in archived(folder / MANIFEST):
        earlier_part = read_manifest(file)
        lines = [*early_differences(earlier_part, manifest)]
        lines += late_differences(earlier_part, manifest)
        print_rank_zero(lines, "differed in the run")
    use_threads(int(manifest["training"]["threads"]))
    print_rank_zero(early_differences(manifest, state_before(manifest, folder, Path.cwd())))
    config = config_of(folder, into)
    # The other checks refuse keys that only interpolations, resolved by now, have used.
    fit_values(config)
    metrics = train_and_record(
        config,
        lambda now: print_rank_zero(late_differences(manifest, now)),
        manifest,
    )
    if not is_rank_zero():
        return []
    found = compare(expected, logged(into, metrics))
    print(summary(expected, found))
    if found and manifest["training"]["device"] != "cpu" and not config.trainer.deterministic:
        print("  some GPU operations are deterministic only with trainer.deterministic=true")
    return found


def config_of(folder: Path, into: Path) -> DictConfig:
    """Return the recorded config of a run, with another run folder.

    Paths of inputs (`READ`) stay as they are, though they may be in the old run folder.

    Args:
        folder: the run folder.
        into: the folder of the new run.
    """
    config = to_dict(OmegaConf.load(folder / CONFIG), resolve=False)
    former = config["training"]["run_dir"]
    return OmegaConf.create(
        {
            key: value if key in READ else rebase_paths(value, former, str(into))
            for key, value in config.items()
        }
    )


def use_threads(number: int) -> None:
    """Compute with as many threads as the run did; the last bits of sums depend on it."""
    os.environ["OMP_NUM_THREADS"] = str(number)  # for the ranks that this process starts
    torch.set_num_threads(number)


def print_rank_zero(lines: Iterable[str], what: str = "differs") -> None:
    """Print `<what>: <line>` for each difference, on rank 0 alone.

    Args:
        lines: the differences.
        what: start of each printed line.
    """
    if is_rank_zero():
        for line in lines:
            print(f"{what}: {line}", flush=True)


def summary(expected: Logged, found: list[Difference]) -> str:
    """Return the result of a comparison to print, with a line for each metric that differs.

    Args:
        expected: the metrics of the recorded run, which are counted.
        found: the result of `compare`.
    """
    if not found:
        return f"metrics are equal, bit for bit ({len(expected)} values)"
    return "\n".join(
        [f"metrics differ, first {found[0]}", *(f"  and {more}" for more in found[1:])]
    )
