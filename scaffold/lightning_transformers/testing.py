"""Tests that every task has to pass, for the tests that are generated beside each."""

import ast
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from textwrap import dedent
from types import FunctionType
from typing import ClassVar
from unittest.mock import patch

import torch
from hydra.utils import get_class
from omegaconf import DictConfig
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from lightning_transformers.config.app import silence_noise
from lightning_transformers.config.compose import compose
from lightning_transformers.core import TaskTransformer, TransformerDataModule
from lightning_transformers.runs.build import (
    build_data,
    build_model,
    build_trainer,
    seed_everything,
    task_class,
)
from lightning_transformers.runs.train import train
from lightning_transformers.training.trainer_fields import fields

SMOKE = (
    "experiment=smoke",
    "callbacks=none",
    "logger=none",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=2",
    "trainer.limit_val_batches=1",
)

PACKAGES = ("lightning_transformers.", "pytorch_lightning.", "lightning_fabric.", "torch.")
"""Whose classes are no classes of a project."""
LIMITS = (
    "trainer.num_sanity_val_steps=1",
    "+trainer.limit_test_batches=1",
    "+trainer.limit_predict_batches=1",
)
NOT_IN_EVERY_RUN = {"on_exception", "load_state_dict", "postprocess"}
"""Hooks that an error calls, a state that is not empty, or a prediction."""


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
        """Two steps change the parameters that they have to, and no others."""
        run = train_recorded(self.compose(tmp_path))
        assert run.changed, "no parameter changed"
        due = self.parameters_to_change(run.steps.due)
        orphans = due & run.steps.orphans - run.changed
        assert not orphans, f"a gradient, but in no group of the optimizer: {sorted(orphans)}"
        assert due <= run.changed, f"a gradient, but no change: {sorted(due - run.changed)}"
        assert run.changed <= due, f"changed by no optimizer: {sorted(run.changed - due)}"

    def parameters_to_change(self, due: set[str]) -> set[str]:
        """Return the names of the parameters that training changes, none more and none less.

        Override it for a task that changes others by hand, or leaves some as they are.

        Args:
            due: those with a gradient that is not zero, or that the optimizer lets decay.
        """
        return due

    def test_overridden_hooks_are_called(self, tmp_path: Path) -> None:
        """A fit, a resumed one and a test call each but those of a prediction.

        A stub that does what the base does is named in a warning.
        """
        name_stubs(self.task_class)
        hooks = {name for name in own_hooks(self.task_class) if "predict" not in name}
        assert_called(self.task_class, hooks, self.compose(tmp_path), predicts=False)

    def compose(self, run_dir: Path) -> DictConfig:
        """Return the config of a run that takes seconds."""
        return smoke_config(type(self), run_dir, f"task={self.task}")


class DatasetContract:
    """What holds for a dataset: its config names its class, and a task trains on its batches.

    Subclass it in a test module of the project, and set the attributes. The rows are the sample
    that ships with the task; for others, set `rows`.
    """

    task: ClassVar[str]
    """The task that the dataset is for, such as `nlp/language_modeling`."""
    dataset: ClassVar[str]
    """Its option in the config group of that task, such as `my_text`."""
    data_class: ClassVar[type[TransformerDataModule]]
    rows: ClassVar[Sequence[str]] = ("dataset.dataset_name=sample",)
    """Overrides that choose the rows, such as `dataset.train_file=tests/rows.csv`."""

    def test_config_names_the_class(self, tmp_path: Path) -> None:
        """The `_target_` of the composed config is the class of this test."""
        assert get_class(self.compose(tmp_path).dataset._target_) is self.data_class

    def test_a_batch_trains(self, tmp_path: Path) -> None:
        """The task takes its batches: after one step parameters have changed."""
        name_stubs(self.data_class)
        run = train_recorded(self.compose(tmp_path))
        assert type(run.data) is self.data_class
        assert run.changed, "no parameter changed"

    def compose(self, run_dir: Path) -> DictConfig:
        """Return the config of a run that takes seconds."""
        chosen = (f"task={self.task}", f"dataset={self.task}/{self.dataset}", *self.rows)
        return smoke_config(type(self), run_dir, *chosen, "trainer.limit_train_batches=1")


class CallbackContract:
    """What holds for a callback: its config names its class, and its hooks run.

    Subclass it in a test module of the project, and set the attributes.
    """

    callback: ClassVar[str]
    """Its option in the config group `callbacks`, such as `my_callback`."""
    callback_class: ClassVar[type[Callback]]
    task: ClassVar[str] = "nlp/language_modeling"
    """The task that it is tried on."""

    def test_config_names_the_class(self, tmp_path: Path) -> None:
        """The `_target_` of the composed config is the class of this test."""
        (config,) = self.compose(tmp_path).callbacks.values()
        assert get_class(config._target_) is self.callback_class

    def test_names_of_hooks_are_those_of_lightning(self) -> None:
        """A method `on_…` that Lightning does not know would never be called."""
        unknown = {name for name in vars(self.callback_class) if name.startswith("on_")}
        assert not unknown - set(dir(Callback))

    def test_overridden_hooks_are_called(self, tmp_path: Path) -> None:
        """A fit, a resumed one, a test and a prediction call each but those of an error."""
        name_stubs(self.callback_class)
        hooks = overridden_hooks(self.callback_class)
        assert_called(self.callback_class, hooks, self.compose(tmp_path), predicts=True)

    def compose(self, run_dir: Path) -> DictConfig:
        """Return the config of a run that takes seconds."""
        chosen = (f"task={self.task}", *LIMITS, f"callbacks={self.callback}")
        return smoke_config(type(self), run_dir, *chosen)


def smoke_config(test: type, run_dir: Path, *overrides: str) -> DictConfig:
    """Return the config of a run that takes seconds, with overrides that win over its own."""
    typed = [*SMOKE, *overrides, f"training.run_dir={run_dir}"]
    config = compose(typed, project_of(test) / "conf")
    if "max_new_tokens" in config.task:
        config.task.max_new_tokens = 8  # an untrained model never ends a text by itself
    return config


def assert_called(cls: type, hooks: set[str], config: DictConfig, *, predicts: bool) -> None:
    """Fit, test, predict and resume the fit; all hooks of a class have to be called.

    Args:
        cls: a task or a callback.
        hooks: names of its methods; those that not every run calls are left out.
        config: of a run that takes seconds.
        predicts: predict as well.
    """
    if "packing" in config.dataset:
        # Packed documents are not continued by a prediction, and their check calls hooks by itself.
        config.dataset.packing = "none"
    expected = hooks - NOT_IN_EVERY_RUN
    with calls_recorded(cls, expected) as called:
        data, model, trainer = built(config)
        train(model, data, trainer)
        checkpoint = str(Path(config.training.run_dir) / "last.ckpt")
        trainer.save_checkpoint(checkpoint)
        trainer.test(model, data.val_dataloader(), verbose=False)
        if predicts:
            trainer.predict(model, data.val_dataloader())
        train(model, data, trainer, checkpoint_path=checkpoint)
    assert called == expected, f"never called: {sorted(expected - called)}"


def built(config: DictConfig) -> tuple[TransformerDataModule, TaskTransformer, Trainer]:
    """Return the data, the task and the trainer of a config, from its seed."""
    silence_noise()
    seed_everything(config.training.seed)
    data = build_data(config)
    return data, build_model(config, data), build_trainer(config)


def overridden_hooks(cls: type[Callback]) -> set[str]:
    """Return the names of the hooks of Lightning that a callback's class overrides."""
    hooks = {name for name, value in vars(Callback).items() if inspect.isfunction(value)}
    return {name for name in hooks if getattr(cls, name) is not getattr(Callback, name)}


def own_hooks(cls: type[TaskTransformer]) -> set[str]:
    """Return the names of the methods that a class of a project overrides."""
    own = [base for base in cls.__mro__ if not base.__module__.startswith(PACKAGES)]
    names = {name for base in own for name, value in vars(base).items() if callable(value)}
    return {name for name in names if not name.startswith("_") and hasattr(TaskTransformer, name)}


@contextmanager
def calls_recorded(cls: type, hooks: Iterable[str]) -> Iterator[set[str]]:
    """Give a set that gets the name of each method of a class that is called meanwhile."""
    called: set[str] = set()

    def recorded(name: str, method: Callable[..., object]) -> Callable[..., object]:
        @wraps(method)
        def record(*args: object, **kwargs: object) -> object:
            called.add(name)
            return method(*args, **kwargs)

        return record

    with ExitStack() as patches:
        for name in hooks:
            patches.enter_context(patch.object(cls, name, recorded(name, getattr(cls, name))))
        yield called


def name_stubs(cls: type) -> None:
    """Warn of each method of a class that only calls the one that it overrides, with its line."""
    for name, method in vars(cls).items():
        function = getattr(method, "fget", method)
        if inspect.isfunction(function) and is_stub(function):
            place = f"{inspect.getsourcefile(function)}:{function.__code__.co_firstlineno}"
            warnings.warn(f"{place}: {name} does what the base does: fill it in", stacklevel=2)


def is_stub(function: FunctionType) -> bool:
    """Tell whether the body of a method is a call of the method that it overrides, and no more."""
    (method,) = ast.parse(dedent(inspect.getsource(function))).body
    assert isinstance(method, ast.FunctionDef)
    body = method.body[ast.get_docstring(method) is not None :]
    if len(body) != 1 or not isinstance(body[0], ast.Return | ast.Expr):
        return False
    return ast.unparse(body[0]).removeprefix("return ").startswith(f"super().{method.name}")


class Steps(Callback):
    """Records what the steps of the optimizers have to change.

    Attributes:
        due: names of the parameters with a gradient that is not zero, or that decay.
        orphans: those of them that are in no group of an optimizer.
    """

    def __init__(self) -> None:
        self.due: set[str] = set()
        self.orphans: set[str] = set()
        self._moved: set[str] = set()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at each step after it, when hooks and clipping are done with the gradients."""

        def record(*_: object) -> None:
            self._record(pl_module, trainer.optimizers)

        for optimizer in trainer.optimizers:
            optimizer.register_step_post_hook(record)

    def _record(self, model: torch.nn.Module, optimizers: Iterable[Optimizer]) -> None:
        groups = {
            parameter: group
            for optimizer in optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        for name, parameter in model.named_parameters():
            if parameter.grad is None:
                continue
            if parameter.grad.norm() != 0:
                self._moved.add(name)  # momentum moves it from now on
            group = groups.get(parameter)
            if group is None:
                self.orphans |= {name} & self._moved
            elif group.get("lr") != 0:  # of a warm-up, the first is 0
                decays = group.get("weight_decay") and bool(parameter.any())
                self.due |= {name} if decays else {name} & self._moved
        self.due |= self.orphans


@dataclass(frozen=True)
class RecordedRun:
    """The data of a run, the parameters that are not bit-equal to before, and its steps."""

    data: TransformerDataModule
    changed: set[str]
    steps: Steps


def train_recorded(config: DictConfig) -> RecordedRun:
    """Train as a config says; the validation loss has to be a number."""
    data, model, trainer = built(config)
    steps = Steps()
    fields(trainer).callbacks.append(steps)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    metrics = train(model, data, trainer)
    assert torch.isfinite(torch.tensor(metrics["val/loss"]))
    after = dict(model.named_parameters())
    changed = {name for name, value in before.items() if not torch.equal(after[name], value)}
    return RecordedRun(data, changed, steps)


def project_of(test: type) -> Path:
    """Return the folder with `conf/config.yaml` that the module of a test lies in."""
    for folder in Path(inspect.getfile(test)).resolve().parents:
        if (folder / "conf" / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no folder above {inspect.getfile(test)} has a conf/config.yaml")
