"""Texts in a batch are encoded as tensors, which move to a device."""

import pytest
import torch

from lightning_transformers.data.collators import PaddingCollator
from lightning_transformers.data.texts import decode_texts, encode_texts
from tests.helpers.language_modeling import TOKENIZER


@pytest.mark.parametrize("texts", [["a", "née 日本 😀", ""], [""], ["two\nlines ", " b"]])
def test_texts_come_back_as_they_were(texts: list[str]) -> None:
    encoded = encode_texts(texts)
    assert encoded.dtype == torch.uint8
    assert len(encoded) == len(texts)
    assert decode_texts(encoded) == texts


def test_a_collator_makes_tensors_of_texts() -> None:
    examples = [{"input_ids": [1], "text": "one"}, {"input_ids": [1, 2], "text": "another"}]
    batch = PaddingCollator(TOKENIZER)(examples)
    assert batch["input_ids"].shape == (2, 2)
    assert decode_texts(batch["text"]) == ["one", "another"]
