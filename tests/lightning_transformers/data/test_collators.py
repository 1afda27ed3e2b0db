"""Values of a batch that are padded to one length."""

from typing import Any

import pytest
import torch

from lightning_transformers.data.collators import PaddingCollator
from tests.helpers.language_modeling import TOKENIZER


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0, 1], [0.5, 1.0]], torch.tensor([[0.0, 1.0], [0.5, 1.0]])),
        ([[0.5], [1, 2]], torch.tensor([[0.5, 0.0], [1.0, 2.0]])),
        ([[[0]], [[0.5]]], torch.tensor([[[0.0]], [[0.5]]])),
        ([[], [1, 2]], torch.tensor([[0, 0], [1, 2]])),
    ],
)
def test_rows_of_several_types_are_promoted(rows: list[Any], expected: torch.Tensor) -> None:
    batch = PaddingCollator(TOKENIZER)([{"targets": row} for row in rows])
    torch.testing.assert_close(batch["targets"], expected, rtol=0, atol=0)
