"""`task.class_weights`, `label_smoothing` and `focal_gamma`, from the config of any task."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.nn.functional import cross_entropy
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose
from lightning_transformers.core import Batch, Loss, TaskTransformer
from lightning_transformers.core.keys.losses import LossKeysCallback
from lightning_transformers.runs.build import build_data, stated_hyperparameters
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.text_classification import TextClassificationTransformer
from lightning_transformers.testing import SMOKE, built
from lightning_transformers.training.checkpoint import check_resumable
from lightning_transformers.training.loss import smoothing_term
from lightning_transformers.training.trainer_fields import fields
from tests.helpers.recipe_runs import build, fit
from tests.helpers.weighting_runs import parts_of, relative_error, task_and_batch, update

CLASSES = ("text_classification", "image_classification", "token_classification")
SPREAD = [0.0, 0.3, 1.0, 2.0, 3.0, 0.5, 1.5, 4.0, 0.1, 1.0]
"""Weights of up to ten classes."""


def weights_for(base: str) -> list[float]:
    """Return a weight for each class of the sample of a task."""
    task, _ = task_and_batch(base)
    return SPREAD[: task.model.config.num_labels]


def train_loss(task: TaskTransformer, batch: Batch) -> Loss:
    """Return the loss as in training."""
    return task.shared_step(batch, "train")[0]


@pytest.mark.parametrize(
    ("base", "key"),
    [
        ("text_classification", {"focal_gamma": 2.0}),
        ("image_classification", {"label_smoothing": 0.2}),
        ("token_classification", {}),
    ],
)
def test_parts_of_a_batch_give_the_update_of_weighted_classes(
    base: str, key: dict[str, float]
) -> None:
    keys = {**key, "class_weights": weights_for(base)}
    task, batch = task_and_batch(base, **keys)
    whole = update(task, [batch], precision="64-true")
    task, _ = task_and_batch(base, **keys)
    parts = update(task, parts_of(batch, 4), precision="64-true")
    assert relative_error(parts, whole) < 1e-6


@pytest.mark.parametrize("base", CLASSES)
def test_weights_change_the_loss_in_training_only(base: str) -> None:
    weights = weights_for(base)
    task, batch = task_and_batch(base, class_weights=weights, label_smoothing=0.2)
    plain, _ = task_and_batch(base)
    logits, labels = task.logits_and_labels(task(batch), batch)
    expected = cross_entropy(logits, labels, torch.tensor(weights), label_smoothing=0.2)
    torch.testing.assert_close(train_loss(task, batch).mean, expected)
    own, same = (t.shared_step(batch, "val")[0] for t in (task, plain))
    assert (own.total, own.count) == (same.total, same.count)


@pytest.mark.parametrize(
    "base", ["language_modeling", "multiple_choice", "question_answering", "text_classification"]
)
def test_label_smoothing_is_that_of_the_recipe(base: str) -> None:
    task, batch = task_and_batch(base, label_smoothing=0.1)
    plain, _ = task_and_batch(base)
    logits, labels = task.logits_and_labels(task(batch), batch)
    loss, expected = train_loss(task, batch), train_loss(plain, batch)
    smoothed = expected.plus(smoothing_term(logits, labels, 0.1))
    torch.testing.assert_close((loss.total, loss.count), (smoothed.total, smoothed.count))
    assert loss.total != expected.total


# -- from the config


def config_of(folder: Path, *overrides: str, task: str = "nlp/text_classification") -> DictConfig:
    """Return the checked config of a short run."""
    config = compose([*SMOKE, f"task={task}", *overrides, f"training.run_dir={folder}"])
    check_config(config)
    return config


def fitted(config: DictConfig, checkpoint: Path | None = None) -> Any:
    """Train, with a checkpoint after each step; return the task."""
    data, model, trainer = built(config)
    if checkpoint is None:
        folder = Path(config.training.run_dir)
        saver = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1)
        fields(trainer).callbacks.append(saver)
    train(model, data, trainer, checkpoint_path=str(checkpoint) if checkpoint else None)
    return model


def test_balanced_weights_resume_exactly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tmp_path, "task.class_weights=balanced", "task.focal_gamma=1")
    with caplog.at_level(logging.INFO):
        model = fitted(config)
    rows = model.data.dataset["train"]["labels"]
    expected = [len(rows) / (4 * Counter(rows)[label]) for label in range(4)]
    assert model.loss_keys.weights.tolist() == pytest.approx(expected)
    assert "task.class_weights=balanced: gospel " in caplog.text
    checkpoint = tmp_path / "step=1.ckpt"
    content = torch.load(checkpoint, weights_only=True)
    assert content["hyper_parameters"]["class_weights"] == "balanced"
    recorded = content["callbacks"]["LossKeysCallback"]["weights"]
    assert recorded == pytest.approx(expected)
    # The rows may have changed since: those of the checkpoint count.
    monkeypatch.setattr(type(model.data), "class_counts", lambda _: [1, 2, 3, 4])
    again = fitted(config, checkpoint)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("task", "column"),
    [("vision/image_classification", "label"), ("nlp/token_classification", "ner_tags")],
)
def test_classes_are_counted_in_the_training_rows(task: str, column: str, tmp_path: Path) -> None:
    config = config_of(tmp_path, "dataset.limit_train_samples=40", task=task)
    data: Any = build_data(config)
    data.setup("fit")
    values = data.raw_dataset["train"].take(40)[column]
    tags = (
        [tag for row in values for tag in (row.split() if isinstance(row, str) else row)]
        if column == "ner_tags"
        else values
    )
    encode = data.label_encoder("train", data.raw_dataset["train"])
    assert data.class_counts() == [
        Counter(map(encode, tags))[number] for number in range(len(data.class_names()))
    ]


def test_a_class_without_rows_has_no_weight(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = "dataset.labels=[gospel,history,letter,wisdom,psalm]"
    model = fitted(config_of(tmp_path, "task.class_weights=balanced", labels))
    assert model.loss_keys.weights[4] == 0
    assert "no training row has the class psalm: its weight is 0" in caplog.text


TEXT = "nlp/text_classification"
NO_CLASSES = "requires labels that are each one of the data's classes, unlike those of "


@pytest.mark.parametrize(
    ("task", "keys", "line"),
    [
        (TEXT, ["task.class_weights=[1,2]"], "has 2 weights, but there are 4 classes: give one "),
        (TEXT, ["task.class_weights={poem:2}"], "a weight for 'poem', not one of the 4"),
        (TEXT, ["task.class_weights={gospl:2}"], "did you mean 'gospel'"),
        (TEXT, ["task.focal_gamma=1", "task.label_smoothing=0.1"], "requires hard labels, but "),
        ("nlp/summarization", ["task.class_weights=balanced"], f"{NO_CLASSES}Summ"),
        ("nlp/multiple_choice", ["task.focal_gamma=2"], f"{NO_CLASSES}Multiple"),
        (
            TEXT,
            ["task.label_smoothing=0.1", "dataset.problem_type=multi_label_classification"],
            "with problem_type=multi_label_classification: remove",
        ),
    ],
)
def test_a_key_that_does_not_fit_is_one_line(
    task: str, keys: list[str], line: str, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="task") as caught:
        built(config_of(tmp_path, *keys, task=task))
    error = caught.value.__cause__ or caught.value
    assert isinstance(error, ConfigurationError)
    assert line in str(error)
    assert "\n" not in str(error)


def test_weights_by_name_are_1_for_other_classes(tmp_path: Path) -> None:
    _, model, _ = built(config_of(tmp_path, "task.class_weights={history: 2.5}"))
    assert model.loss_keys.weights.tolist() == [1, 2.5, 1, 1]  # type: ignore[union-attr]


def test_a_stream_has_no_balanced_weights(tmp_path: Path) -> None:
    stream = ("dataset.streaming=true", "dataset.labels=[gospel,history,letter,wisdom]")
    steps = "trainer.max_steps=1"
    with pytest.raises(ConfigurationError, match="a stream does not tell: give a list of weights"):
        fitted(config_of(tmp_path, "task.class_weights=balanced", *stream, steps))


# -- beside code


class Own(TextClassificationTransformer):
    """A task with a loss of its own."""

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return another loss."""
        return Loss(outputs["logits"].square().sum(), self.count_targets(batch))


def test_a_key_without_effect_is_one_line(tmp_path: Path) -> None:
    config = config_of(tmp_path, "task.class_weights=balanced", "task.label_smoothing=0.1")
    config.task._target_ = f"{__name__}.Own"
    with pytest.raises(ConfigurationError, match=r"label_smoothing=0\.1 has no effect"):
        fitted(config)


@pytest.mark.parametrize("recipe", ["label_smoothing", "custom_loss"])
def test_a_recipe_of_the_same_name_has_its_own_key(recipe: str) -> None:
    name = {"custom_loss": "focal_gamma"}.get(recipe, recipe)
    task: Any = build("bert", recipe, **{name: 0.3})
    assert getattr(task, name) == 0.3
    assert not task.loss_keys.given
    recorder = fit(task, steps=1)
    assert recorder.moved(0)
    assert not any(isinstance(c, LossKeysCallback) for c in fields(task.trainer).callbacks)
    unset = OmegaConf.create({"task": {name: None, "class_weights": None}})
    assert stated_hyperparameters(type(task), unset) == {}


def test_other_keys_beside_such_a_recipe_are_one_line() -> None:
    with pytest.raises(ConfigurationError, match="declares focal_gamma for a loss of its own"):
        build("bert", "custom_loss", label_smoothing=0.1)


def test_a_resume_with_another_key_is_one_line(tmp_path: Path) -> None:
    recorded = {"hyper_parameters": {"class_weights": [1.0, 2.0]}, "optimizer_states": []}
    torch.save({"state_dict": {}, **recorded}, tmp_path / "a.ckpt")
    config = OmegaConf.create({"task": {"class_weights": [1, 2]}, "trainer": {}})
    check_resumable(str(tmp_path / "a.ckpt"), config)
    config.task.class_weights = "balanced"
    with pytest.raises(ConfigurationError, match=r"class_weights=\[1.0, 2.0\], not with balanced"):
        check_resumable(str(tmp_path / "a.ckpt"), config)
