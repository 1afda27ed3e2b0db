"""Every optimizer and schedule steps with every task."""

import copy
import io
import math
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.optim import Optimizer
from transformers import TrainingArguments
from transformers.trainer_pt_utils import get_parameter_names

from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.core import TaskTransformer
from lightning_transformers.runs.build import build_data, build_model, seed_everything
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from lightning_transformers.training.formulas import FORMULAS
from lightning_transformers.training.schedules import schedule_arguments
from tests.helpers.language_modeling import ADAMW, BACKBONE, sample, trainer
from tests.helpers.slow import sampled

NOT_DECAYED = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
"""Names that transformers' Trainer exempts from weight decay."""
STEPS = 20
WARMUP = 2


def options(group: str) -> list[str]:
    """Return the options of a config group that need no further package, without defaults."""
    folder = PACKAGED_CONFIGS / group
    names = [p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.yaml")]
    return sorted(n for n in names if n.split("/")[-1] != "default" and "deepspeed" not in n)


TASKS, OPTIMIZERS = options("task"), options("optimizer")
SCHEDULERS = [name for name in options("scheduler") if name != "reduce_on_plateau"]
"""Those that step with the optimizer; the other one steps after a validation of a fit."""


@cache
def option_of(group: str, name: str) -> dict[str, Any]:
    """Return the config of an option; composing it takes a hundred times as long."""
    container = OmegaConf.to_container(OmegaConf.load(PACKAGED_CONFIGS / group / f"{name}.yaml"))
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TaskTransformer]:
    """Return a function from a task's name to the task with a tiny backbone and gradients."""

    @cache
    def build(name: str) -> TaskTransformer:
        run_dir = tmp_path_factory.mktemp("run")
        limits = ["dataset.limit_train_samples=8", "training.batch_size=2"]
        config = compose(
            [f"task={name}", "experiment=smoke", *limits, f"training.run_dir={run_dir}"]
        )
        seed_everything(0)
        data = build_data(config)
        data.prepare_data()
        data.setup("fit")
        task = build_model(config, data)
        task.shared_step(next(iter(data.train_dataloader())), "train")[0].mean.backward()  # type: ignore[no-untyped-call]
        return task

    return build


def configured(
    task: TaskTransformer, optimizer: str, scheduler: str, steps: int = STEPS
) -> tuple[Optimizer, Any]:
    """Return the optimizer and schedule that the task configures for a number of steps."""
    task.optimizer_config = option_of("optimizer", optimizer)
    task.scheduler_config = option_of("scheduler", scheduler)
    task.num_training_steps = lambda: steps  # type: ignore[method-assign]
    result = task.configure_optimizers()
    if isinstance(result, Optimizer):
        return result, None
    assert result["lr_scheduler"]["interval"] == "step"
    return result["optimizer"], result["lr_scheduler"]["scheduler"]


@pytest.mark.parametrize(
    ("name", "optimizer_name"),
    sampled(
        [*product(TASKS, OPTIMIZERS)],
        [*product(["nlp/language_modeling"], OPTIMIZERS), *product(TASKS, ["adamw"])],
    ),
)
def test_step(name: str, optimizer_name: str, example: Callable[[str], TaskTransformer]) -> None:
    """With every schedule; the first of three steps warms up, and ASGD lags by one."""
    task = example(name)
    trained = [p for p in task.parameters() if p.grad is not None]
    before = [p.detach().clone() for p in trained]
    gradients = [p.grad.clone() for p in trained if p.grad is not None]

    @torch.no_grad()
    def closure() -> torch.Tensor:
        """Return a convex loss with the batch's gradient here, since LBFGS needs a minimum."""
        loss = torch.zeros(())
        for parameter, start, gradient in zip(trained, before, gradients, strict=True):
            moved = parameter - start
            parameter.grad = gradient + moved
            loss += (moved * (gradient + moved / 2)).sum()
        return loss

    for scheduler_name in SCHEDULERS:
        optimizer, scheduler = configured(task, optimizer_name, scheduler_name, steps=3)
        assert (scheduler is None) == (scheduler_name == "none")
        for _ in range(3):
            optimizer.step(closure)  # type: ignore[arg-type]
            if scheduler is not None:
                scheduler.step()
        assert torch.isfinite(nn.utils.get_total_norm(trained)), scheduler_name
        assert any(not torch.equal(a, b) for a, b in zip(trained, before, strict=True))
        with torch.no_grad():
            for parameter, start, gradient in zip(trained, before, gradients, strict=True):
                parameter.copy_(start)
                parameter.grad = gradient


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_state_loads_with_weights_only(
    optimizer_name: str, example: Callable[[str], TaskTransformer]
) -> None:
    optimizer, _ = configured(example("nlp/language_modeling"), optimizer_name, "none")
    state = io.BytesIO()
    torch.save(optimizer.state_dict(), state)
    state.seek(0)
    torch.load(state, weights_only=True)


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
@pytest.mark.parametrize("name", TASKS)
def test_matrices_decay_and_biases_and_norms_do_not(
    name: str, optimizer_name: str, example: Callable[[str], TaskTransformer]
) -> None:
    task = example(name)
    optimizer, _ = configured(task, optimizer_name, "none")
    decay = {id(p): g.get("weight_decay") for g in optimizer.param_groups for p in g["params"]}
    assert decay.keys() == {id(p) for p in task.parameters() if p.requires_grad}
    weight_decay = option_of("optimizer", optimizer_name).get("weight_decay")
    if not weight_decay:
        return
    named = dict(task.model.named_parameters())  # tied ones once
    decayed = {name for name, parameter in named.items() if decay[id(parameter)] == weight_decay}
    theirs = get_parameter_names(task.model, [nn.LayerNorm], NOT_DECAYED)
    assert decayed == named.keys() & theirs


def test_relative_position_biases_decay_in_the_former_formula(
    example: Callable[[str], TaskTransformer],
) -> None:
    task = copy.copy(example("nlp/summarization"))
    sizes = {}
    for task.formulas in (1, 2):
        matrices, vectors = task.parameter_groups()
        assert vectors["weight_decay"] == 0.0
        sizes[task.formulas] = len(matrices["params"])
    assert sizes[1] - sizes[2] == 2, "one of the encoder and one of the decoder"


def warmed_up(step: int) -> float:
    return min(step / WARMUP, 1.0)


def progress(step: int) -> float:
    return max(0.0, (step - WARMUP) / (STEPS - WARMUP))


def linear(step: int) -> float:
    return warmed_up(step) * (1 - progress(step))


def cosine(step: int) -> float:
    return warmed_up(step) * (1 + math.cos(math.pi * progress(step))) / 2


CURVES: dict[str, Callable[[int], float]] = {
    "constant_schedule": lambda step: 1.0,
    "constant_schedule_with_warmup": warmed_up,
    "linear_schedule_with_warmup": linear,
    "cosine_schedule_with_warmup": cosine,
    "cosine_with_hard_restarts_schedule_with_warmup": cosine,
    "polynomial_decay_schedule_with_warmup": linear,
}


@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != "none"])
def test_learning_rate(name: str, example: Callable[[str], TaskTransformer]) -> None:
    """Warm-up over a tenth of the steps, then decay to 0."""
    task = example("nlp/language_modeling")
    optimizer, scheduler = configured(task, "sgd", name)
    base = option_of("optimizer", "sgd")["lr"]
    rates = []
    for _ in range(STEPS):
        rates.append(scheduler.get_last_lr()[0] / base)
        optimizer.step()
        scheduler.step()
    expected = [CURVES[name](step) for step in range(STEPS)]
    if name.startswith("cosine_with_hard_restarts"):
        expected[-1] = rates[-1]
    assert rates == pytest.approx(expected, abs=2e-4)


def test_hard_restarts_and_power(example: Callable[[str], TaskTransformer]) -> None:
    task = example("nlp/language_modeling")
    restarts = option_of("scheduler", "cosine_with_hard_restarts_schedule_with_warmup")
    polynomial = option_of("scheduler", "polynomial_decay_schedule_with_warmup")
    optimizer, _ = configured(task, "sgd", "none")
    base = option_of("optimizer", "sgd")["lr"]
    task.scheduler_config = restarts | {"num_cycles": 3}
    scheduler: Any = task.build_scheduler(optimizer)
    optimizer.step()
    rates = [scheduler.get_last_lr()[0] / base]
    for _ in range(STEPS):
        scheduler.step()
        rates.append(scheduler.get_last_lr()[0] / base)
    assert [step for step in range(STEPS) if rates[step] == 1.0] == [2, 8, 14]
    task.scheduler_config = polynomial | {"power": 2.0, "lr_end": base / 10}
    scheduler = task.build_scheduler(optimizer)
    for _ in range(11):
        scheduler.step()
    assert scheduler.get_last_lr()[0] == pytest.approx(base * (0.9 * 0.5**2 + 0.1))


@pytest.mark.parametrize(
    ("typed", "steps"), [(0, 0), (0.25, 5), (0.11, 3), (7, 7), (7.0, 7), (0.0, 0)]
)
def test_warm_up(typed: float, steps: int, example: Callable[[str], TaskTransformer]) -> None:
    """A number below 1 is a fraction of the steps, as in transformers, any other a number."""
    counted: Any = TrainingArguments.get_warmup_steps
    assert counted(SimpleNamespace(warmup_steps=typed), STEPS) == steps
    task = example("nlp/language_modeling")
    optimizer, _ = configured(task, "sgd", "none")
    schedule = option_of("scheduler", "constant_schedule_with_warmup")
    task.scheduler_config = schedule | {"num_warmup_steps": typed}
    scheduler: Any = task.build_scheduler(optimizer)
    optimizer.step()
    base = option_of("optimizer", "sgd")["lr"]
    for _ in range(steps):
        assert scheduler.get_last_lr()[0] < base
        scheduler.step()
    assert scheduler.get_last_lr()[0] == base


def test_a_share_of_warm_up_is_rounded_in_the_former_formula() -> None:
    schedule = {"num_warmup_steps": 0.11}
    assert schedule_arguments(schedule, lambda: STEPS, formulas=1)["num_warmup_steps"] == 2


@pytest.mark.parametrize(
    ("chosen", "arguments", "formulas", "is_fused"),
    [
        ({}, {}, FORMULAS, True),
        ({"fused": None, "foreach": None}, {"precision": "bf16-true"}, FORMULAS, True),
        ({"fused": False}, {}, FORMULAS, False),
        ({"foreach": True}, {}, FORMULAS, None),
        ({}, {"precision": "bf16-mixed", "gradient_clip_val": 1.0}, FORMULAS, None),
        ({}, {}, 3, None),
    ],
)
def test_adamw_is_fused_where_the_trainer_supports_it(
    chosen: dict[str, Any],
    arguments: dict[str, Any],
    formulas: int,
    is_fused: bool | None,
    tmp_path: Path,
) -> None:
    task = LanguageModelingTransformer(BACKBONE, optimizer={**ADAMW, **chosen})
    task.formulas = formulas
    run = trainer(tmp_path, max_steps=1, limit_val_batches=0, **arguments)
    run.fit(task, datamodule=sample())
    assert run.optimizers[0].defaults["fused"] is is_fused
