"""Optimizer steps on one batch of a task's sample, whole or in parts of unequal size."""

import copy
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader

from lightning_transformers.config.compose import compose
from lightning_transformers.core import Batch, TaskTransformer
from lightning_transformers.core.keys.losses import LossKeys
from lightning_transformers.runs.build import build_data, build_model, seed_everything
from tests.helpers.language_modeling import trainer
from tests.helpers.rendered import CATALOG, task_class

ROWS = 16
BATCHES = (1, 2, 4, 8)
"""In a step, on each process."""
SHORT = {
    "language_modeling": "dataset.block_size=64",
    "masked_language_modeling": "dataset.max_length=64",
    "token_classification": "dataset.max_length=64",
}
"""Overrides that make the rows of some bases shorter."""


def task_and_batch(
    base: str, *recipes: str, plain: bool = False, **loss_keys: object
) -> tuple[TaskTransformer, Batch]:
    """Return a generated task on a tiny model without dropout, and rows of its sample.

    Args:
        base: its base.
        recipes: its recipes.
        plain: weigh the batches as Lightning does.
        loss_keys: keys that change its loss.
    """
    task, batch = copy.deepcopy(_built(base, *recipes))
    seed_everything(0)
    task.loss_keys = LossKeys(**loss_keys)
    task.loss_keys.check(task, ())
    if plain:
        task.weighting.weigh = lambda *_: None  # type: ignore[method-assign]
    return task, batch


@cache
def _built(base: str, *recipes: str) -> tuple[TaskTransformer, Batch]:
    """Return the task and the rows that are copied for each test."""
    cls = task_class(base, *recipes)
    group = CATALOG.entry("base", base)["group"]
    overrides = [
        f"task={group}/{base}",
        "experiment=smoke",
        "optimizer=sgd",
        "optimizer.lr=1.0",
        "scheduler=none",
        f"training.run_dir={tempfile.gettempdir()}",
        *([SHORT[base]] if base in SHORT else []),
    ]
    config = compose(overrides)
    config.task._target_ = f"{cls.__module__}.{cls.__name__}"
    seed_everything(0)
    data = build_data(config)
    task = build_model(config, data)
    task.model.eval()
    data.model_config = task.model.config
    data.setup("fit")
    assert data.dataset is not None
    rows = [data.dataset["train"][index] for index in range(ROWS)]
    batch = data.collate_fn(rows)
    labels = batch.get("labels")
    if labels is not None and labels.ndim == 2 and not labels.is_floating_point():
        for row, label in enumerate(labels):  # ragged, and the last has no label at all
            label[: (row + 1) * len(label) // ROWS] = -100
    return task, batch


def parts_of(batch: Batch, batches: int) -> list[Batch]:
    """Return the rows of a batch as several batches, of uneven size where that is possible."""
    sizes, left, index = [1] * batches, ROWS - batches, 0
    while left:
        share = (left + 1) // 2
        sizes[index % batches] += share
        left, index = left - share, index + 1
    parts = {key: value.split(sizes) for key, value in batch.items()}
    return [{key: part[index] for key, part in parts.items()} for index in range(batches)]


def update(task: TaskTransformer, batches: list[Batch], **arguments: Any) -> Tensor:
    """Return by how much one optimizer step on these batches moves the parameters."""
    before = {name: p.detach().double().clone() for name, p in task.named_parameters()}
    values = {"accumulate_grad_batches": len(batches), "limit_val_batches": 0} | arguments
    run = trainer(Path(tempfile.mkdtemp()), **values)
    run.fit(task, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    assert run.global_step == 1
    after = dict(task.named_parameters())
    moved = [whole(after[name].detach()).double() - value for name, value in before.items()]
    return torch.cat([change.flatten() for change in moved])


def whole(value: Tensor) -> Tensor:
    """Return the full tensor, also of a sharded one."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def relative_error(changes: Tensor, expected: Tensor) -> float:
    """Return the norm of the difference of two updates, relative to the expected one."""
    return float((changes - expected).norm() / expected.norm())
