"""`task.freeze`, `freeze_epochs` and `head_learning_rate`, from the config of any task."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose
from lightning_transformers.core import TaskTransformer
from lightning_transformers.models.freezing import head_parameters, is_tied, trainable
from lightning_transformers.runs.build import build_data, build_model
from lightning_transformers.runs.train import train
from lightning_transformers.testing import SMOKE, built
from lightning_transformers.training.checkpoint import check_resumable
from lightning_transformers.training.trainer_fields import fields
from tests.conftest import Run
from tests.helpers.ddp_freezing import frozen_then_trained
from tests.helpers.python_path import PATHS
from tests.helpers.recipe_runs import Recorder, build, fit
from tests.helpers.slow import sampled

TASKS = [
    "nlp/text_classification",
    "nlp/language_modeling",
    "vision/image_classification",
    "nlp/summarization",
]
"""A classifier, a decoder with tied embeddings, an image model, and one without a base model."""
OTHERS = (
    *("nlp/masked_language_modeling", "nlp/multiple_choice", "nlp/question_answering"),
    *("nlp/token_classification", "nlp/translation"),
)


def config_of(task: str, folder: Path, *overrides: str) -> DictConfig:
    """Return the checked config of a short run, with a constant learning rate."""
    tied = "+backbone.config.tie_word_embeddings=true"
    given = [*SMOKE, f"task={task}", tied, "scheduler=constant_schedule", *overrides]
    config = compose([*given, f"training.run_dir={folder}"])
    if "max_new_tokens" in config.task:
        config.task.generate_in_validation = False
    check_config(config)
    return config


class Modes(Callback):
    """Keeps whether the dropout of the backbone is on, for each batch."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        vars(self).setdefault("training", []).append(pl_module.model.base_model.training)


def fitted(config: DictConfig, checkpoint: Path | None = None) -> tuple[Any, Recorder, Modes]:
    """Train, with a checkpoint after each step; return the task and its records."""
    data, model, trainer = built(config)
    recorder, modes = Recorder(), Modes()
    folder = Path(config.training.run_dir)
    saver = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1)
    fields(trainer).callbacks += [recorder, modes, *([] if checkpoint else [saver])]
    train(model, data, trainer, checkpoint_path=str(checkpoint) if checkpoint else None)
    return model, recorder, modes


def names_of_head(task: TaskTransformer) -> set[str]:
    head = {id(parameter) for parameter in head_parameters(task.model)}
    return {name for name, parameter in task.named_parameters() if id(parameter) in head}


@pytest.mark.parametrize("task", sampled(TASKS, TASKS[:2]))
def test_the_backbone_is_thawed_after_some_epochs(task: str, tmp_path: Path) -> None:
    keys = ("task.freeze=backbone", "task.freeze_epochs=1", "task.head_learning_rate=0.01")
    config = config_of(task, tmp_path, *keys, "trainer.max_epochs=2", "optimizer.lr=1e-3")
    model, recorder, modes = fitted(config)
    head = names_of_head(model)
    assert head
    assert recorder.moved(0) | recorder.moved(1) <= head
    assert head & recorder.moved(1)
    assert recorder.moved(2) - head
    rates = {
        name: group["lr"]
        for group in model.optimizers().param_groups
        for name, parameter in model.named_parameters()
        if any(parameter is member for member in group["params"])
    }
    assert {name for name, rate in rates.items() if rate == 0.01} == head
    assert {*rates.values()} == {0.01, 1e-3}
    has_base = model.model.base_model is not model.model
    assert modes.training == [not has_base, not has_base, True, True]
    for step in (1, 2, 3) if task == TASKS[0] else (1,):
        again, _, resumed = fitted(config, tmp_path / f"step={step}.ckpt")
        assert resumed.training == modes.training[step:]
        for (name, one), other in zip(model.named_parameters(), again.parameters(), strict=True):
            assert torch.equal(one, other), (step, name)


@pytest.mark.parametrize("task", [*TASKS, *OTHERS])
def test_any_task_freezes_a_part(task: str, tmp_path: Path) -> None:
    config = config_of(task, tmp_path, "task.freeze=backbone")
    data = build_data(config)
    model = build_model(config, data)
    assert trainable(model) == names_of_head(model)
    assert not is_tied(model.model)
    config.task.freeze = "embeddings"
    model = build_model(config, data)
    embeddings = {id(p) for p in model.model.get_input_embeddings().parameters()}
    names = {name for name, p in model.named_parameters() if id(p) in embeddings}
    assert {name for name, _ in model.named_parameters()} - trainable(model) == names
    assert names


def test_embeddings_are_thawed(tmp_path: Path) -> None:
    keys = ("task.freeze=embeddings", "task.freeze_epochs=1", "trainer.max_epochs=2")
    model, recorder, modes = fitted(config_of(TASKS[0], tmp_path, *keys))
    (name,) = [n for n, p in model.named_parameters() if p is embedding_of(model)]
    assert [name in recorder.moved(step) for step in range(4)] == [False, False, True, True]
    assert all(modes.training)


@pytest.mark.slow  # two ranks and one process
def test_ranks_thaw_the_backbone_as_one_process_does(tmp_path: Path, run: Run) -> None:
    started = ("python", "-m", "tests.helpers.ranks", "tests.helpers.ddp_freezing")
    done = run(*started, tmp_path / "rank", PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr
    one, other = (torch.load(tmp_path / f"rank{number}") for number in range(2))
    alone = frozen_then_trained()
    assert len(alone) == len(one) == len(other) == 4
    for epoch in range(4):
        torch.testing.assert_close(other[epoch], one[epoch], rtol=0, atol=0)
        torch.testing.assert_close(one[epoch], alone[epoch], rtol=0, atol=1e-9)
    head = {"model.lm_head.weight"}
    changed = [
        {name for name, value in before.items() if not torch.equal(value, after[name])}
        for before, after in pairwise(one)
    ]
    assert changed == [head, {*one[0]}, {*one[0]}]


def embedding_of(task: Any) -> Any:
    return task.model.get_input_embeddings().weight


SAME = "remove one of them"


@pytest.mark.parametrize(
    ("recipe", "keys", "line"),
    [
        ("freeze_backbone", {"freeze": "backbone"}, SAME),
        ("gradual_unfreezing", {"freeze": "backbone"}, SAME),
        ("freeze_embeddings", {"freeze": "embeddings"}, SAME),
        ("layerwise_lr_decay", {"head_learning_rate": 1.0}, SAME),
        ("weight_noise", {"freeze_epochs": 1}, "has no effect without task.freeze"),
        (
            "weight_noise",
            {"freeze": "all"},
            r"task\.freeze=all is not backbone, ",
        ),
        (
            "weight_noise",
            {"head_learning_rate": 0},
            r"head_learning_rate=0 is not a number",
        ),
        (
            "weight_noise",
            {"head_learning_rate": 1.0, "optimizer": {"_target_": "torch.optim.LBFGS"}},
            "has one learning rate",
        ),
    ],
)
def test_a_key_that_contradicts_is_one_line(
    recipe: str, keys: dict[str, object], line: str
) -> None:
    with pytest.raises(ConfigurationError, match=line) as caught:
        fit(build("bert", recipe, **keys), steps=1)
    assert "\n" not in str(caught.value)


def test_a_head_without_parameters_has_no_rate() -> None:
    with pytest.raises(ConfigurationError, match="no trainable parameter of its own, such as"):
        fit(build("gpt2", "weight_noise", tied=True, head_learning_rate=1.0), steps=1)


def test_a_class_may_declare_such_a_hyperparameter_itself() -> None:
    class Own(type(build("bert", "weight_noise"))):  # type: ignore[misc]
        head_learning_rate: float = 0.5
        freeze: bool = True

    task = Own(build("bert", "weight_noise").backbone, head_learning_rate=2)
    assert (task.head_learning_rate, task.freeze) == (2.0, True)
    assert trainable(task) == {name for name, _ in task.named_parameters()}


def test_a_resume_with_another_key_is_one_line(tmp_path: Path) -> None:
    recorded = {"hyper_parameters": {"freeze": "backbone"}, "optimizer_states": []}
    torch.save({"state_dict": {}, **recorded}, tmp_path / "a.ckpt")
    config = OmegaConf.create({"task": {}, "trainer": {}})
    with pytest.raises(ConfigurationError, match=r"task\.freeze=backbone, not with None"):
        check_resumable(str(tmp_path / "a.ckpt"), config)
