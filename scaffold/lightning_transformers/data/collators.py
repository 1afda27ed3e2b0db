"""Collators: from examples to batches."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.types import Batch, Row
from lightning_transformers.data.texts import encode_texts

IGNORE_INDEX = -100
"""Label of a position that does not contribute to the loss."""


class PaddingCollator:
    """Stacks examples, padding sequences to the longest of the batch.

    Padding is the tokenizer's for `input_ids`, -100 for `labels` and 0 for other keys.

    Args:
        tokenizer: determines the padding token.
        length: minimal length in tokens to pad to.
    """

    left = False
    """Whether to pad on the left, where a model with absolute positions counts the padding."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, length: int | None = None) -> None:
        self.padding = {"input_ids": padding_token_id(tokenizer), "labels": IGNORE_INDEX}
        self.length = length

    def __call__(self, examples: Sequence[Row]) -> Batch:
        """Return a tensor `(batch, …)` for each key of the examples."""
        return {key: self.stack(key, [example[key] for example in examples]) for key in examples[0]}

    def stack(self, key: str, values: Sequence[Any]) -> Tensor:
        """Stack the values of a key.

        Args:
            key: the key, which determines the padding value.
            values: a number, text, list or tensor per example.

        Returns:
            Numbers as `(batch,)`; texts as `(batch, bytes)`, uint8; other values as
            `(batch, …, length)`, padded in the last dimension. The dtype is that of the values.
        """
        if isinstance(values[0], str):
            return encode_texts(values)
        tensors = [torch.as_tensor(value) for value in values]
        if tensors[0].ndim == 0:
            return torch.stack(tensors)
        longest = max(tensor.shape[-1] for tensor in tensors)
        # Float vectors, such as multi-label targets, are not token sequences.
        length = longest if tensors[0].is_floating_point() else max(longest, self.length or 0)
        return torch.stack([self._pad(key, tensor, length) for tensor in tensors])

    def _pad(self, key: str, tensor: Tensor, length: int) -> Tensor:
        missing = length - tensor.shape[-1]
        sides = (missing, 0) if self.left else (0, missing)
        return pad(tensor, sides, value=self.padding.get(key, 0))


class CausalCollator(PaddingCollator):
    """Pads token lists, with labels that mask the padding.

    Labels are masked by position: masking by token would also mask the end-of-sequence token of a
    model that pads with it (GPT-2).

    An example of several packed documents has their `lengths`. Its positions restart with each
    document and the batch has no attention mask: only then transformers builds one that separates
    the documents. Padding has position 0, so that each padding token attends to itself.
    """

    def __call__(self, examples: Sequence[Row]) -> Batch:
        """Return `input_ids`, `attention_mask` or `position_ids`, and `labels`.

        Each is `(batch, seq)`, int64.
        """
        return super().__call__([causal_example(example) for example in examples])


def causal_example(example: Row) -> Batch:
    """Return the model inputs of one example, each `(seq,)`, int64.

    Args:
        example: `input_ids`; optionally `labels`, the ids by default, and `lengths`.

    Returns:
        `input_ids`, `labels` and `attention_mask`; with `lengths`, `position_ids` instead of the
        mask, and -100 as the first label of each document.
    """
    ids = torch.as_tensor(example["input_ids"]).long()
    labels = torch.as_tensor(example.get("labels", ids)).long()
    if "lengths" not in example:
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    positions = restarting_positions(torch.as_tensor(example["lengths"]).long())
    # No token of the document precedes its first one, which cannot be predicted.
    labels = labels.where(positions > 0, IGNORE_INDEX)
    return {"input_ids": ids, "position_ids": positions, "labels": labels}


def restarting_positions(lengths: Tensor) -> Tensor:
    """Return positions `(sum(lengths),)` that restart with each of the `lengths` `(documents,)`."""
    starts = lengths.cumsum(0) - lengths
    return torch.arange(int(lengths.sum())) - starts.repeat_interleave(lengths)


def padding_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return an id to pad with: of the padding token, else the end-of-sequence token, else 0.

    Padding is masked, so that the id does not matter.
    """
    for token_id in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token_id is not None:
            return int(token_id)
    return 0
