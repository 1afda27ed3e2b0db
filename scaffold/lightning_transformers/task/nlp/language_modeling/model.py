"""The causal language model."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torchmetrics import Metric
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lightning_transformers.core import Batch, TaskTransformer
from lightning_transformers.core.metrics import Perplexity
from lightning_transformers.core.modes import evaluation_mode
from lightning_transformers.errors import ConfigurationError


class LanguageModelingTransformer(TaskTransformer):
    """Predicts the next token; reports the loss per token and the perplexity."""

    default_model_type: ClassVar[str] = "transformers.AutoModelForCausalLM"
    data_module_type: ClassVar[str] = (
        "lightning_transformers.task.nlp.language_modeling.LanguageModelingDataModule"
    )

    def build_model(self) -> PreTrainedModel:
        """Return the model, its loss named: GPT-2 has a name that transformers cannot guess by."""
        model = super().build_model()
        model.loss_type = model.loss_type or "ForCausalLM"
        return model

    def count_targets(self, batch: Batch) -> Tensor:
        """Return the number of predicted tokens: the first of a row is predicted by none."""
        return super().count_targets({"labels": batch["labels"][:, 1:]})

    def configure_metrics(self, stage: str) -> dict[str, Metric]:
        """Return the loss and the perplexity."""
        return {**super().configure_metrics(stage), "perplexity": Perplexity()}

    def predict(
        self, texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_new_tokens: int = 40
    ) -> list[str]:
        """Return each text with its continuation.

        Args:
            texts: the beginnings; of one that is too long for the model, the end counts.
            tokenizer: the tokenizer that the model was trained with.
            max_new_tokens: length of a continuation at most.

        Raises:
            ConfigurationError: for a text without a token.
        """
        with torch.no_grad(), evaluation_mode(self):
            return [text + self._continue(text, tokenizer, max_new_tokens) for text in texts]

    def _continue(self, text: str, tokenizer: PreTrainedTokenizerBase, max_new_tokens: int) -> str:
        ids = tokenizer(text, return_tensors="pt").input_ids.to(self.device)
        if ids.shape[1] == 0:
            raise ConfigurationError("the text to predict on is empty")
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if positions is not None:
            ids = ids[:, -max(positions - max_new_tokens, 1) :]
        output = cast(Any, self.model).generate(
            ids,
            attention_mask=torch.ones_like(ids),
            pad_token_id=tokenizer.pad_token_id,
            max_new_tokens=max_new_tokens,
        )
        return str(tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True))
