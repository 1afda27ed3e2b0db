"""Record the provenance of a run in the `manifest.yaml` of its folder."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.utils import to_absolute_path
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.run_folder import (
    CONFIG,
    JOB,
    JOB_LOG,
    MANIFEST,
    RUNNING,
    STACK,
    Manifest,
    read_job,
    read_manifest,
    write_manifest,
)
from lightning_transformers.base.run_log import log_detail
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.data.summary import summary
from lightning_transformers.runs.manifest.code import code
from lightning_transformers.runs.manifest.config import without_environment
from lightning_transformers.runs.manifest.digests import digest_of
from lightning_transformers.runs.manifest.environment import job, machine, training, versions
from lightning_transformers.runs.manifest.git import git_state
from lightning_transformers.runs.manifest.sources import data_of, inputs
from lightning_transformers.training.formulas import KEY


class Recorder(Callback):
    """Writes the manifest when the data is ready, before training starts.

    By then the trainer has its devices and threads, and all modules of the project are imported.

    Args:
        config: the composed config; the run folder holds it resolved.
        model: the task that is trained.
        data: its data.
        changed: the default and the value of each setting that differs.
        announce: called with the manifest on rank 0.
    """

    def __init__(
        self,
        config: DictConfig,
        model: TaskTransformer,
        data: TransformerDataModule,
        changed: dict[str, list[Any]],
        announce: Callable[[Manifest], None] | None,
    ) -> None:
        self.config, self.model, self.data, self.announce = config, model, data, announce
        self.changed = changed
        self.file = Path(config.training.run_dir) / MANIFEST
        self.is_done = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the manifest, once and on rank 0, and log versions and rows."""
        if self.is_done or not trainer.is_global_zero:
            return
        self.is_done = True
        manifest = describe(self.config, self.model, self.data, trainer)
        manifest["changed"] = self.changed
        loggers = zip(self.config.logger, trainer.loggers, strict=False)
        runs = {
            str(name): logger.version
            for name, logger in loggers
            if logger.version not in (None, "")
        }
        write_manifest(self.file, manifest | {"status": RUNNING, "loggers": runs})
        found = ((name, manifest["versions"].get(name)) for name in STACK)
        log_detail("versions: %s", ", ".join(f"{name} {v}" for name, v in found if v))
        for line in summary(self.data.dataset or {}, getattr(self.data, "labels", None)):
            log_detail("%s", line)
        if self.announce:
            self.announce(manifest)

    def finish(self, **outcome: Any) -> Manifest | None:
        """Add how the run ended.

        Args:
            outcome: the keys of a manifest from `status` on; `metrics` mark a run that has ended by
                itself or early.

        Returns:
            The whole manifest; None on other ranks than 0, and before a manifest exists.
        """
        if not self.is_done:
            return None
        manifest: Manifest = read_manifest(self.file) | outcome  # type: ignore[assignment]
        write_manifest(self.file, manifest)
        return manifest


def record_early_failure(config: DictConfig, outcome: Mapping[str, Any]) -> None:
    """Write the manifest of a run that has failed before its data exist.

    Args:
        config: the composed config.
        outcome: the keys of a manifest from `status` on.
    """
    file, directory = Path(config.training.run_dir) / MANIFEST, Path(to_absolute_path("."))
    if not file.with_name(CONFIG).is_file():
        OmegaConf.save(without_environment(config), file.with_name(CONFIG))
    manifest: Any = {
        "command": sys.argv,
        "directory": str(directory),
        "config": digest_of(file.with_name(CONFIG)),
        "seeds": {"training": config.training.seed},
        "versions": versions(),
        "machine": machine(),
        "training": {},
        "git": git_of_run(file.parent, directory),
        "code": code(directory),
        "inputs": {},
        "data": {},
    }
    if found := job():
        manifest["job"] = found
    write_manifest(file, manifest | outcome)


def describe(
    config: DictConfig, model: TaskTransformer, data: TransformerDataModule, trainer: Trainer
) -> Manifest:
    """Return the provenance of a run as plain values, without those of environment variables.

    Args:
        config: the composed config.
        model: the task that is trained.
        data: its data, set up.
        trainer: its trainer, with its devices.
    """
    directory = Path(to_absolute_path("."))
    manifest: Manifest = {
        "command": sys.argv,
        "directory": str(directory),
        "config": digest_of(Path(config.training.run_dir) / CONFIG),
        "seeds": {"training": config.training.seed, "dataset": data.seed},
        "versions": versions(),
        "machine": machine(),
        "training": {**training(trainer), KEY: model.formulas},
        "git": git_of_run(Path(config.training.run_dir), directory),
        "code": code(directory),
        "inputs": inputs(config, model),
        "data": data_of(data),
    }
    if found := job():
        manifest["job"] = found
    return manifest


def git_of_run(folder: Path, directory: Path) -> dict[str, str | None] | None:
    """Return the state of the repository, of a job that at its submission.

    Args:
        folder: the run folder.
        directory: the folder in the repository.
    """
    for each in (folder, folder.parent):  # the run is a part of a repeat
        if JOB_LOG in os.environ and (each / JOB).is_file():
            git: dict[str, str | None] | None = read_job(each)["git"]
            return git
    return git_state(directory)
