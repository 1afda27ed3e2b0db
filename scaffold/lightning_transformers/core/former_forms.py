"""Methods of a user in the form that lightning-transformers gave them."""

import dis
import inspect
import warnings
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.predecessor import LIGHTNING_RAISES

F = TypeVar("F", bound=Callable[..., Any])
OLD_ARGUMENTS = {
    "pretrained_model_name_or_path": "backbone={value!r}",
    "num_labels": "model_data_kwargs={{'num_labels': {value}}}",
    "load_weights": "backbone=Backbone({name!r}, random_weights={negated})",
    "tokenizer": "an argument of the data module",
    "pipeline_kwargs": "hf_pipeline_kwargs={value}",
    "cfg": "an annotated attribute of the class for each of its fields",
}
"""Keyword argument of a task → what replaces it."""


def refuse_former_arguments(
    cls: type, backbone: object, arguments: dict[str, object], declared: Collection[str]
) -> None:
    """Check the arguments of a task for those of lightning-transformers.

    Args:
        cls: the class of the task.
        backbone: its first argument, empty if it has none.
        arguments: its hyperparameters.
        declared: the names of hyperparameters that the class declares.

    Raises:
        ConfigurationError: for former arguments, all in one line, or a missing backbone.
    """
    if isinstance(backbone, type) or str(backbone).startswith("transformers."):
        path = getattr(backbone, "__name__", str(backbone)).rpartition(".")[2]
        raise ConfigurationError(
            f"{cls.__name__} gets the model type 'transformers.{path}' first, as in "
            "lightning-transformers: remove __init__ and set the class attribute "
            f"default_model_type = 'transformers.{path}'"
        )
    former = {k: v for k, v in arguments.items() if k in OLD_ARGUMENTS and k not in declared}
    name = former.get("pretrained_model_name_or_path", "<name>")
    if "load_weights" in former:
        former.pop("pretrained_model_name_or_path", None)
    changed = [
        f"{key}={value!r} is now "
        + OLD_ARGUMENTS[key].format(name=name, value=value, negated=not value)
        for key, value in former.items()
    ]
    if changed:
        raise ConfigurationError(f"{cls.__name__}: {'; '.join(changed)}")
    if not backbone:
        raise ConfigurationError(
            f"{cls.__name__} has no backbone: give one, as in {cls.__name__}('bert-base-cased')"
        )


def refuse_former_methods(task: object) -> None:
    """Check that a task has no method with which Lightning or the runtime would fail.

    Raises:
        ConfigurationError: for a hook that Lightning refuses, or a `configure_metrics` that returns
            nothing, since it sets attributes.
    """
    cls = type(task)
    for name, instead in LIGHTNING_RAISES.items():
        if hasattr(cls, name):
            raise ConfigurationError(
                f"{cls.__name__}.{name} is not called any more: override {instead}"
            )
    method = inspect.unwrap(cls.configure_metrics)  # type: ignore[attr-defined]
    if returns_nothing(method):
        raise ConfigurationError(
            f"{cls.__name__}.configure_metrics returns nothing: return the metrics by name, such "
            "as {**super().configure_metrics(stage), 'accuracy': <metric>}"
        )


def returns_nothing(method: Callable[..., object]) -> bool:
    """Return whether each `return` of a function gives None."""
    code = list(dis.get_instructions(method))
    values = [
        code[index - 1].argval if each.opname == "RETURN_VALUE" else each.argval
        for index, each in enumerate(code)
        if each.opname in ("RETURN_VALUE", "RETURN_CONST")
        and (each.opname == "RETURN_CONST" or code[index - 1].opname == "LOAD_CONST")
    ]
    returns = sum(each.opname in ("RETURN_VALUE", "RETURN_CONST") for each in code)
    return bool(values) and len(values) == returns and not any(v is not None for v in values)


def accepts_stage(method: F) -> F:
    """Let `process_data` be called with the stage, which it ignores, by a former override."""

    @wraps(method)
    def process_data(data: object, dataset: object, stage: object = None) -> object:
        return method(data, dataset)

    return process_data  # type: ignore[return-value]


def warn_of_former_process_data(cls: type) -> None:
    """Warn about a `process_data` that takes the stage, which is None now, and let it be called."""
    method = vars(cls).get("process_data")
    if not inspect.isfunction(method) or "stage" not in inspect.signature(method).parameters:
        return
    warnings.warn(
        f"{cls.__qualname__}.process_data gets no stage any more: define process_data(self, "
        "dataset)",
        FutureWarning,
        stacklevel=3,
    )

    @wraps(method)
    def process_data(data: object, dataset: object, stage: object = None) -> object:
        return method(data, dataset, stage=stage)

    cls.process_data = process_data  # type: ignore[attr-defined]
