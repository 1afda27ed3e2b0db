"""Faults of a task's methods that show in a run, each reported with the line of the user's code.

For the generated tests: `testing` runs the task inside these checks.
"""

import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import FunctionType, ModuleType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from lightning_transformers.base.types import Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.models.freezing import head_parameters

PACKAGES = ("lightning_transformers.", "pytorch_lightning.", "lightning_fabric.", "torch.")
"""Prefixes of modules outside a project."""
LOSSES: Mapping[str, Callable[[Any], object]] = {
    "compute_loss": lambda result: result.total,
    "shared_step": lambda result: result[0].total,
    "training_step": lambda result: result["loss"] if isinstance(result, Mapping) else result,
}
"""The loss in the result of a method."""
READERS = {*LOSSES, "forward", "count_targets", "logits_and_labels", "metric_inputs"}
READERS |= {"update_metrics", "validation_step", "test_step", "predict_step"}
"""Methods that read a batch which others read after them."""


def own_bases(cls: type) -> list[type]:
    """Return a class and its bases, as far as a project defines them."""
    return [base for base in cls.__mro__ if not f"{base.__module__}.".startswith(PACKAGES)][:-1]


def own_hooks(cls: type) -> set[str]:
    """Return the names of the methods of `TaskTransformer` that a project's class overrides."""
    names = {
        name
        for base in own_bases(cls)
        for name, value in vars(base).items()
        if inspect.isfunction(value)  # a static method gets no task
    }
    return {name for name in names if not name.startswith("_") and hasattr(TaskTransformer, name)}


def place(function: Callable[..., object]) -> str:
    """Return the file and the line of a function, `file:line`."""
    original = inspect.unwrap(function)
    assert isinstance(original, FunctionType)
    return f"{inspect.getsourcefile(original)}:{original.__code__.co_firstlineno}"


def blamed(cls: type, names: Iterable[str] = ()) -> str:
    """Return the places of the methods that a project overrides, for a message; may be empty.

    Args:
        cls: the class of the project.
        names: the methods that may be at fault; if none of them is overridden, all methods.
    """
    hooks = own_hooks(cls)
    chosen = [name for name in names if name in hooks] or sorted(hooks)
    methods = [(name, getattr(cls, name)) for name in chosen]
    places = [f"{place(method)} ({name})" for name, method in methods if callable(method)]
    return f"{', '.join(places)}: " if places else ""


@contextmanager
def errors_located(cls: type) -> Iterator[None]:
    """Raise AssertionError for an error inside the block, with the line of the project first.

    Args:
        cls: the class of the project; its overrides are named if no line of the project raised.
    """
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        files = {inspect.getsourcefile(base) for base in own_bases(cls)}
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
        where = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else blamed(cls)
        raise AssertionError(f"{where}{type(error).__name__}: {error}") from error


@contextmanager
def methods_checked(cls: type[TaskTransformer], may_freeze: bool = False) -> Iterator[None]:
    """Raise AssertionError if a method of a project is at fault in a run inside the block.

    It must not change its batch in place, detach the loss, return a loss that is not a scalar, or
    freeze every parameter or all of a new head.

    Args:
        cls: the class of the project.
        may_freeze: do not check the last.
    """
    with ExitStack() as patches:
        inits = {"__init__"} & {name for base in own_bases(cls) for name in vars(base)}
        for name in own_hooks(cls) | inits:
            method = _checked(name, getattr(cls, name), may_freeze)
            patches.enter_context(patch.object(cls, name, method))
        yield


def _checked(name: str, method: Callable[..., Any], may_freeze: bool) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @wraps(method)
    def checked(task: TaskTransformer, *args: Any, **kwargs: Any) -> Any:
        batch = signature.bind(task, *args, **kwargs).arguments.get("batch")
        before = _copy(batch) if name in READERS else None
        was_frozen = _frozen(getattr(task, "model", None))
        result = method(task, *args, **kwargs)
        fault = None
        if before is not None and not _equal(before, batch):
            fault = "changes its batch in place; change a copy: batch = dict(batch)"
        elif torch.is_grad_enabled() and task.training:
            fault = _fault_of_result(task, name, result)
        frozen = _frozen(result if name == "build_model" else getattr(task, "model", None))
        if frozen and frozen != was_frozen and not may_freeze:
            fault = frozen
        assert not fault, f"{place(method)}: {name} {fault}"
        return result

    return checked


def _fault_of_result(task: TaskTransformer, name: str, result: Any) -> str | None:
    value = result.get("logits") if name == "forward" and isinstance(result, Mapping) else None
    if name in LOSSES and result is not None:
        value = LOSSES[name](result)
        counts = [result.count] if isinstance(result, Loss) else []
        for tensor in (value, *counts):
            if isinstance(tensor, Tensor) and tensor.ndim:
                return f"returns a loss of shape {tuple(tensor.shape)}, not a scalar"
    is_detached = isinstance(value, Tensor) and not value.requires_grad
    if is_detached and any(parameter.requires_grad for parameter in task.parameters()):
        return "returns a value without a gradient; nothing would train"
    return None


def _frozen(model: Any) -> str | None:
    """Return how a method made too many parameters of a model frozen, or None."""
    if not isinstance(model, nn.Module):
        return None
    parameters = [*model.parameters()]
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        return "freezes every parameter"
    # An output embedding is pretrained with the backbone, unlike other heads.
    output = getattr(model, "get_output_embeddings", lambda: model)()
    head = [*head_parameters(model)] if output is None else []  # type: ignore[arg-type]
    if head and not any(parameter.requires_grad for parameter in head):
        return "freezes the head, which is new"
    return None


def _copy(batch: Any) -> Any:
    if not isinstance(batch, Mapping):
        return None
    return {key: v.clone() if isinstance(v, Tensor) else v for key, v in batch.items()}


def _equal(before: Any, after: Any) -> bool:
    return before.keys() == after.keys() and all(
        torch.equal(value, after[key]) if isinstance(value, Tensor) else value is after[key]
        for key, value in before.items()
    )


def shared_state(cls: type) -> dict[tuple[str, bool], str]:
    """Return the state that outlives a run, to compare it before and after a run.

    Args:
        cls: the class of a project.

    Returns:
        The text of each value by `file:line: name`, and whether it belongs to a class of the
        project, in contrast to its module.
    """
    found: dict[tuple[str, bool], str] = {}
    for base in own_bases(cls):
        for owner in (base, sys.modules[base.__module__]):
            for name, value in vars(owner).items():
                is_code = callable(value) or isinstance(value, ModuleType | property)
                if not (is_code or name.startswith(("__", "_abc"))):
                    found[_line_of(owner, name), owner is base] = repr(value)
    return found


def _line_of(owner: type | ModuleType, name: str) -> str:
    """Return `file:line: name` of the assignment of an attribute."""
    lines, first = inspect.getsourcelines(owner)
    assigned = re.compile(rf"\s*{re.escape(name)}\s*[:=]")
    start = max(first, 1)
    line = next((n for n, text in enumerate(lines, start) if assigned.match(text)), start)
    return f"{inspect.getsourcefile(owner)}:{line}: {name}"
