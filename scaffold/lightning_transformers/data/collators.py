"""From examples to batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.types import Batch
from lightning_transformers.data.texts import encode_texts

IGNORE_INDEX = -100
"""The label that torch's cross entropy leaves out."""


class PaddingCollator:
    """Stack examples, and pad what differs in length to the longest of the batch.

    Args:
        tokenizer: says with which token and on which side to pad.
        length: pad to this many tokens instead.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, length: int | None = None) -> None:
        self.padding = {"input_ids": padding_token_id(tokenizer), "labels": IGNORE_INDEX}
        self.left = tokenizer.padding_side == "left"
        self.length = length

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> Batch:
        """Return each key of the examples as a tensor (batch, …)."""
        return {key: self.stack(key, [example[key] for example in examples]) for key in examples[0]}

    def stack(self, key: str, values: Sequence[Any]) -> Tensor:
        """Return the values of a key as one tensor, the last dimension padded; texts as bytes."""
        if isinstance(values[0], str):
            return encode_texts(values)
        tensors = [torch.as_tensor(value) for value in values]
        if tensors[0].ndim == 0:
            return torch.stack(tensors)
        longest = max(tensor.shape[-1] for tensor in tensors)
        # A vector of floats, such as the labels of several classes, is no sequence of tokens.
        length = longest if tensors[0].is_floating_point() else max(longest, self.length or 0)
        return torch.stack([self._pad(key, tensor, length) for tensor in tensors])

    def _pad(self, key: str, tensor: Tensor, length: int) -> Tensor:
        missing = length - tensor.shape[-1]
        sides = (missing, 0) if self.left else (0, missing)
        return pad(tensor, sides, value=self.padding.get(key, 0))


class CausalCollator(PaddingCollator):
    """Pad token lists, with labels that mask the padding.

    Labels are masked by position: masking by the padding token would mask the end-of-sequence
    token as well wherever one token serves as both (GPT-2).

    An example with several documents has their `lengths`. Its positions restart with each, and
    its batch has no attention mask: from such positions, and only then, transformers builds one
    that keeps documents apart. Padding has position 0 throughout: each token by itself.
    """

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> Batch:
        """Return `input_ids`, `attention_mask` or `position_ids`, and `labels`.

        Each is (batch, length), int64.
        """
        return super().__call__([causal_example(example) for example in examples])


def causal_example(example: Mapping[str, Any]) -> Batch:
    """Return the inputs and labels of an example, each (length); `labels` default to the tokens."""
    ids = torch.as_tensor(example["input_ids"]).long()
    labels = torch.as_tensor(example.get("labels", ids)).long()
    if "lengths" not in example:
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    positions = restarting_positions(torch.as_tensor(example["lengths"]).long())
    # The first token of a document is predicted by none of its own.
    labels = labels.where(positions > 0, IGNORE_INDEX)
    return {"input_ids": ids, "position_ids": positions, "labels": labels}


def restarting_positions(lengths: Tensor) -> Tensor:
    """Return the place of each token in its document, for documents of given lengths in a row."""
    starts = lengths.cumsum(0) - lengths
    return torch.arange(int(lengths.sum())) - starts.repeat_interleave(lengths)


def padding_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id to pad with: any will do, since padding is masked."""
    for token_id in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token_id is not None:
            return int(token_id)
    return 0
