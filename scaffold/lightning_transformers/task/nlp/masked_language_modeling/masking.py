"""Mask the tokens of an example."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.types import Batch, Row
from lightning_transformers.data.collators import IGNORE_INDEX, PaddingCollator

NEVER = -1
"""Word id of a token that is never masked."""
MASKED, RANDOM = 0.8, 0.1
"""Fractions of the masked tokens that become the mask token, and a random token."""


class TokenMasker:
    """Masks words as BERT does (Devlin et al., 2019, arXiv:1810.04805).

    Of the masked tokens, 80 % become the mask token, 10 % a random token, and 10 % are unchanged.
    Unlike the collator of transformers, it does so with whole words, too, takes word boundaries
    from the tokenizer, and accepts a generator.

    Args:
        tokenizer: a tokenizer with a mask token.
        mlm_probability: fraction of the words to mask; at least one word of an example is masked.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, mlm_probability: float) -> None:
        self.mask_token_id = tokenizer.mask_token_id
        self.vocab_size = len(tokenizer)
        self.mlm_probability = mlm_probability

    def __call__(
        self, input_ids: Tensor, word_ids: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mask an example.

        Args:
            input_ids: the token ids, (seq,).
            word_ids: the word id of each token, (seq,); `NEVER` for a token that is not masked.
            generator: random generator; None: torch's default generator.

        Returns:
            The masked `input_ids` and the `labels`, -100 for unmasked tokens, each (seq,).
        """
        words, word = torch.unique(word_ids, return_inverse=True)
        draws = torch.rand(len(words), generator=generator)
        draws[words == NEVER] = math.inf
        hidden = (draws <= draws.min().clamp(min=self.mlm_probability))[word]
        fate = torch.rand(len(input_ids), generator=generator)
        other = torch.randint(self.vocab_size, input_ids.shape, generator=generator)
        inputs = torch.where(fate < MASKED + RANDOM, other, input_ids)
        inputs[fate < MASKED] = self.mask_token_id
        labels = torch.where(hidden, input_ids, IGNORE_INDEX)
        return torch.where(hidden, inputs, input_ids), labels


class MaskingCollator(PaddingCollator):
    """Pad examples, and mask those with `word_ids`.

    Args:
        tokenizer: gives the padding token.
        length: length in tokens to pad to; None: the longest of the batch.
        mask: masks an example, differently on each call.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, length: int | None, mask: TokenMasker
    ) -> None:
        super().__init__(tokenizer, length)
        self.mask = mask

    def __call__(self, examples: Sequence[Row]) -> Batch:
        """Return `input_ids`, `attention_mask` and, except for `predict`, `labels`.

        Each is (batch, seq), int64.
        """
        return super().__call__([self.masked(example) for example in examples])

    def masked(self, example: Row) -> Row:
        """Return an example masked if it has `word_ids`, else unchanged."""
        if "word_ids" not in example:
            return example
        rest = {key: value for key, value in example.items() if key != "word_ids"}
        ids, words = (torch.as_tensor(example[key]) for key in ("input_ids", "word_ids"))
        input_ids, labels = self.mask(ids, words)
        return {**rest, "input_ids": input_ids, "labels": labels}


def generator_for(input_ids: NDArray[np.int32]) -> torch.Generator:
    """Return a random generator seeded by the tokens of an example."""
    digest = hashlib.blake2b(input_ids.astype(np.int64).tobytes(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
