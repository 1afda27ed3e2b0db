"""Check on the real model that logits depend neither on later tokens nor on other documents."""

import copy
import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import isfunction
from itertools import takewhile
from typing import Any

import torch
from lightning_fabric.utilities import move_data_to_device
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from torchmetrics import Metric, MetricCollection

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.data.collators import CausalCollator
from lightning_transformers.models.eval_mode import evaluation_mode
from lightning_transformers.task.nlp.language_modeling.model import LanguageModelingTransformer
from lightning_transformers.task.nlp.language_modeling.packing_probe import (
    UNPACK_HINT,
    Example,
    add_missing_columns,
    causality_examples,
    packing_examples,
    random_documents,
    require_causal,
    require_equal,
)
from lightning_transformers.training.trainer_fields import fields

log = logging.getLogger(__name__)

METRICS = (Metric, MetricCollection)


class PackingCheck(Callback):
    """Check that a token attends neither to later tokens nor to other documents of its row.

    Checks the model on its device before a fit or an evaluation, and each call of the model in
    training. The data module requires it, so that no override of a task can remove it.
    """

    def __init__(self) -> None:
        self.packed = False
        self.hook: RemovableHandle | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before the first batch, including those of the sanity check."""
        self.packed = run_checks(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before a validation outside a fit."""
        if trainer.state.fn != TrainerFn.FITTING:
            run_checks(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before a test."""
        run_checks(trainer, pl_module)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check each call of the model: an overridden training step may call it differently."""
        if self.packed:
            task: Any = pl_module

            def watch(model: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:
                require_positions(model, args, kwargs, task.current_batch)

            self.hook = task.model.register_forward_pre_hook(watch, with_kwargs=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop checking the calls of the model."""
        if self.hook is not None:
            self.hook.remove()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Stop checking the calls of the model: its next fit may use other data."""
        self.on_train_end(trainer, pl_module)


def first_packed_row(data: Any) -> Example | None:
    """Return the first row of the data if its rows contain packed documents, else None."""
    if getattr(data, "packing", None) != "documents":
        return None
    row: Example = next(iter(next(iter(data.dataset.values()))), {})
    return row if "lengths" in row else None


def require_positions(model: nn.Module, args: Any, kwargs: Mapping[str, Any], batch: Any) -> None:
    """Check that a training call of the model separates packed documents.

    Args:
        model: the model.
        args: positional arguments of the call; the first is `input_ids`.
        kwargs: keyword arguments of the call.
        batch: the batch of the step; a call with other tokens is not checked.

    Raises:
        ConfigurationError: for a call without `position_ids`, or with a 2-d `attention_mask`.
    """
    mask = kwargs.get("attention_mask")
    is_plain_mask = mask is not None and mask.ndim == 2  # a 4-d mask may separate documents
    is_separated = kwargs.get("position_ids") is not None and not is_plain_mask
    if is_separated or not torch.is_grad_enabled():
        return
    if are_rows_of_batch(batch, args[0] if args else kwargs.get("input_ids")):
        what = "with an attention_mask" if is_plain_mask else "without position_ids"
        raise ConfigurationError(
            f"packed documents attend to each other: {type(model).__name__} is called {what}: call "
            f"self(batch) or self.model(**batch) with the unchanged batch, or {UNPACK_HINT}"
        )


def are_rows_of_batch(batch: Any, ids: Tensor | None) -> bool:
    """Return whether tokens contain most of a row of a batch; True if either is unknown.

    Args:
        batch: the batch of the step, with `input_ids` (batch, seq).
        ids: the tokens (rows, seq), int64.
    """
    rows = batch.get("input_ids") if isinstance(batch, Mapping) else None
    if rows is None or ids is None:
        return True
    common = min(ids.shape[-1], rows.shape[-1])
    same = (ids[:, None, :common] == rows[:, :common]).all(-1).any()
    return 2 * common > rows.shape[-1] and bool(same)


def run_checks(trainer: Trainer, task: Any) -> bool:
    """Check causality and packing before the first batch.

    Args:
        trainer: the trainer, with its data module.
        task: the task.

    Returns:
        Whether the data has packed documents.

    Raises:
        ConfigurationError: if a token attends to a later token or another document.
    """
    data = fields(trainer).datamodule
    if not hasattr(data, "packing"):  # the callback stays in a trainer that gets other data
        return False
    with (
        torch.no_grad(),
        evaluation_mode(task),
        trainer.precision_plugin.forward_context(),
        torch.compiler.set_stance("force_eager"),  # do not compile for the shape of the examples
    ):
        if isinstance(task, LanguageModelingTransformer):
            check_causality(trainer, task)
        return check_packing(trainer, task)


def check_causality(trainer: Trainer, task: Any) -> None:
    """Check that a token does not attend to later ones, as in encoders such as BERT.

    A model that fails on the examples is not checked, with a warning.

    Args:
        trainer: the trainer, with its data module.
        task: the task.

    Raises:
        ConfigurationError: if logits depend on later tokens.
    """
    tokenizer = fields(trainer).datamodule.tokenizer
    examples = causality_examples(*random_documents(tokenizer))
    name, device = type(task.model).__name__, trainer.strategy.root_device
    try:
        batch = move_data_to_device(CausalCollator(tokenizer)(examples), device)
        logits = task.model(**batch)["logits"]
    except Exception as error:  # the model needs other inputs, or fails on real batches, too
        log.warning(
            "cannot check that %s is causal (%s): a model whose tokens attend to later ones learns "
            "nothing",
            *(name, first_line(error)),
        )
        return
    encodes = getattr(task.model.config, "is_decoder", True) is False
    fix = "choose a causal model, such as backbone=nlp/gpt2"
    if encodes:
        fix = "set backbone=nlp/gpt2, or +backbone.config.is_decoder=true dataset.packing=none"
    if freezes(type(task)):
        # The head of GPT-2 is tied: code that freezes the backbone would freeze everything.
        fix = "set backbone=nlp/gpt2 task.freeze=backbone"
    require_causal(logits, name, fix)


def freezes(cls: type) -> bool:
    """Return whether methods of a task, outside of the runtime, mention `requires_grad`."""
    package = "lightning_transformers."
    own = takewhile(lambda base: not base.__module__.startswith(package), cls.__mro__)
    functions = (inspect.unwrap(f) for base in own for f in vars(base).values() if isfunction(f))
    return any("requires_grad" in function.__code__.co_names for function in functions)


def check_packing(trainer: Trainer, task: Any) -> bool:
    """Check that packed documents do not attend to each other, in the model and in the whole task.

    Args:
        trainer: the trainer, with its data module.
        task: the task.

    Returns:
        Whether the data has packed documents.

    Raises:
        ConfigurationError: if the logits of a document depend on another document.
    """
    data = fields(trainer).datamodule
    row = first_packed_row(data)
    if row is None:
        return False
    check_length(task.model, data)
    examples = packing_examples(*random_documents(data.tokenizer))
    # FlashAttention separates documents only in batches of one row.
    batches = [[example] for example in examples] if data.batch_size == 1 else [examples]
    check_model(task.model, trainer, [CausalCollator(data.tokenizer)(b) for b in batches])
    check_task(task, trainer, [add_missing_columns(examples, row) for examples in batches])
    return True


def check_length(model: Any, data: Any) -> None:
    """Check the row length, on which the frequencies of some models depend.

    The examples of the other checks are too short to find it.

    Args:
        model: the model.
        data: the data module, with the maximum length of its rows.

    Raises:
        ConfigurationError: if a row is so long that the logits of its documents change.
    """
    longest = longest_row(model.config.get_text_config())
    if longest is not None and data.longest_block() > longest:
        raise ConfigurationError(
            f"packed documents have other logits than single ones in {type(model).__name__} if a "
            f"row has more than {longest} tokens (dataset.block_size={data.longest_block()}): set "
            f"dataset.block_size={longest} or less, or {UNPACK_HINT}"
        )


def longest_row(config: Any) -> int | None:
    """Return the number of tokens in a row up to which positions do not change the model.

    Args:
        config: the model's text config.

    Returns:
        The number, or None if there is no such limit.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    limits = [
        # In longrope, one longer document changes the frequencies of all.
        int(values["original_max_position_embeddings"])
        for values in (rope, *rope.values())  # of all layers, or per layer type
        if isinstance(values, Mapping) and values.get("rope_type") == "longrope"
    ]
    if getattr(config, "attn_temperature_tuning", False):  # by the position in the row (Llama-4)
        limits.append(config.floor_scale - 1)
    return min(limits, default=None)


def check_model(model: Any, trainer: Trainer, batches: Sequence[Mapping[str, Tensor]]) -> None:
    """Check the model on the examples of `packing_examples`.

    Args:
        model: the model.
        trainer: the trainer.
        batches: the three examples in one or several batches; `input_ids`, `position_ids` and
            `labels`, each (batch, seq), int64.

    Raises:
        ConfigurationError: if documents attend to each other, or the model rejects the batch.
    """
    attention = getattr(model.config, "_attn_implementation", None)
    name = f"{type(model).__name__} (backbone.attn_implementation={attention})"
    moved = move_data_to_device(batches, trainer.strategy.root_device)
    try:
        logits = torch.cat([model(**batch, use_cache=False)["logits"] for batch in moved])
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"packed documents do not work with {name}: {first_line(error)}: {UNPACK_HINT}"
        ) from error
    require_equal(logits, name, "choose another implementation or model")


def check_task(task: Any, trainer: Trainer, batches: Sequence[Sequence[Example]]) -> None:
    """Check that packed documents do not attend to each other in a step of the task.

    A step that fails or returns no logits is not checked here; `PackingCheck` still checks the
    model's calls in training.

    Args:
        task: the task.
        trainer: the trainer, with its data module.
        batches: the examples of `packing_examples`, in one or several batches.

    Raises:
        ConfigurationError: if documents attend to each other.
    """
    data = fields(trainer).datamodule
    name = f"{type(task).__name__} with {type(data).__name__}"
    try:
        with without_side_effects(task):
            moved = [trainer.strategy.batch_to_device(data.collate_fn(b)) for b in batches]
            steps = [task.shared_step(batch, "val") for batch in moved]
        outputs = [out.get("logits") if isinstance(out, Mapping) else None for _, out in steps]
    except ConfigurationError:
        raise
    except Exception as error:  # an error of the task would also fail on real batches
        log.warning(
            "cannot check packed documents in %s (%s): checking the calls of its model in training",
            *(name, first_line(error)),
        )
        return
    logits = [out for out in outputs if isinstance(out, Tensor) and out.ndim == 3]
    if len(logits) == len(batches):
        require_equal(
            torch.cat(logits),
            f"{name}, but not in its model",
            "call the model with position_ids, use_cache=False and no attention_mask",
        )


@contextmanager
def without_side_effects(task: LightningModule) -> Iterator[None]:
    """Within the context, a step of the task updates copies of its metrics and logs nothing.

    `self.log` would fail before the first batch.
    """
    metrics = [
        (module, name, child)
        for module in task.modules()
        if not isinstance(module, METRICS)
        for name, child in module.named_children()
        if isinstance(child, METRICS)
    ]
    vars(task)["log"] = lambda *_, **__: None
    for module, name, metric in metrics:
        module.register_module(name, copy.deepcopy(metric))
    try:
        yield
    finally:
        del vars(task)["log"]
        for module, name, metric in metrics:
            module.register_module(name, metric)
