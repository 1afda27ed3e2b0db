"""Collate examples with one input per choice."""

from collections.abc import Sequence

import torch

from lightning_transformers.base.types import Batch, Row
from lightning_transformers.data.collators import PaddingCollator


class ChoiceCollator(PaddingCollator):
    """Pad the inputs of all choices to one length, and all examples to one number of choices."""

    is_deterministic = True

    def __call__(self, examples: Sequence[Row]) -> Batch:
        """Return inputs (batch, choices, seq) and, except for `predict`, `labels` (batch,), int64.

        If the number of choices differs, `choice_mask` (batch, choices), bool, is False for
        padding, which repeats the choices of the example.
        """
        counts = torch.tensor([len(example["input_ids"]) for example in examples])
        most = int(counts.max())
        choices = [
            {key: example[key][number % count] for key in example if key != "labels"}
            for example, count in zip(examples, counts.tolist(), strict=True)
            for number in range(most)
        ]
        inputs = super().__call__(choices)
        batch = {key: value.view(-1, most, value.shape[-1]) for key, value in inputs.items()}
        if "labels" in examples[0]:
            batch["labels"] = torch.tensor([example["labels"] for example in examples])
        if int(counts.min()) < most:
            batch["choice_mask"] = torch.arange(most) < counts[:, None]
        return batch
