"""Which tokens of an example are hidden, and what stands in their place."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.types import Batch
from lightning_transformers.data.collators import IGNORE_INDEX, PaddingCollator

NEVER = -1
"""The word of a token that is never hidden."""
MASKED, RANDOM = 0.8, 0.1


class TokenMasker:
    """Hides words for a model to predict, as BERT does (Devlin et al., 2019, arXiv:1810.04805).

    Of the hidden tokens 80 % become the mask token, 10 % a random one, 10 % stay as they are.
    The collator of transformers masks a whole word with the mask token alone, takes for a word
    what no space divides, and draws from one generator for each worker.

    Args:
        tokenizer: has the mask token.
        mlm_probability: share of the words to hide; of an example one is hidden at least, since
            without any it would have no loss.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, mlm_probability: float) -> None:
        self.mask_token_id = tokenizer.mask_token_id
        self.vocab_size = len(tokenizer)
        self.mlm_probability = mlm_probability

    def __call__(
        self, input_ids: Tensor, word_ids: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the inputs with words hidden, and the labels: the hidden tokens, else -100.

        Args:
            input_ids: the tokens, (length,).
            word_ids: for each token the number of its word, (length,); `NEVER` for one to keep.
            generator: to draw from; torch's own by default.
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
    """Pad examples, and hide words of those that say which tokens are words.

    Args:
        tokenizer: says with which token and on which side to pad.
        length: pad to this many tokens; by default to the longest of the batch.
        mask: hides the words, others each time.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, length: int | None, mask: TokenMasker
    ) -> None:
        super().__init__(tokenizer, length)
        self.mask = mask

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> Batch:
        """Return `input_ids`, `attention_mask` and, unless to predict on, `labels`."""
        return super().__call__([self.masked(example) for example in examples])

    def masked(self, example: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an example with words hidden, if it has the column `word_ids`."""
        if "word_ids" not in example:
            return example
        rest = {key: value for key, value in example.items() if key != "word_ids"}
        ids, words = (torch.as_tensor(example[key]) for key in ("input_ids", "word_ids"))
        input_ids, labels = self.mask(ids, words)
        return {**rest, "input_ids": input_ids, "labels": labels}


def generator_for(input_ids: np.ndarray[Any, Any]) -> torch.Generator:
    """Return a generator whose stream depends on the tokens of an example alone."""
    digest = hashlib.blake2b(input_ids.astype(np.int64).tobytes(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
