"""Task of causal language modeling."""

from collections.abc import Mapping
from inspect import unwrap
from typing import Any, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torchmetrics import Metric
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.data.collators import IGNORE_INDEX, padding_token_id
from lightning_transformers.models.backbone import generate
from lightning_transformers.models.sharding import uses_plain_strategy
from lightning_transformers.task.nlp.language_modeling.large_vocabulary import (
    chunked_loss,
    first_version,
    has_plain_head,
    is_large,
)
from lightning_transformers.training.loss import unmasked
from lightning_transformers.training.metrics import Perplexity

CONTINUED = 4
"""Examples of an evaluation whose text is continued, for the report."""
OF_THE_LOSS = ("training_step", "shared_step", "forward", "compute_loss", "logits_and_labels")
"""Methods that take part in the training loss."""


class LanguageModelingTransformer(TaskTransformer):
    """Predicts the next token; logs the loss per token and the perplexity."""

    max_new_tokens: PositiveInt = 40
    """Maximum tokens that `predict` generates."""

    _is_plain: bool | None = None

    default_model_type: ClassVar[str] = "transformers.AutoModelForCausalLM"
    data_module_type: ClassVar[str] = f"{__package__}.LanguageModelingDataModule"
    hf_pipeline_task: ClassVar[str | None] = "text-generation"

    def build_model(self) -> PreTrainedModel:
        """Return the model with `loss_type` set and the key-value cache disabled in training."""
        model = super().build_model()
        model.loss_type = model.loss_type or "ForCausalLM"  # transformers does not infer GPT-2's
        # With a cache, transformers does not separate packed documents; generation sets its own.
        model.config.get_text_config().use_cache = False
        return model

    def shared_step(self, batch: Batch, stage: str) -> tuple[Loss, ModelOutput]:
        """Return the loss and the model's outputs, for training and evaluation.

        In training, a loss of many logits is computed without them, unless the class or the model
        changes them.

        Args:
            batch: inputs and `labels`, each (batch, seq).
            stage: `train`, `val` or `test`.

        Returns:
            The `Loss`, its sum and count scalars, and the outputs of `forward`.
        """
        if stage == "train" and is_large(self.model, batch) and self._loss_is_plain(batch):
            loss = Loss(chunked_loss(self.model, batch), self.count_targets(batch))
            return loss, ModelOutput(loss=loss.mean)
        return super().shared_step(batch, stage)

    def _loss_is_plain(self, batch: Batch) -> bool:
        """Return whether `chunked_loss` is the training loss, which the first batch decides."""
        if self._is_plain is None:
            own = LanguageModelingTransformer
            self._is_plain = (
                all(getattr(type(self), name) is getattr(own, name) for name in OF_THE_LOSS)
                and not self.loss_keys.given
                and self.formulas >= first_version(self.model)
                and not self.is_spread
                and uses_plain_strategy(self.trainer.strategy)
                and uses_standard_loss(self.model)
                and has_plain_head(self.model, batch)
            )
        return self._is_plain

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the sum of the next-token losses and the number of predicted tokens.

        It is the model's own loss, or computed here for a model whose loss does not shift labels.

        Args:
            outputs: `logits` (batch, seq, vocabulary), and `loss`, a scalar.
            batch: `labels` (batch, seq), int64, not shifted; -100 does not count.
            stage: `train`, `val` or `test`.
        """
        if uses_standard_loss(self.model):
            return super().compute_loss(outputs, batch, stage)
        logits, labels = self.logits_and_labels(outputs, batch)
        loss = Loss(cross_entropy(logits, labels, reduction="sum"), self.count_targets(batch))
        return self.with_loss_keys(loss, outputs, batch, stage)

    def count_targets(self, batch: Batch) -> Tensor:
        """Return the number of predicted tokens, a scalar; the first of a row is not predicted."""
        return super().count_targets({"labels": batch["labels"][:, 1:]})

    def logits_and_labels(self, outputs: ModelOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits (tokens, vocabulary) and the next tokens (tokens,), without -100."""
        return unmasked(outputs["logits"][:, :-1], batch["labels"][:, 1:])

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss and the perplexity."""
        return {**super().configure_metrics(stage), "perplexity": Perplexity()}

    def evaluated_columns(
        self, outputs: ModelOutput, batch: Batch, inputs: Mapping[str, Any]
    ) -> dict[str, list[Any]]:
        """Return the text and the number of predicted tokens; for the first also a continuation.

        The latter has `prompt`, `prediction` and `label`, the true continuation.
        """
        decode = self.data.tokenizer.batch_decode
        columns: dict[str, list[Any]] = {
            "text": decode(batch["input_ids"], skip_special_tokens=True),
            "targets": (batch["labels"][:, 1:] != IGNORE_INDEX).sum(-1).tolist(),
        }
        if self.recording is None or self.recording.count:
            return columns
        pairs = [split_example(batch, number) for number in range(len(columns["text"]))][:CONTINUED]
        prompts, rest = [[*part] for part in zip(*pairs, strict=True)]
        answers = self.generate(
            {
                "input_ids": pad_sequence(prompts, batch_first=True),
                "attention_mask": pad_sequence([*map(torch.ones_like, prompts)], batch_first=True),
            }
        )
        found = {
            "prompt": prompts,
            "label": [ids[: self.max_new_tokens] for ids in rest],
            "prediction": answers,
        }
        others = [None] * (len(columns["text"]) - len(pairs))
        return columns | {
            name: [*decode(ids, skip_special_tokens=True), *others] for name, ids in found.items()
        }

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[str]:
        """Return each text with its continuation, or for conversations only the answer.

        Of a prompt that is too long for the model, its last tokens are used.
        """
        tokenizer = self.data.tokenizer
        answers = self.generate(batch)
        if getattr(self.data, "messages_column", None):
            return [tokenizer.decode(ids, skip_special_tokens=True) for ids in answers]
        continued = zip(batch["input_ids"], batch["attention_mask"], answers, strict=True)
        # Decode both together: Llama's tokenizer drops a leading space.
        return [
            tokenizer.decode(torch.cat([prompt[mask.bool()], ids]), skip_special_tokens=True)
            for prompt, mask, ids in continued
        ]

    def generate(self, batch: Batch) -> Tensor:
        """Generate the continuation of each prompt; override to change the decoding.

        Args:
            batch: `input_ids` and `attention_mask`, each (batch, seq), int64.

        Returns:
            New token ids (batch, generated), int64; generated is at most `max_new_tokens`.

        Raises:
            ConfigurationError: for packed documents, which have no `attention_mask`.
        """
        if "attention_mask" not in batch:
            raise ConfigurationError(
                "cannot generate from packed documents (the batch has no attention_mask): set "
                "dataset.packing=none"
            )
        mask = batch["attention_mask"]
        # Move the padding to the left, so that all prompts end at the last position.
        order = mask.argsort(dim=1, stable=True)
        ids, mask = batch["input_ids"].gather(1, order), mask.gather(1, order)
        positions = getattr(self.model.config, "max_position_embeddings", None)
        longest = max(positions - self.max_new_tokens, 1) if positions else ids.shape[1]
        ids, mask = ids[:, -longest:], mask[:, -longest:]
        output = generate(
            self.model,
            input_ids=ids,
            attention_mask=mask,
            **self.generation_settings(),
        )
        return output[:, ids.shape[1] :]

    def generation_settings(self) -> dict[str, Any]:
        """Return `pad_token_id` and `max_new_tokens`."""
        return {
            "pad_token_id": padding_token_id(self.data.tokenizer),
            "max_new_tokens": self.max_new_tokens,
        }


def split_example(batch: Batch, number: int) -> tuple[Tensor, Tensor]:
    """Return the first document of an example as a prompt and its continuation.

    The continuation is the last assistant turn of a conversation, or the second half of a text.

    Args:
        batch: `input_ids`, `labels`, and `attention_mask` or `position_ids`, each (batch, seq).
        number: index of the example.

    Returns:
        Two tensors of token ids, (tokens,), int64, the first one not empty.
    """
    ids, labels = batch["input_ids"][number], batch["labels"][number]
    if "position_ids" in batch:
        starts = (batch["position_ids"][number][1:] == 0).nonzero().flatten().tolist()
        length = starts[0] + 1 if starts else len(ids)
        ids, labels = ids[:length], labels[:length]
    else:
        mask = batch["attention_mask"][number].bool()
        ids, labels = ids[mask], labels[mask]
    masked = (labels[1:] == IGNORE_INDEX).nonzero().flatten()
    inner = masked[masked < len(ids) - 2]
    start = int(inner[-1]) + 2 if len(inner) else (len(ids) + 1) // 2
    return ids[:start], ids[start:]


def uses_standard_loss(model: PreTrainedModel) -> bool:
    """Return whether a model computes the loss of its `loss_type`, which shifts the labels.

    The decoders of translation models such as BART have a loss of their own, which does not.
    """
    return "loss_function" in unwrap(type(model).forward).__code__.co_names
