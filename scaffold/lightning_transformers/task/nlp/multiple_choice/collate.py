"""From examples with a list of inputs, one for each choice, to batches."""

from collections.abc import Sequence

import torch

from lightning_transformers.base.types import Batch, Row
from lightning_transformers.data.collators import PaddingCollator


class ChoiceCollator(PaddingCollator):
    """Pad the inputs of all choices to one length, and all examples to one number of choices."""

    def __call__(self, examples: Sequence[Row]) -> Batch:
        """Return inputs of (batch, choices, length), and `labels`, unless to predict on.

        Where the examples differ in their number of choices, `choice_mask` of (batch, choices)
        tells which are theirs; the others repeat them.
        """
        counts = torch.tensor([len(example["input_ids"]) for example in examples])
        most = int(counts.max())
        flat = [
            {key: example[key][number % count] for key in example if key != "labels"}
            for example, count in zip(examples, counts.tolist(), strict=True)
            for number in range(most)
        ]
        inputs = super().__call__(flat)
        batch = {key: value.view(-1, most, value.shape[-1]) for key, value in inputs.items()}
        if "labels" in examples[0]:
            batch["labels"] = torch.tensor([example["labels"] for example in examples])
        if int(counts.min()) < most:
            batch["choice_mask"] = torch.arange(most) < counts[:, None]
        return batch
