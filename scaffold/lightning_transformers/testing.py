"""Base classes of the tests that are generated for tasks, datasets and callbacks."""

import ast
import copy
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import FunctionType
from typing import ClassVar
from unittest.mock import patch

from lightning_transformers.base.lazy import uncollected

with uncollected("torch"):
    import torch
    from hydra.utils import get_class
    from omegaconf import DictConfig
    from pytorch_lightning import Callback, LightningModule, Trainer
    from torch import Tensor
    from torch.optim import Optimizer

    from lightning_transformers.config.app import suppress_library_warnings
    from lightning_transformers.config.compose import compose
    from lightning_transformers.core import TaskTransformer, TransformerDataModule
    from lightning_transformers.faults import (
        blamed,
        errors_located,
        methods_checked,
        own_hooks,
        place,
        shared_state,
    )
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
    "trainer.num_sanity_val_steps=0",
    "+trainer.limit_test_batches=1",
    "training.batch_size=4",
)

LIMITS = ("trainer.num_sanity_val_steps=1", "+trainer.limit_predict_batches=1")
OPTIMIZATION = ("configure_optimizers", "parameter_groups", "build_optimizer", "build_scheduler")
VALIDATION = ("on_validation_epoch_end", "validation_step", "configure_metrics", "metric_inputs")
"""Methods that decide whether `val/loss` is logged."""
NOT_IN_EVERY_RUN = {"on_exception", "load_state_dict", "postprocess"}
"""Hooks that only an error, a nonempty state or a prediction calls."""


class TaskContract:
    """Tests of a task: its config composes with its class, it trains, and its hooks are called.

    Subclass it in a test module of the project and set the attributes. Training uses the tiny
    backbone, and the packaged sample of the task unless `rows` is set.
    """

    task: ClassVar[str]
    """The option of the config group `task`, such as `nlp/my_language_modeling`."""
    task_class: ClassVar[type[TaskTransformer]]
    rows: ClassVar[Sequence[str]] = ()
    """Overrides that select other rows, such as `dataset.train_file=tests/rows.csv`."""

    def test_config_names_the_class(self, tmp_path: Path) -> None:
        """The `_target_` of the composed config is the class of this test."""
        assert task_class(self.compose(tmp_path)) is self.task_class

    def test_trains(self, tmp_path: Path) -> None:
        """Two steps change exactly the parameters with a gradient, and a second run is equal.

        A failure names the line of the project first.
        """
        cls = self.task_class
        may_freeze = type(self).parameters_to_change is not TaskContract.parameters_to_change
        states = [shared_state(cls)]
        with errors_located(cls), methods_checked(cls, may_freeze):
            run = train_recorded(self.compose(tmp_path))
            states.append(shared_state(cls))
            again = train_recorded(self.compose(tmp_path / "again"))
            states.append(shared_state(cls))
        at = blamed(cls, OPTIMIZATION)
        assert run.changed, f"{at}no parameter changed"
        due = self.parameters_to_change(run.steps.due)
        orphans = due & run.steps.orphans - run.changed
        assert not orphans, f"{at}gradient, but in no parameter group: {sorted(orphans)}"
        at = blamed(cls)
        assert due <= run.changed, f"{at}gradient, but no change: {sorted(due - run.changed)}"
        extra = sorted(run.changed - due)
        assert not extra, f"{at}changed, but not by an optimizer: {extra}"
        first, second = (
            {key for key, text in after.items() if before.get(key) != text}
            for before, after in pairwise(states)
        )
        kept = sorted(name for name, in_class in second if in_class)  # a cache is filled once
        assert not kept, f"{kept[0]} is shared by all runs, and each of them changes it"
        is_equal = repr(run.metrics) == repr(again.metrics) and all(
            torch.equal(weight, again.weights[name]) for name, weight in run.weights.items()
        )
        changed = first | second
        at = f"{min(changed)[0]}: " if changed else blamed(cls)
        assert is_equal, f"{at}two runs with the same seed differ; state outlives the first"

    def parameters_to_change(self, due: set[str]) -> set[str]:
        """Return the names of exactly the parameters that training must change.

        Override it for a task that changes other parameters, or keeps some unchanged.

        Args:
            due: names of the parameters with a nonzero gradient or with weight decay.
        """
        return due

    def test_overridden_hooks_are_called(self, tmp_path: Path) -> None:
        """A fit, its resume and a test call every overridden hook except those of predictions.

        `load_state_dict` is excepted, too. Unimplemented stubs are reported as warnings. A task
        without hooks is not run.
        """
        name_stubs(self.task_class)
        hooks = {name for name in own_hooks(self.task_class) if "predict" not in name}
        if hooks:
            assert_called(self.task_class, hooks, self.compose(tmp_path), predicts=False)

    def compose(self, run_dir: Path) -> DictConfig:
        """Return the config of a short run."""
        return smoke_config(type(self), run_dir, f"task={self.task}", *self.rows)


class DatasetContract:
    """Tests of a dataset: its config composes with its class, and a task trains on its batches.

    Subclass it in a test module of the project and set the attributes. The rows are the packaged
    sample of the task unless `rows` is set.
    """

    task: ClassVar[str]
    """The task of the dataset, such as `nlp/language_modeling`."""
    dataset: ClassVar[str]
    """The option in the dataset config group of the task, such as `my_text`."""
    data_class: ClassVar[type[TransformerDataModule]]
    rows: ClassVar[Sequence[str]] = ("dataset.dataset_name=sample",)
    """Overrides that select the rows, such as `dataset.train_file=tests/rows.csv`."""

    def test_config_names_the_class(self, tmp_path: Path) -> None:
        """The `_target_` of the composed config is the class of this test."""
        assert get_class(self.compose(tmp_path).dataset._target_) is self.data_class

    def test_a_batch_trains(self, tmp_path: Path) -> None:
        """Two steps of the task, of which the first warms up, change parameters."""
        name_stubs(self.data_class)
        with errors_located(self.data_class):
            run = train_recorded(self.compose(tmp_path))
        assert type(run.data) is self.data_class
        assert run.changed, "no parameter changed"

    def compose(self, run_dir: Path) -> DictConfig:
        """Return the config of a short run."""
        chosen = (f"task={self.task}", f"dataset={self.task}/{self.dataset}", *self.rows)
        steps = ("trainer.limit_train_batches=1", "trainer.max_epochs=2")
        return smoke_config(type(self), run_dir, *chosen, *steps)


class CallbackContract:
    """Tests of a callback: its config composes with its class, and its hooks are called.

    Subclass it in a test module of the project and set the attributes.
    """

    callback: ClassVar[str]
    """The option of the config group `callbacks`, such as `my_callback`."""
    callback_class: ClassVar[type[Callback]]
    task: ClassVar[str] = "nlp/language_modeling"
    """The task with which it is tested."""

    def test_config_names_the_class(self, tmp_path: Path) -> None:
        """The `_target_` of the composed config is the class of this test."""
        (config,) = self.compose(tmp_path).callbacks.values()
        assert get_class(config._target_) is self.callback_class

    def test_names_of_hooks_are_those_of_lightning(self) -> None:
        """Every method `on_…` is a hook of Lightning; no other is called."""
        unknown = {name for name in vars(self.callback_class) if name.startswith("on_")}
        assert not unknown - set(dir(Callback))

    def test_overridden_hooks_are_called(self, tmp_path: Path) -> None:
        """A fit, its resume, a test and a prediction call every overridden hook.

        Except `on_exception` and `load_state_dict`, which need an error and a saved state: test
        these by calling them.
        """
        name_stubs(self.callback_class)
        hooks = overridden_hooks(self.callback_class)
        assert_called(self.callback_class, hooks, self.compose(tmp_path), predicts=True)

    def compose(self, run_dir: Path) -> DictConfig:
        """Return the config of a short run."""
        chosen = (f"task={self.task}", *LIMITS, f"callbacks={self.callback}")
        return smoke_config(type(self), run_dir, *chosen)


def smoke_config(test: type, run_dir: Path, *overrides: str) -> DictConfig:
    """Return the config of a short run.

    Args:
        test: the test class, whose module is in a project.
        run_dir: the run folder.
        overrides: overrides, which take precedence over those of the short run.
    """
    config = copy.deepcopy(_composed((*SMOKE, *overrides), project_of(test) / "conf"))
    config.training.run_dir = str(run_dir)
    if "max_new_tokens" in config.task:
        config.task.max_new_tokens = 8  # an untrained model never ends a text by itself
    return config


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: threads that share a tiny model wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def _composed(overrides: tuple[str, ...], config_dir: Path) -> DictConfig:
    """Return a config without its run folder; the tests of a class share it, and change copies."""
    return compose([*overrides, "training.run_dir=?"], config_dir)


@one_thread()
def assert_called(cls: type, hooks: set[str], config: DictConfig, *, predicts: bool) -> None:
    """Fit, test, predict and resume the fit; assert that all hooks of a class are called.

    Args:
        cls: a task or a callback.
        hooks: names of its hooks; those of `NOT_IN_EVERY_RUN` are ignored.
        config: the config of a short run; its documents are no longer packed.
        predicts: run a prediction, too.
    """
    if "packing" in config.dataset:
        # Predictions need unpacked documents, and the packing check calls hooks itself.
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
    """Return the data module, the task and the trainer of a config, seeded as in a run."""
    suppress_library_warnings()
    seed_everything(config.training.seed)
    data = build_data(config)
    return data, build_model(config, data), build_trainer(config)


def overridden_hooks(cls: type[Callback]) -> set[str]:
    """Return the names of the Lightning hooks that a callback overrides."""
    hooks = {name for name, value in vars(Callback).items() if inspect.isfunction(value)}
    return {name for name in hooks if getattr(cls, name) is not getattr(Callback, name)}


@contextmanager
def calls_recorded(cls: type, hooks: Iterable[str]) -> Iterator[set[str]]:
    """Yield a set that collects the names of the methods that are called within the block.

    Args:
        cls: the class, whose methods are wrapped within the block.
        hooks: names of the methods to record.
    """
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
    """Warn about each unimplemented stub that a class itself defines, with its file and line."""
    for name, method in vars(cls).items():
        function = getattr(method, "fget", method)
        # Not a lambda, nor the function that Python 3.14 adds for annotations.
        is_method = inspect.isfunction(function) and function.__name__ == name
        if is_method and is_stub(function):
            warnings.warn(
                f"{place(function)}: {name} only calls super(): implement it", stacklevel=2
            )


def is_stub(function: FunctionType) -> bool:
    """Return whether the body of a method only calls the method that it overrides."""
    (method,) = ast.parse(dedent(inspect.getsource(function))).body
    assert isinstance(method, ast.FunctionDef)
    body = method.body[ast.get_docstring(method) is not None :]
    if len(body) != 1 or not isinstance(body[0], ast.Return | ast.Expr):
        return False
    return ast.unparse(body[0]).removeprefix("return ").startswith(f"super().{method.name}")


class Steps(Callback):
    """Record the parameters that the optimizer steps must change.

    Attributes:
        due: names of the parameters with a nonzero gradient or with weight decay.
        orphans: those of them that are in no parameter group.
    """

    def __init__(self) -> None:
        self.due: set[str] = set()
        self.orphans: set[str] = set()
        self._moved: set[str] = set()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record after each step: hooks and clipping have then processed the gradients."""

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
                self._moved.add(name)  # momentum keeps moving it
            group = groups.get(parameter)
            if group is None:
                self.orphans |= {name} & self._moved
            elif group.get("lr") != 0:  # a warm-up starts at 0
                decays = group.get("weight_decay") and bool(parameter.any())
                self.due |= {name} if decays else {name} & self._moved
        self.due |= self.orphans


@dataclass(frozen=True)
class RecordedRun:
    """A short run.

    Attributes:
        data: its data module.
        changed: names of the parameters that differ after it.
        steps: the record of its optimizer steps.
        weights: the parameters after it, by name.
        metrics: the logged metrics, by name.
    """

    data: TransformerDataModule
    changed: set[str]
    steps: Steps
    weights: dict[str, Tensor]
    metrics: dict[str, float]


@one_thread()
def train_recorded(config: DictConfig) -> RecordedRun:
    """Train with the config of a short run, and record which parameters change.

    Asserts that the validation loss is finite.
    """
    data, model, trainer = built(config)
    steps = Steps()
    fields(trainer).callbacks.append(steps)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    metrics = train(model, data, trainer)
    at = blamed(type(model), VALIDATION)
    assert "val/loss" in metrics, f"{at}the validation logs no val/loss"
    assert torch.isfinite(torch.tensor(metrics["val/loss"])), f"{at}val/loss is not finite"
    after = {name: p.detach().clone() for name, p in model.named_parameters()}
    changed = {name for name, value in before.items() if not torch.equal(after[name], value)}
    return RecordedRun(data, changed, steps, after, metrics)


def project_of(test: type) -> Path:
    """Return the root of the project that contains the module of a test.

    Raises:
        FileNotFoundError: if no parent folder has a `conf/config.yaml`.
    """
    for folder in Path(inspect.getfile(test)).resolve().parents:
        if (folder / "conf" / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no folder above {inspect.getfile(test)} has a conf/config.yaml")
