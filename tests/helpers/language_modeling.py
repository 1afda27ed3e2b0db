"""Tiny language models on the sample, and a quiet trainer."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer

from lightning_transformers.core import Batch
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from tests.helpers.tiny import QUIET

TINY = "pkg://lightning_transformers/assets/tiny"


TOKENIZER = Backbone(f"{TINY}/gpt2").load_tokenizer()


BACKBONE = {"pretrained_model_name_or_path": f"{TINY}/gpt2", "random_weights": True}


ADAMW = {"_target_": "torch.optim.AdamW", "lr": 3e-3}


class Recorder(LanguageModelingTransformer):
    """Records each step, and declares a hyperparameter."""

    level: float = 1.0

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Record the mode of the model and the weights that the step sees."""
        self.batch = batch
        self.modes = [*getattr(self, "modes", []), self.model.training]
        self.seen = [p.detach().clone() for p in self.model.parameters()]
        return super().training_step(batch, batch_idx)


def sample(**hyperparameters: Any) -> LanguageModelingDataModule:
    values = {
        "dataset_name": "sample",
        "block_size": 64,
        "limit_train_samples": 200,
        "limit_val_samples": 40,
    }
    return LanguageModelingDataModule(TOKENIZER, **values | hyperparameters)


def model(cls: type[Any] = Recorder, **hyperparameters: Any) -> Any:
    seed_everything(0)
    return cls(BACKBONE, optimizer=ADAMW, **hyperparameters)


def trainer(folder: Path, **arguments: Any) -> Trainer:
    values = {"num_sanity_val_steps": 0, "default_root_dir": folder}
    return Trainer(**QUIET | values | arguments)
