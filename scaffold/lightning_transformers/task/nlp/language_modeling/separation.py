"""A check on the real model: what stands before a document in a row does not change its logits."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from datasets import Dataset
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lightning_transformers.core.collate import CausalCollator
from lightning_transformers.core.modes import evaluation_mode
from lightning_transformers.errors import ConfigurationError, first_line

BEFORE, LENGTH = 8, 4
"""Tokens of the document that stands before, and of the one whose logits are compared."""
FIX = "set dataset.packing=none, which gives each document a row of its own"

Example = dict[str, Any]


class SeparationCheck(Callback):
    """Checks before a fit or an evaluation, when the model is on its device, and in each step.

    The data module brings it along, so that no override of a task drops it.
    """

    def __init__(self) -> None:
        self.hook: RemovableHandle | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before the first batch, also before that of the sanity check."""
        check_separation(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check where nothing is fitted."""
        if trainer.state.fn != TrainerFn.FITTING:
            check_separation(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check before a test."""
        check_separation(trainer, pl_module)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch the calls of the model: a training step of one's own is not in the check."""
        if is_packed(trainer):
            model: Any = pl_module.model
            self.hook = model.register_forward_pre_hook(require_positions, with_kwargs=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch no longer."""
        if self.hook is not None:
            self.hook.remove()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Watch no longer: the next fit of the model may be on other data."""
        self.on_train_end(trainer, pl_module)


def is_packed(trainer: Trainer) -> bool:
    """Tell whether the data are packed: the trainer may have had others before."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    return getattr(data, "packing", None) == "documents"


def require_positions(model: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:
    """Raise ConfigurationError if a model is trained on tokens without telling documents apart."""
    mask = kwargs.get("attention_mask")
    is_plain_mask = mask is not None and mask.ndim == 2  # another one may tell documents apart
    if torch.is_grad_enabled() and (kwargs.get("position_ids") is None or is_plain_mask):
        what = "with an attention_mask" if is_plain_mask else "without position_ids"
        raise ConfigurationError(
            f"packed documents would see each other: {type(model).__name__} is called {what}: call "
            f"self(batch), or self.model(**batch), with the batch as it comes, or {FIX}"
        )


def check_separation(trainer: Trainer, task: Any) -> None:
    """Check that documents do not see each other: in the model, then in all of the task.

    Args:
        trainer: the trainer, whose data module has packed documents.
        task: the task, a `LanguageModelingTransformer`.

    Raises:
        ConfigurationError: naming what lets them, and what to set instead.
    """
    if not is_packed(trainer):
        return
    data = trainer.datamodule  # type: ignore[attr-defined]
    examples = probe(len(data.tokenizer), data.tokenizer.all_special_ids)
    with torch.no_grad(), evaluation_mode(task), trainer.precision_plugin.forward_context():
        check_model(task.model, trainer, CausalCollator(data.tokenizer)(examples))
        batch = trainer.strategy.batch_to_device(
            data.collate_fn(with_other_columns(examples, data))
        )
        with logging_nothing(task):
            _, outputs = task.shared_step(batch, "val")
    if "logits" in outputs:  # else the calls of the model are watched alone
        require_equal(
            outputs["logits"],
            f"{type(task).__name__} with {type(data).__name__}, though not in its model",
            "give its model position_ids, no attention_mask, and use_cache=False",
        )


def check_model(model: Any, trainer: Trainer, batch: dict[str, Tensor]) -> None:
    """Check a model by itself on the examples of `probe`."""
    attention = getattr(model.config, "_attn_implementation", None)
    name = f"{type(model).__name__} (backbone.attn_implementation={attention})"
    moved = {key: value.to(trainer.strategy.root_device) for key, value in batch.items()}
    try:
        logits = model(**moved, use_cache=False)["logits"]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"packed documents do not go into {name}: {first_line(error)}: {FIX}"
        ) from error
    require_equal(logits, name, "choose another implementation or model")


def probe(vocabulary: int, special: Sequence[int]) -> list[Example]:
    """Return examples with one document in common: after another, after a third one, and first.

    Args:
        vocabulary: number of tokens.
        special: ids that mean something to a model, and are left out.
    """
    ids = torch.arange(vocabulary)
    plain = ids[~torch.isin(ids, torch.tensor(special))]
    generator = torch.Generator().manual_seed(0)
    drawn = plain[torch.randint(len(plain), (2 * BEFORE + LENGTH,), generator=generator)]
    document, one, another = drawn[:LENGTH], drawn[LENGTH:-BEFORE], drawn[-BEFORE:]
    rows = [(one, document), (another, document), (document, one)]
    return [
        {
            "input_ids": torch.cat(row),
            "labels": torch.cat(row),
            "lengths": torch.tensor([len(part) for part in row]),
        }
        for row in rows
    ]


def with_other_columns(examples: list[Example], data: Any) -> list[Example]:
    """Return the examples with what the rows of the data have besides, for its own collator."""
    rows = next(iter(data.dataset.values()))
    row = rows[0] if isinstance(rows, Dataset) else {}
    return [{**row, **example} for example in examples]


def require_equal(logits: Tensor, where: str, fix: str) -> None:
    """Raise ConfigurationError unless the common document has the same logits in each example.

    Args:
        logits: of the examples of `probe`, (3, tokens, vocabulary).
        where: what gave them, for the message.
        fix: the next step, for the message.
    """
    after, after_another, first = logits[0, BEFORE:], logits[1, BEFORE:], logits[2, :LENGTH]
    # A token that is attended shows in percents of the logits' size, rounding does not.
    bound = max(1e-3, 4 * torch.finfo(logits.dtype).eps) * logits.float().std()
    error = torch.stack([after - after_another, after - first]).float().abs().max()
    if not error <= bound:
        raise ConfigurationError(
            f"packed documents see each other in {where}: the logits of one change by "
            f"{float(error):.2g} with what stands before it: {fix}, or {FIX}"
        )


@contextmanager
def logging_nothing(task: LightningModule) -> Iterator[None]:
    """Have `self.log` do nothing for a while: Lightning forbids it before the first batch."""
    vars(task)["log"] = lambda *_, **__: None
    try:
        yield
    finally:
        del vars(task)["log"]
