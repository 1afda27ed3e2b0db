"""What a checkpoint brings back, and what the config says over it."""

from pathlib import Path

import pytest
from pytorch_lightning import Trainer

from lightning_transformers.build import restore
from lightning_transformers.core.backbone import Backbone
from lightning_transformers.errors import ConfigurationError
from lightning_transformers.hydra_app.app import compose
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.train import train
from tests.runtime.test_training import model, sample, trainer

BERT = "pkg://lightning_transformers/assets/tiny/bert"


def saved(folder: Path, run: Trainer) -> str:
    """Save a checkpoint and return the override that names it."""
    run.save_checkpoint(folder / "last.ckpt")
    return f"checkpoint_path={folder / 'last.ckpt'}"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the override that names a checkpoint of a classifier with settings of its own."""
    folder = tmp_path_factory.mktemp("classifier")
    data = TextClassificationDataModule(
        Backbone(BERT).load_tokenizer(), dataset_name="sample", max_length=17
    )
    backbone = {"pretrained_model_name_or_path": BERT, "random_weights": True}
    task = TextClassificationTransformer(backbone, model_data_kwargs=data.model_data_kwargs)
    run = trainer(folder, limit_train_batches=1, limit_val_batches=1)
    train(task, data, run)
    return saved(folder, run)


def test_classes_and_processing_are_those_of_the_training(classifier: str) -> None:
    task, data = restore(compose(["task=nlp/text_classification", classifier]))
    names = ["gospel", "history", "letter", "wisdom"]
    assert list(task.model.config.id2label.values()) == data.labels == names
    assert data.max_length == 17
    assert data.dataset_name is None, "where rows come from is the config's"


def test_what_the_config_says_wins(classifier: str) -> None:
    overrides = ["task=nlp/text_classification", classifier, "dataset.max_length=9"]
    assert restore(compose(overrides))[1].max_length == 9


def test_hyperparameters_of_the_task_are_those_of_the_training(tmp_path: Path) -> None:
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=1)
    task = type("Task", (type(model()).__mro__[1],), {})
    train(model(task, max_new_tokens=3), sample(), run)
    overrides = ["task=nlp/language_modeling", saved(tmp_path, run)]
    assert restore(compose(overrides))[0].max_new_tokens == 3
    assert restore(compose([*overrides, "+task.max_new_tokens=5"]))[0].max_new_tokens == 5


def test_a_checkpoint_of_another_task_is_refused(classifier: str) -> None:
    config = compose(["task=nlp/question_answering", classifier])
    with pytest.raises(ConfigurationError, match="does not fit QuestionAnsweringTransformer"):
        restore(config)
