"""Collators: from examples to batches."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
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

    is_deterministic = True
    """Whether this class, apart from its subclasses, draws no random numbers."""
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
            `(batch, …, length)`, padded in the last dimension. The dtype is that of the values,
            promoted if they differ.
        """
        if isinstance(values[0], str):
            return encode_texts(values)
        tensors = [torch.as_tensor(value) for value in values]
        if tensors[0].ndim == 0:
            return torch.stack(tensors)
        if len({tensor.dtype for tensor in tensors}) > 1:  # `pad_sequence` would take the first
            # An empty list becomes float32, whatever the other rows have.
            dtype = reduce(torch.promote_types, (each.dtype for each in tensors if each.numel()))
            tensors = [tensor.to(dtype) for tensor in tensors]
        lengths = [tensor.shape[-1] for tensor in tensors]
        # Float vectors, such as multi-label targets, are not token sequences.
        shortest = 0 if tensors[0].is_floating_point() else self.length or 0
        value = self.padding.get(key, 0)
        if tensors[0].ndim == 1:
            side = "left" if self.left else "right"
            return self._pad(pad_sequence(tensors, True, value, side), shortest, value)
        return torch.stack([self._pad(each, max(*lengths, shortest), value) for each in tensors])

    def _pad(self, tensor: Tensor, length: int, value: int) -> Tensor:
        missing = length - tensor.shape[-1]
        sides = (missing, 0) if self.left else (0, missing)
        return pad(tensor, sides, value=value) if missing > 0 else tensor


class CausalCollator(PaddingCollator):
    """Pads token lists, with labels that mask the padding.

    Labels are masked by position: masking by token would also mask the end-of-sequence token of a
    model that pads with it (GPT-2).

    An example of several packed documents has their `lengths`. Its positions restart with each
    document and the batch has no attention mask: only then transformers builds one that separates
    the documents. Padding has position 0, so that each padding token attends to itself.
    """

    is_deterministic = True

    def __call__(self, examples: Sequence[Row]) -> Batch:
        """Return `input_ids`, `attention_mask` or `position_ids`, and `labels`.

        Each is `(batch, seq)`, int64. With `lengths`, the first label of each document is -100.

        Args:
            examples: `input_ids`; optionally `labels`, the ids by default, and `lengths`.
        """
        ids = [torch.as_tensor(example["input_ids"]).long() for example in examples]
        labels = ids
        if "labels" in examples[0]:
            labels = [torch.as_tensor(example["labels"]).long() for example in examples]
        sizes = [len(each) for each in ids]
        batch = {"input_ids": self.stack("input_ids", ids)}
        if "lengths" not in examples[0]:
            mask = torch.split(torch.ones(sum(sizes), dtype=torch.long), sizes)
            batch["attention_mask"] = self.stack("attention_mask", mask)
        else:
            lengths = [torch.as_tensor(example["lengths"]).long() for example in examples]
            positions = restarting_positions(torch.cat(lengths))
            # No token of the document precedes its first one, which cannot be predicted.
            first = torch.cat(labels).where(positions > 0, IGNORE_INDEX)
            labels = [*torch.split(first, sizes)]
            batch["position_ids"] = self.stack("position_ids", torch.split(positions, sizes))
        return {**batch, "labels": self.stack("labels", labels)}


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
