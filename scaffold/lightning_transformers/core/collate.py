"""From examples to batches."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lightning_transformers.core.types import Batch


class CausalCollator:
    """Pad token lists to the longest of the batch, with labels that mask the padding.

    Labels are masked by position: masking by the padding token would mask the end-of-sequence
    token as well wherever one token serves as both (GPT-2).
    """

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, examples: Sequence[dict[str, Tensor]]) -> Batch:
        """Return `input_ids`, `attention_mask` and `labels`, each (batch, length), int64."""
        rows = [example["input_ids"].long() for example in examples]
        input_ids = pad_sequence(rows, batch_first=True, padding_value=self.pad_token_id)
        ones = [torch.ones_like(row) for row in rows]
        attention_mask = pad_sequence(ones, batch_first=True)
        labels = input_ids.masked_fill(attention_mask == 0, -100)
        return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
