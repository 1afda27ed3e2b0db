"""Random overrides of real keys, and what becomes of them: a line of error, or an object."""

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS, to_dict, value_at
from lightning_transformers.config.error_messages import user_error
from lightning_transformers.config.provenance import leaves
from lightning_transformers.config.schema.check import SUPPLIED, description_at
from lightning_transformers.runs.build import build_data, build_model, build_trainer
from lightning_transformers.runs.train import train_from_config
from lightning_transformers.training.schedules import schedule_arguments

TASKS = sorted(
    path.relative_to(PACKAGED_CONFIGS / "task").with_suffix("").as_posix()
    for path in (PACKAGED_CONFIGS / "task").rglob("*.yaml")
    if path.stem != "default"
)
VALUES = (
    "abc", "a/b", "''", "no", "off", "none", "yes", "'false'", "'true'", "true", "false", "null",
    "0", "1", "2", "3", "-1", "-5", "007", "1_0", "0.0", "0.1", "0.5", "1.0", "1.5", "-0.5", "2.0",
    "1e4", "1e-3", "1e400", "inf", "-inf", "nan", "99999999999999999999", "'3'", "auto", "min",
    "[]", "[1]", "[1,2]", "[0.5,0.9]", "[a,b]", "[null]", "{}", "{a: 1}", "{_target_: abc}",
)  # fmt: skip
OPTIONS = (
    ("optimizer=adamw", "scheduler=linear_schedule_with_warmup", "peft=lora"),
    ("optimizer=sgd", "scheduler=cosine_schedule_with_warmup", "callbacks=[default,pruning]"),
    ("optimizer=lbfgs", "scheduler=none", "callbacks=[default,gradual_unfreezing,ema_weights]"),
    ("optimizer=adagrad", "callbacks=[default,early_stopping,lr_monitor,weight_noise,throughput]"),
    ("scheduler=polynomial_decay_schedule_with_warmup", "callbacks=[default,compile]"),
    ("optimizer=adafactor", "callbacks=gradient_checkpointing", "logger=tensorboard"),
)
COMMAND_LINES = [
    (f"task={task}", "experiment=smoke", *options) for task, options in product(TASKS, OPTIONS)
]
SHORT = {
    "trainer.max_steps": 2,
    "trainer.devices": 1,
    "trainer.enable_progress_bar": False,
    "trainer.limit_val_batches": 1,
    "training.num_workers": 0,
    "training.validate_before_fit": False,
}
SIMPLE = (bool, int, float, str, list)
CHANGED = {("trainer", "devices"), ("callbacks.checkpoint", "dirpath")}
"""Arguments that a class of Lightning keeps in another form under the same name."""


@dataclass(frozen=True)
class Vector:
    """A command line with one random override at its end."""

    words: tuple[str, ...]
    override: str

    def __str__(self) -> str:
        return " ".join((*self.words, self.override))

    def composed(self) -> DictConfig:
        """Return the composed config, as Hydra applies the override."""
        config = copy.deepcopy(base_config(self.words))
        parsed = OverridesParser.create().parse_override(self.override)
        OmegaConf.update(config, parsed.key_or_group, parsed.value(), merge=True, force_add=True)
        return config


def vectors(seed: int, number: int) -> Iterator[Vector]:
    """Yield random command lines; `number` of them."""
    randomness = random.Random(seed)
    for _ in range(number):
        words = randomness.choice(COMMAND_LINES)
        keys = real_keys(words)
        group = randomness.choice(sorted({key.partition(".")[0] for key in keys}))
        of_group = [key for key in keys if key.partition(".")[0] == group]
        yield Vector(words, f"++{randomness.choice(of_group)}={randomness.choice(VALUES)}")


@cache
def base_config(words: tuple[str, ...]) -> DictConfig:
    """Return the composed config of a command line, a copy for each call to change."""
    return compose([*words, "training.run_dir=run"])


@cache
def real_keys(words: tuple[str, ...]) -> list[str]:
    """Return the keys of a config, and those that it could have: arguments of its classes."""
    config = base_config(words)
    present = {key for key, _ in leaves(to_dict(config, resolve=False))}
    further = {
        f"{key}.{name}".lstrip(".")
        for key in {key.rpartition(".")[0] for key in present}
        if (found := description_at(config, key))
        for name in found[1].arguments
        if name not in SUPPLIED.get(key, ())
    }
    return sorted({key for key in present | further if not key.startswith("tiny")} - {"x"})


def wrong(vector: Vector) -> Iterator[str]:
    """Check and build what a command line describes; yield each way in which it is wrong.

    A mistake of the user must be one line; what is built must hold exactly the value.
    """
    try:
        config = vector.composed()
    except OmegaConfBaseException:
        return  # `explain` gives the line
    try:
        check_config(config)
        objects = built(config)
    except Exception as error:
        line = user_error(error)
        if line is None:
            yield f"{type(error).__name__}: {error}"
        elif "\n" in str(line):
            yield f"several lines: {line}"
        return
    group, _, name = vector.override.lstrip("+").partition("=")[0].rpartition(".")
    value = value_at(config, f"{group}.{name}")
    if value is None or (group, name) in CHANGED:
        return  # null: the class infers a value
    for each in objects.get(group, ()):
        held = getattr(each, name, value)
        if isinstance(held, SIMPLE) and held != value:
            yield f"{type(each).__name__}.{name} is {held!r}, not {value!r}"


def built(config: DictConfig) -> dict[str, list[Any]]:
    """Return the objects that a run builds, by the config key of their arguments."""
    data = build_data(config)
    task = build_model(config, data)
    trainer = build_trainer(config)
    optimizer = task.build_optimizer(task.parameter_groups())
    task.scheduler_config = schedule_arguments(config.scheduler, lambda: 10)
    task.build_scheduler(optimizer)
    instances = [trainer, *trainer.callbacks, *trainer.loggers]
    named = {
        f"{group}.{key}": [i for i in instances if type(i) is get_class(each._target_)]
        for group in ("callbacks", "logger")
        for key, each in config[group].items()
    }
    settings = SimpleNamespace(**optimizer.defaults)
    return named | {
        "trainer": [trainer],
        "dataset": [data],
        "task": [task],
        "backbone": [task.backbone],
        "optimizer": [settings],
    }


def run_two_steps(vector: Vector) -> bool:
    """Train for two steps with a command line; return whether it describes a training.

    Raises:
        Exception: any other than a mistake of the user.
    """
    try:
        config = vector.composed()
        for key, value in SHORT.items():
            OmegaConf.update(config, key, value, force_add=True)
        train_from_config(config)
    except OmegaConfBaseException:
        return False
    except Exception as error:
        if user_error(error) is None:
            raise
        return False
    return True
