"""The causal language model."""

from inspect import unwrap
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Loss
from lightning_transformers.core import TaskTransformer
from lightning_transformers.data.collators import padding_token_id
from lightning_transformers.models.backbone import generate
from lightning_transformers.training.loss import unmasked
from lightning_transformers.training.metrics import Perplexity


class LanguageModelingTransformer(TaskTransformer):
    """Predicts the next token; reports the loss per token and the perplexity."""

    max_new_tokens: PositiveInt = 40
    """Tokens that `predict` adds to a text at most."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForCausalLM"
    data_module_type: ClassVar[str] = f"{__package__}.LanguageModelingDataModule"
    hf_pipeline_task: ClassVar[str | None] = "text-generation"

    def build_model(self) -> PreTrainedModel:
        """Return the model, its loss named: GPT-2 has a name that transformers cannot guess by."""
        model = super().build_model()
        model.loss_type = model.loss_type or "ForCausalLM"
        # Beside a cache, which serves generation alone, transformers does not keep packed
        # documents apart; generation has a setting of its own.
        model.config.get_text_config().use_cache = False
        return model

    def compute_loss(self, outputs: ModelOutput, batch: Batch, stage: str) -> Loss:
        """Return the loss of the next tokens: the model's own, if it is that."""
        if takes_its_loss_from_transformers(self.model):
            return super().compute_loss(outputs, batch, stage)
        logits, labels = self.logits_and_labels(outputs, batch)
        return Loss(cross_entropy(logits, labels, reduction="sum"), self.count_targets(batch))

    def count_targets(self, batch: Batch) -> Tensor:
        """Return the number of predicted tokens: the first of a row is predicted by none."""
        return super().count_targets({"labels": batch["labels"][:, 1:]})

    def logits_and_labels(self, outputs: ModelOutput, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the logits at each token and the token that follows it."""
        return unmasked(outputs["logits"][:, :-1], batch["labels"][:, 1:])

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss and the perplexity."""
        return {**super().configure_metrics(stage), "perplexity": Perplexity()}

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> list[str]:
        """Return each text with its continuation; of one too long for the model, its end counts.

        In a chat, the answer alone.
        """
        tokenizer = self.data.tokenizer
        answers = self.generate(batch)
        if getattr(self.data, "messages_column", None):
            return [tokenizer.decode(ids, skip_special_tokens=True) for ids in answers]
        continued = zip(batch["input_ids"], batch["attention_mask"], answers, strict=True)
        # As one: some tokenizers (Llama's) drop the space before what is decoded by itself.
        return [
            tokenizer.decode(torch.cat([prompt[mask.bool()], ids]), skip_special_tokens=True)
            for prompt, mask, ids in continued
        ]

    def generate(self, batch: Batch) -> Tensor:
        """Return the tokens that continue each row, (batch, at most max_new_tokens).

        Raises:
            ConfigurationError: for rows of several documents, which have no one continuation.
        """
        if "attention_mask" not in batch:
            raise ConfigurationError(
                "packed documents cannot be continued (their batch has no attention_mask): set "
                "dataset.packing=none, which gives each document a row of its own"
            )
        mask = batch["attention_mask"]
        # The prompts have to end side by side: move the padding to the left.
        order = mask.argsort(dim=1, stable=True)
        ids, mask = batch["input_ids"].gather(1, order), mask.gather(1, order)
        positions = getattr(self.model.config, "max_position_embeddings", None)
        longest = max(positions - self.max_new_tokens, 1) if positions else ids.shape[1]
        ids, mask = ids[:, -longest:], mask[:, -longest:]
        output = generate(
            self.model,
            input_ids=ids,
            attention_mask=mask,
            pad_token_id=padding_token_id(self.data.tokenizer),
            max_new_tokens=self.max_new_tokens,
        )
        return output[:, ids.shape[1] :]


def takes_its_loss_from_transformers(model: PreTrainedModel) -> bool:
    """Tell whether a model's loss is the one of `loss_type`, which shifts the labels.

    Decoders of translation models such as BART have a loss in their own code, which does not.
    """
    return "loss_function" in unwrap(type(model).forward).__code__.co_names
