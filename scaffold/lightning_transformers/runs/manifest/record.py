"""Recording a run in the `manifest.yaml` of its folder."""

import sys
from collections.abc import Callable
from pathlib import Path

from hydra.utils import to_absolute_path
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer

from lightning_transformers.base.run_folder import (
    CONFIG,
    MANIFEST,
    Manifest,
    read_manifest,
    write_manifest,
)
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.runs.manifest.code import code
from lightning_transformers.runs.manifest.digests import digest_of
from lightning_transformers.runs.manifest.environment import machine, training, versions
from lightning_transformers.runs.manifest.git import git_state
from lightning_transformers.runs.manifest.sources import data_of, inputs


class Recorder(Callback):
    """Writes the manifest when the data are there, and nothing has been trained yet.

    By then the trainer has its devices and threads, and all modules of the project are imported.

    Args:
        config: the composed config, which lies resolved in the run folder.
        model: the task that is trained.
        data: its data.
        announce: is called with the manifest, on the first process.
    """

    def __init__(
        self,
        config: DictConfig,
        model: TaskTransformer,
        data: TransformerDataModule,
        announce: Callable[[Manifest], None] | None,
    ) -> None:
        self.config, self.model, self.data, self.announce = config, model, data, announce
        self.file = Path(config.training.run_dir) / MANIFEST
        self.is_done = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the manifest, once."""
        if self.is_done or not trainer.is_global_zero:
            return
        self.is_done = True
        manifest = describe(self.config, self.model, self.data, trainer)
        write_manifest(self.file, manifest)
        if self.announce:
            self.announce(manifest)

    def finish(self, metrics: dict[str, float]) -> None:
        """Add the last value of each metric: the run has come to its end."""
        write_manifest(self.file, read_manifest(self.file) | {"metrics": metrics})


def describe(
    config: DictConfig, model: TaskTransformer, data: TransformerDataModule, trainer: Trainer
) -> Manifest:
    """Return all that the metrics of a run follow from, as plain values.

    Nothing is taken from the environment variables, which may hold secrets.
    """
    directory = Path(to_absolute_path("."))
    return {
        "command": sys.argv,
        "directory": str(directory),
        "config": digest_of(Path(config.training.run_dir) / CONFIG),
        "seeds": {"training": config.training.seed, "dataset": data.seed},
        "versions": versions(),
        "machine": machine(),
        "training": training(trainer),
        "git": git_state(directory),
        "code": code(directory),
        "inputs": inputs(config, model),
        "data": data_of(data),
    }
