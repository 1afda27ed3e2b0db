"""Checks on the real model: what logits have to depend on, and what they must not."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
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
    FIX,
    Example,
    continued,
    documents,
    probe,
    require_causal,
    require_equal,
    with_other_columns,
)
from lightning_transformers.training.trainer_fields import fields

log = logging.getLogger(__name__)

METRICS = (Metric, MetricCollection)


class SeparationCheck(Callback):
    """Checks that tokens see neither what is to be predicted nor other documents of their row.

    Before a fit or an evaluation, when the model is on its device, and in each step. The data
    module requires it, so that no override of a task drops it.
    """

    def __init__(self) -> None:
        self.packed = False
        self.hook: RemovableHandle | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before the first batch, also before that of the sanity check."""
        self.packed = check(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check where nothing is fitted."""
        if trainer.state.fn != TrainerFn.FITTING:
            check(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before a test."""
        check(trainer, pl_module)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch the calls of the model: a training step of one's own is not in the check."""
        if self.packed:
            task: Any = pl_module

            def watch(model: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:
                require_positions(model, args, kwargs, task.current_batch)

            self.hook = task.model.register_forward_pre_hook(watch, with_kwargs=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch no longer."""
        if self.hook is not None:
            self.hook.remove()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Watch no longer: the next fit of the model may be on other data."""
        self.on_train_end(trainer, pl_module)


def packed_row(data: Any) -> Example | None:
    """Return the first row of the data if documents share their rows, else None.

    A trainer may have had other data before, and a data module may make rows of its own.
    """
    if getattr(data, "packing", None) != "documents":
        return None
    row: Example = next(iter(next(iter(data.dataset.values()))), {})
    return row if "lengths" in row else None


def require_positions(model: nn.Module, args: Any, kwargs: Mapping[str, Any], batch: Any) -> None:
    """Raise ConfigurationError if a model learns from a batch without telling documents apart.

    Args:
        model: the model that is called.
        args: the arguments of the call by place; tokens come first.
        kwargs: the arguments by name.
        batch: the batch of the step; a call with other tokens is let through.
    """
    mask = kwargs.get("attention_mask")
    is_plain_mask = mask is not None and mask.ndim == 2  # another one may tell documents apart
    is_apart = kwargs.get("position_ids") is not None and not is_plain_mask
    if is_apart or not torch.is_grad_enabled():
        return
    if are_from(batch, args[0] if args else kwargs.get("input_ids")):
        what = "with an attention_mask" if is_plain_mask else "without position_ids"
        raise ConfigurationError(
            f"packed documents would see each other: {type(model).__name__} is called {what}: call "
            f"self(batch), or self.model(**batch), with the batch as it comes, or {FIX}"
        )


def are_from(batch: Any, ids: Tensor | None) -> bool:
    """Tell whether tokens have a row of a batch, or most of it; yes where either is not known."""
    rows = batch.get("input_ids") if isinstance(batch, Mapping) else None
    if rows is None or ids is None:
        return True
    common = min(ids.shape[-1], rows.shape[-1])
    same = (ids[:, None, :common] == rows[:, :common]).all(-1).any()
    return 2 * common > rows.shape[-1] and bool(same)


def check(trainer: Trainer, task: Any) -> bool:
    """Check a task that predicts the next token on data for that, before the first batch.

    Returns:
        Whether the data have rows of several documents, which have to be kept apart.

    Raises:
        ConfigurationError: naming what is wrong, and what to set instead.
    """
    data = fields(trainer).datamodule
    if not hasattr(data, "packing"):  # a trainer may have had other data before
        return False
    with (
        torch.no_grad(),
        evaluation_mode(task),
        trainer.precision_plugin.forward_context(),
        torch.compiler.set_stance("force_eager"),  # no kernels for the shape of the examples
    ):
        if isinstance(task, LanguageModelingTransformer):
            check_causality(trainer, task)
        return check_separation(trainer, task)


def check_causality(trainer: Trainer, task: Any) -> None:
    """Check that a model sees no token that it is to predict, as encoders such as BERT do."""
    tokenizer = fields(trainer).datamodule.tokenizer
    examples = continued(*documents(len(tokenizer), tokenizer.all_special_ids))
    name = type(task.model).__name__
    try:
        logits = task.model(**on_device(trainer, CausalCollator(tokenizer)(examples)))["logits"]
    except Exception as error:  # a model with inputs of its own; else its own batches fail, too
        log.warning(
            "whether %s sees the tokens that it is to predict cannot be tried out (%s)",
            *(name, first_line(error)),
        )
        return
    encodes = getattr(task.model.config, "is_decoder", True) is False
    fix = "set +backbone.config.is_decoder=true" if encodes else "choose a causal model"
    require_causal(logits, name, fix)


def check_separation(trainer: Trainer, task: Any) -> bool:
    """Check that documents do not see each other: in the model, then in all of the task.

    Args:
        trainer: the trainer, with its data.
        task: the task, a `LanguageModelingTransformer`.

    Returns:
        Whether the data have rows of several documents; with others there is nothing to check.

    Raises:
        ConfigurationError: naming what lets them, and what to set instead.
    """
    data = fields(trainer).datamodule
    row = packed_row(data)
    if row is None:
        return False
    check_length(task.model, data)
    examples = probe(*documents(len(data.tokenizer), data.tokenizer.all_special_ids))
    # FlashAttention keeps documents apart in batches of one row alone.
    batches = [[example] for example in examples] if data.batch_size == 1 else [examples]
    check_model(task.model, trainer, [CausalCollator(data.tokenizer)(b) for b in batches])
    check_task(task, trainer, [with_other_columns(examples, row) for examples in batches])
    return True


def check_length(model: Any, data: Any) -> None:
    """Check that no row is so long that its documents depend on it: the examples are short."""
    longest = longest_row(model.config.get_text_config())
    if longest is not None and data.longest_block() > longest:
        raise ConfigurationError(
            f"packed documents do not have the logits of each alone in {type(model).__name__} if "
            f"a row has more than {longest} tokens (dataset.block_size={data.longest_block()}): "
            f"set dataset.block_size={longest} or less, or {FIX}"
        )


def longest_row(config: Any) -> int | None:
    """Return how many tokens of a row a model treats alike, or None for all."""
    rope = getattr(config, "rope_parameters", None) or {}
    limits = [
        # One longer document has the others get its frequencies.
        int(values["original_max_position_embeddings"])
        for values in (rope, *rope.values())  # for all layers, or for each kind of them
        if isinstance(values, Mapping) and values.get("rope_type") == "longrope"
    ]
    if getattr(config, "attn_temperature_tuning", False):  # by the place in the row (Llama-4)
        limits.append(config.floor_scale - 1)
    return min(limits, default=None)


def on_device(trainer: Trainer, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch on the device of the trainer."""
    return {key: value.to(trainer.strategy.root_device) for key, value in batch.items()}


def check_model(model: Any, trainer: Trainer, batches: Sequence[Mapping[str, Tensor]]) -> None:
    """Check a model by itself on the examples of `probe`, in one batch or several."""
    attention = getattr(model.config, "_attn_implementation", None)
    name = f"{type(model).__name__} (backbone.attn_implementation={attention})"
    moved = [on_device(trainer, batch) for batch in batches]
    try:
        logits = torch.cat([model(**batch, use_cache=False)["logits"] for batch in moved])
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"packed documents do not go into {name}: {first_line(error)}: {FIX}"
        ) from error
    require_equal(logits, name, "choose another implementation or model")


def check_task(task: Any, trainer: Trainer, batches: Sequence[Sequence[Example]]) -> None:
    """Check a task with the collator of its data; where that tells nothing, calls are watched."""
    data = fields(trainer).datamodule
    name = f"{type(task).__name__} with {type(data).__name__}"
    try:
        with without_traces(task):
            moved = [trainer.strategy.batch_to_device(data.collate_fn(b)) for b in batches]
            steps = [task.shared_step(batch, "val") for batch in moved]
        outputs = [out.get("logits") if isinstance(out, Mapping) else None for _, out in steps]
    except ConfigurationError:
        raise
    except Exception as error:  # a mistake of the task is one in its own batches, too
        log.warning(
            "whether packed documents see each other in %s cannot be tried out (%s): in training "
            "the calls of its model are watched",
            name,
            first_line(error),
        )
        return
    logits = [out for out in outputs if isinstance(out, Tensor) and out.ndim == 3]
    if len(logits) == len(batches):
        require_equal(
            torch.cat(logits),
            f"{name}, though not in its model",
            "give its model position_ids, no attention_mask, and use_cache=False",
        )


@contextmanager
def without_traces(task: LightningModule) -> Iterator[None]:
    """Have metrics be copies for a while, and `self.log` do nothing.

    Lightning forbids to log before the first batch.
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
