"""Steps and validations on two ranks; started by `test_loss_normalization.py`.

The results go to the file that the first argument names: the updates by the number of batches per
rank and step, those of the bases that further arguments name, and the metrics, of this runtime and
of plain Lightning.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader

from lightning_transformers.data.collators import CausalCollator
from lightning_transformers.models.sharding import FullyShardedStrategy
from tests.helpers.language_modeling import model, sample, trainer
from tests.helpers.weighting_runs import parts_of, task_and_batch, update

TWO: dict[str, Any] = {"strategy": "ddp", "devices": 2}
WEIGHTED = {"class_weights": [0.1, 3.0, 1.0, 0.0], "focal_gamma": 2.0}
"""Keys of a task with four classes."""
ODD = {"limit_val_samples": 5, "batch_size": 3, "block_size": 32}
"""These texts give 17 rows: nine on one rank and eight on the other."""


def updates(
    *recipes: str,
    base: str = "language_modeling",
    numbers: Sequence[int],
    plain: bool = False,
    sharded: bool = False,
    **loss_keys: object,
) -> dict[int, torch.Tensor]:
    """Return the update of one step by the number of batches per rank.

    Args:
        recipes: of the task.
        base: of the task.
        numbers: the numbers of batches.
        plain: weigh the batches as Lightning does.
        sharded: shard the weights over the ranks.
        loss_keys: keys that change the loss of the task.
    """
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    found = {}
    for batches in numbers:
        task, batch = task_and_batch(base, *recipes, plain=plain, **loss_keys)
        mine = parts_of(batch, 2 * batches)[rank::2]
        arguments = {"precision": "64-true", "use_distributed_sampler": False}
        shards = {"strategy": FullyShardedStrategy(), "precision": "32-true"} if sharded else {}
        found[batches] = update(task, mine, **arguments | TWO | shards)
    return found


def validated(plain: bool = False) -> dict[str, float]:
    """Return the metrics of an odd number of rows."""
    task, data = model(), sample(**ODD)
    loader = None
    if plain:
        data.setup("fit")
        assert data.dataset is not None
        collate = CausalCollator(data.tokenizer)
        rows: Any = data.dataset["validation"]
        loader = DataLoader(rows, batch_size=3, collate_fn=collate)
    run = trainer(".", **TWO)  # type: ignore[arg-type]
    (metrics,) = run.validate(task, loader, datamodule=None if plain else data, verbose=False)
    return dict(metrics)


if __name__ == "__main__":
    results = {
        "updates": updates(numbers=[1, 8]),
        "recipes": updates("label_smoothing", "custom_loss", numbers=[1, 4]),
        "weights of classes": updates(base="text_classification", numbers=[4], **WEIGHTED),
        "sharded": updates(sharded=True, numbers=[1, 4]),
        "bases": {base: updates(base=base, numbers=[2])[2] for base in sys.argv[2:]},
        "plain updates": updates(plain=True, numbers=[1, 4]),
        "metrics": validated(),
        "plain metrics": validated(plain=True),
    }
    if os.environ.get("LOCAL_RANK", "0") == "0":
        torch.save(results, sys.argv[1])
