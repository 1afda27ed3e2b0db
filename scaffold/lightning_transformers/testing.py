"""Tests that every task has to pass, for the tests that are generated beside each."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import torch
from omegaconf import DictConfig

from lightning_transformers.build import build_data, build_model, build_trainer, task_class
from lightning_transformers.core import TaskTransformer
from lightning_transformers.hydra_app.app import compose, silence_noise
from lightning_transformers.train import seed_everything, train

SMOKE = (
    "experiment=smoke",
    "callbacks=none",
    "logger=none",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=2",
    "trainer.limit_val_batches=1",
)


class TaskContract:
    """What holds for a task: its config composes and names its class, and it trains.

    Subclass it in a test module of the project, and set the two attributes. The training runs on
    the sample that ships with the task and on the tiny backbone, so it needs no network.
    """

    task: ClassVar[str]
    """The option of the config group `task`, such as `nlp/my_language_modeling`."""
    task_class: ClassVar[type[TaskTransformer]]

    def test_config_names_the_class(self, tmp_path: Path) -> None:
        """The `_target_` of the composed config is the class of this test."""
        assert task_class(self.compose(tmp_path)) is self.task_class

    def test_trains(self, tmp_path: Path) -> None:
        """Two steps change parameters, and of those only the ones that may train."""
        silence_noise()
        config = self.compose(tmp_path)
        seed_everything(config.training.seed)
        data = build_data(config)
        model = build_model(config, data)
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        metrics = train(model, data, build_trainer(config))
        assert torch.isfinite(torch.tensor(metrics["val/loss"]))
        changed = set(changed_parameters(model, before))
        trainable = {name for name, p in model.named_parameters() if p.requires_grad}
        assert changed, "no parameter changed"
        assert changed <= trainable, f"frozen, and yet changed: {sorted(changed - trainable)}"

    def compose(self, run_dir: Path) -> DictConfig:
        """Return the config of a run that takes seconds."""
        overrides = [f"task={self.task}", *SMOKE, f"training.run_dir={run_dir}"]
        return compose(overrides, project_of(type(self)) / "conf")


def changed_parameters(model: torch.nn.Module, before: dict[str, torch.Tensor]) -> Iterator[str]:
    """Yield the names of the parameters that are not bit-equal to what they were."""
    for name, parameter in model.named_parameters():
        if not torch.equal(parameter, before[name]):
            yield name


def project_of(test: type) -> Path:
    """Return the folder with `conf/config.yaml` that the module of a test lies in."""
    for folder in Path(inspect.getfile(test)).resolve().parents:
        if (folder / "conf" / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no folder above {inspect.getfile(test)} has a conf/config.yaml")
