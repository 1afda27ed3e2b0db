"""Runs that are killed and resumed, each in a forked process, which skips the imports.

A run trains a few steps, saves every n-th batch, and may kill itself (SIGKILL) after the backward
pass of any batch, also within an accumulated step. Its final state goes to a file.
"""

import os
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from datasets import DatasetDict
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, GradientAccumulationScheduler
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from lightning_transformers.callbacks import Autosave
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from lightning_transformers.task.nlp.masked_language_modeling import (
    MaskedLanguageModelingDataModule,
)
from lightning_transformers.task.vision.image_classification import ImageClassificationDataModule
from lightning_transformers.training import checkpoint_io
from lightning_transformers.training.checkpoint import newest_checkpoint
from lightning_transformers.training.checkpoint_io import BackgroundCheckpointIO
from lightning_transformers.training.lightning_internals import replace_checkpoint_io
from tests.helpers.images import PROCESSOR
from tests.helpers.language_modeling import TINY, TOKENIZER, trainer
from tests.helpers.rendered import task_class


class ShardedDataModule(LanguageModelingDataModule):
    """A stream in three shards, which workers share among them."""

    def load_dataset(self) -> DatasetDict:
        """Return the splits of the sample as streams."""
        splits = super().load_dataset().items()
        streams = {split: rows.to_iterable_dataset(num_shards=3) for split, rows in splits}
        return DatasetDict(streams)


WARMUP = {
    "_target_": "transformers.get_linear_schedule_with_warmup",
    "num_warmup_steps": 5,
    "num_training_steps": 30,
}
DATA: dict[str, tuple[str, str, Callable[..., Any], dict[str, Any]]] = {
    "map": (
        "masked_language_modeling",
        "bert",
        MaskedLanguageModelingDataModule,
        {"max_length": 32, "limit_train_samples": 48},
    ),
    "packed": (
        "language_modeling",
        "gpt2",
        LanguageModelingDataModule,
        {"block_size": 32, "limit_train_samples": 60},
    ),
    "streaming": (
        "language_modeling",
        "gpt2",
        LanguageModelingDataModule,
        {"block_size": 32, "limit_train_samples": 60, "streaming": True},
    ),
    "images": (
        "image_classification",
        "vit",
        ImageClassificationDataModule,
        {"random_flip": True, "limit_train_samples": 60},
    ),
    "image stream": (
        "image_classification",
        "vit",
        ImageClassificationDataModule,
        {"random_flip": True, "limit_train_samples": 60, "streaming": True},
    ),
    "shards": ("language_modeling", "gpt2", ShardedDataModule, {"block_size": 32}),
}
BATCHES = 12
"""Batches per epoch."""


@dataclass(frozen=True)
class Case:
    """The settings of a run: data, workers, batches per step, recipes of the generated task.

    With `plain`, the dataloader is a standard one. With `in_write`, the process dies between
    writing the checkpoint after the given batch and moving it into place.
    """

    data: str
    workers: int = 0
    accumulate: int = 1
    recipes: Sequence[str] = field(default_factory=tuple)
    every: int = 5
    plain: bool = False
    in_write: bool = False
    told: bool = False
    """SIGTERM instead of SIGKILL."""
    at: str = "batch"
    """Save after every n-th `batch`, after each `validation` or after each `epoch`."""
    validates: bool = False
    """Validate as often as it saves."""
    by_steps: bool = False
    """The limit of the fit is `max_steps`, not `max_epochs`."""
    own_hooks: bool = False
    """The task overrides hooks without `super()`, and draws random numbers in them."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the trainer."""
    scheduled: bool = False
    """The number of batches per step changes with the epoch."""
    manual: bool = False
    """Manual optimization, with a step every second batch."""
    plateau: bool = False
    """The learning rate falls after each epoch without improvement."""
    background: bool = False
    """Write checkpoints in the background."""
    in_validation: bool = False
    """Send SIGTERM during the first validation after the given batch."""


class Observer(Checkpoint):
    """Records the batches, saves every n-th one, and kills the process after one of them.

    As a `Checkpoint`, it runs after all other callbacks.
    """

    def __init__(self, case: Case, folder: Path, kill_at: int | None) -> None:
        self.folder, self.every, self.kill_at = folder, case.every, kill_at
        self.in_write, self.told = case.in_write, case.told
        self.at, self.in_validation = case.at, case.in_validation
        self.seen: list[tuple[int, int]] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        number = trainer.current_epoch * BATCHES + batch_idx
        values = batch["pixel_values" if "pixel_values" in batch else "input_ids"].flatten()
        self.seen.append((number, int((values * torch.arange(1, 1 + len(values))).sum())))

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.kill_at is None or self.in_validation or self.seen[-1][0] < self.kill_at:
            return
        if self.told:
            os.kill(os.getpid(), signal.SIGTERM)
            self.kill_at = None
            return
        if not self.in_write:
            die()
        checkpoint_io.os = SimpleNamespace(**vars(os) | {"fsync": die})

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        due = (self.seen[-1][0] + 1) % self.every == 0
        if due and not self.told and self.at == "batch":
            trainer.save_checkpoint(self.folder / "last.ckpt")

    def on_validation_batch_end(self, *_: Any) -> None:
        if self.kill_at is not None and self.in_validation and self.seen[-1][0] >= self.kill_at:
            os.kill(os.getpid(), signal.SIGTERM)
            self.kill_at = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        with (self.folder / "validated").open("a") as file:
            file.write(f"{trainer.global_step} {trainer.callback_metrics['val/loss']}\n")
        if self.at == "validation":
            trainer.save_checkpoint(self.folder / "last.ckpt")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.at == "epoch":
            trainer.save_checkpoint(self.folder / "last.ckpt")


def die(*_: Any) -> None:
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


class PlainLoader:
    """A standard shuffled dataloader."""

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches."""
        data: Any = self
        return DataLoader(
            data.dataset["train"],
            shuffle=True,
            batch_size=data.batch_size,
            num_workers=data.num_workers,
            collate_fn=data.collate_fn,
        )


class OwnHooks:
    """Hooks as in a plain LightningModule, which do not call `super()`."""

    def setup(self, stage: str) -> None: ...

    def configure_callbacks(self) -> list[Any]:
        return []

    def on_train_start(self) -> None: ...

    def on_train_epoch_start(self) -> None:
        self.shift()

    def on_train_epoch_end(self) -> None:
        self.shift()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.shift()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None: ...

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None: ...

    def shift(self) -> None:
        """Move the weights by random numbers of the global generator."""
        task: Any = self
        with torch.no_grad():
            for parameter in task.parameters():
                parameter += 1e-3 * torch.randn_like(parameter)


class ManualSteps:
    """Manual optimization that steps with every second batch."""

    def __init__(self, *arguments: Any, **kwargs: Any) -> None:
        super().__init__(*arguments, **kwargs)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        task: Any = self
        loss, _ = task.shared_step(batch, "train")
        task.manual_backward(loss.mean)
        if batch_idx % 2:
            task.optimizers().step()
            task.optimizers().zero_grad()


class OnPlateau:
    """A schedule that monitors the validation loss, at the end of each epoch."""

    def configure_optimizers(self) -> Any:
        task: Any = self
        optimizer = task.build_optimizer(task.parameter_groups())
        schedule = ReduceLROnPlateau(optimizer, patience=0, threshold=10.0)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "monitor": "val/loss"},
        }


def train(case: Case, folder: Path, kill_at: int | None, resume: bool) -> dict[str, Any]:
    """Return the final state of a run: parameters, optimizer, batches, step, validations."""
    base, architecture, data_class, values = DATA[case.data]
    seed_everything(0)
    common = {"dataset_name": "sample", "batch_size": 4, "num_workers": case.workers}
    if case.plain:
        data_class = type("PlainData", (PlainLoader, data_class), {})  # type: ignore[arg-type]
    of_images = base == "image_classification"
    processor = PROCESSOR if of_images else TOKENIZER
    data = data_class(processor, **common | values)
    task_type = task_class(base, *case.recipes)
    if case.own_hooks:
        task_type = type("Own", (OwnHooks, task_type), {})
    elif case.plateau:
        task_type = type("Scheduled", (OnPlateau, task_type), {})
    elif case.manual:
        task_type = type("Manual", (ManualSteps, task_type), {})
    elif not case.recipes:
        task_type = task_type.__base__  # that of the runtime
    task = task_type(
        {
            "pretrained_model_name_or_path": f"{TINY}/{architecture}",
            "random_weights": True,
            "config": {"n_layer" if architecture == "gpt2" else "num_hidden_layers": 1},
        },
        optimizer={"_target_": "torch.optim.AdamW", "lr": 3e-3},
        scheduler=WARMUP,
        model_data_kwargs=data.model_data_kwargs if of_images else None,
    )
    observer = Observer(case, folder, kill_at)
    run = trainer(
        folder,
        **{"max_steps": 2 * BATCHES, "max_epochs": -1} if case.by_steps else {"max_epochs": 2},
        limit_train_batches=BATCHES,
        limit_val_batches=2,
        val_check_interval=case.every if case.at == "validation" or case.validates else None,
        accumulate_grad_batches=case.accumulate,
        callbacks=[
            observer,
            *([Autosave(folder)] if case.told else []),
            *([GradientAccumulationScheduler({0: 2, 1: 3})] if case.scheduled else []),
        ],
        enable_checkpointing=True,
        **case.arguments,
    )
    if case.background:
        replace_checkpoint_io(run, BackgroundCheckpointIO())
    newest = newest_checkpoint(folder) if resume else None
    run.fit(task, data, ckpt_path=newest, weights_only=True)
    return {
        "parameters": dict(task.named_parameters()),
        "optimizer": run.optimizers[0].state_dict(),
        "seen": observer.seen,
        "step": run.global_step,
        # A run that resumes after SIGKILL may repeat one.
        "validations": sorted(set((folder / "validated").read_text().splitlines())),
    }


def in_child(function: Callable[[], Any], file: Path) -> int:
    """Run a function in a child process and save its result; return the exit status."""
    child = os.fork()
    if child == 0:
        try:
            torch.save(function(), file)
            os._exit(0)
        except SystemExit as end:
            os._exit(int(end.code or 0))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def uninterrupted(case: Case, folder: Path) -> dict[str, Any]:
    """Return the final state of an uninterrupted run."""
    folder.mkdir(parents=True)
    task_class(DATA[case.data][0], *case.recipes)  # rendered here, and not in each child
    assert in_child(lambda: train(case, folder, None, False), folder / "end.pt") == 0
    return torch.load(folder / "end.pt")  # type: ignore[no-any-return]


def killed_and_resumed(case: Case, folder: Path, kill_at: int) -> dict[str, Any]:
    """Return the final state of a run that is killed at a batch and resumed."""
    folder.mkdir(parents=True)
    end = folder / "end.pt"
    status = 0 if case.told else -signal.SIGKILL
    assert in_child(lambda: train(case, folder, kill_at, False), end) == status
    assert not end.exists()
    assert in_child(lambda: train(case, folder, None, True), end) == 0
    return torch.load(end)  # type: ignore[no-any-return]


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Return the names of the final values that are not bit-identical in two runs."""
    left = expected["seen"][len(expected["seen"]) - len(found["seen"]) :]
    different = ["order of the samples"] if found["seen"] != left else []
    for part in ("step", "parameters", "optimizer", "validations"):
        same = same_values(found[part], expected[part])
        different += [] if same else [part]
    return different


def same_values(one: Any, other: Any) -> bool:
    """Return whether two structures of tensors are bit-identical."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_values(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_values, one, other))
    return bool(one == other)
