"""Tasks rendered with recipes, on tiny models, and short runs of them."""

import tempfile
from functools import cache
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lightning_transformers.core import Batch, TaskTransformer
from lightning_transformers.runs.build import seed_everything
from tests.helpers.rendered import task_class
from tests.helpers.tiny import ARCHITECTURES, QUIET

BASES = {
    "gpt2": "language_modeling",
    "llama": "language_modeling",
    "bert": "masked_language_modeling",
    "t5": "summarization",
}
TOKENS = {"bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 0}
ADAMW = {"_target_": "torch.optim.AdamW", "lr": 1e-2}
SGD = {"_target_": "torch.optim.SGD", "lr": 1.0}


@cache
def folder(architecture: str, tied: bool) -> str:
    """Return a folder with a tiny model in it."""
    path = tempfile.mkdtemp(prefix=architecture)
    torch.manual_seed(0)
    ARCHITECTURES[architecture](tie_word_embeddings=tied, **TOKENS).save_pretrained(path)
    return path


def build(
    architecture: str, *recipes: str, tied: bool = False, **hyperparameters: Any
) -> TaskTransformer:
    """Return a task rendered with recipes."""
    cls = task_class(BASES[architecture], *recipes)
    seed_everything(0)
    return cls(folder(architecture, tied), **{"optimizer": ADAMW} | hyperparameters)


def batches(number: int) -> list[Batch]:
    """Return batches of random tokens; in each row, the labels of some are masked."""
    generator = torch.Generator().manual_seed(1)
    made = []
    for _ in range(number):
        ids = torch.randint(2, 200, (4, 12), generator=generator)
        labels = ids.masked_fill(torch.rand(ids.shape, generator=generator) < 0.3, -100)
        made.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels})
    return made


def loader(examples: list[Batch]) -> DataLoader[Any]:
    """Return a loader of whole batches, in their order."""
    return DataLoader(examples, batch_size=None)  # type: ignore[arg-type]


def values(module: nn.Module) -> dict[str, Tensor]:
    """Return copies of the parameters by name."""
    return {name: p.detach().clone() for name, p in module.named_parameters()}


class Recorder(Callback):
    """Keeps the weights before the first step and after each, and the learning rates."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.weights = [values(pl_module)]
        self.rates: list[list[float]] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.weights.append(values(pl_module))

    def moved(self, step: int) -> set[str]:
        """Return the names of what is not bit-equal after a step."""
        before, after = self.weights[step : step + 2]
        return {name for name in before if not torch.equal(before[name], after[name])}


def trainer(*callbacks: Callback, **arguments: Any) -> Trainer:
    """Return a quiet trainer."""
    return Trainer(callbacks=list(callbacks), **QUIET | arguments)


def fit(task: TaskTransformer, steps: int = 3, **arguments: Any) -> Recorder:
    """Train on a few batches and return the record."""
    recorder = Recorder()
    trainer(recorder, **arguments).fit(task, loader(batches(steps)))
    return recorder
