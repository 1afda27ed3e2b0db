"""Packing keeps all tokens in order, in blocks of the requested size."""

import pyarrow as pa
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from lightning_transformers.data import packing
from lightning_transformers.data.collators import CausalCollator, PaddingCollator
from lightning_transformers.data.packing import pack, text_tokens, tokenize_and_pack
from tests.helpers.language_modeling import TOKENIZER

tokens = st.lists(st.integers(0, 2**31 - 1), max_size=200)


@given(tokens, st.integers(2, 50))
def test_blocks_hold_all_tokens_in_order(ids: list[int], block_size: int) -> None:
    blocks = pack(pa.array(ids, type=pa.int32()), block_size).to_pylist()
    left_out = 1 if len(ids) % block_size == 1 else 0
    assert [token for block in blocks for token in block] == ids[: len(ids) - left_out]
    assert all(len(block) == block_size for block in blocks[:-1])
    assert all(2 <= len(block) <= block_size for block in blocks)


@given(st.lists(st.text(max_size=30) | st.none(), max_size=10), st.booleans())
@example(["l", "l"], False)
def test_texts_come_back(texts: list[str | None], append_eos: bool) -> None:
    table = tokenize_and_pack(
        pa.table({"text": pa.array(texts, type=pa.string())}),
        tokenizer=TOKENIZER,
        text_column="text",
        block_size=10**6,
        append_eos=append_eos,
    )
    end = "</s>" if append_eos else ""
    expected = "".join(text + end for text in texts if text)
    blocks = table["input_ids"].to_pylist()
    if sum(len(TOKENIZER.encode(text + end)) for text in texts if text) > 1:
        assert [TOKENIZER.decode(block) for block in blocks] == [expected]
    else:
        assert blocks == []


def test_an_earlier_call_with_truncation_leaves_no_trace() -> None:
    table = pa.table({"text": ["a longer text than three tokens, surely"]})
    arguments = {"tokenizer": TOKENIZER, "text_column": "text", "block_size": 99}
    before = tokenize_and_pack(table, append_eos=False, **arguments)
    TOKENIZER(["x"], truncation=True, max_length=3, padding="max_length")
    assert tokenize_and_pack(table, append_eos=False, **arguments) == before


def test_batch_is_padded_to_its_longest_and_padding_is_masked() -> None:
    tokenizer = type(TOKENIZER).from_pretrained(TOKENIZER.name_or_path, pad_token="</s>")
    batch = CausalCollator(tokenizer)(
        [{"input_ids": torch.tensor([5, 2])}, {"input_ids": torch.tensor([7, 8, 9])}]
    )
    assert batch["input_ids"].tolist() == [[5, 2, 2], [7, 8, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    # The first 2 is an end of sequence, a target; the second is padding.
    assert batch["labels"].tolist() == [[5, 2, -100], [7, 8, 9]]


def test_padding_to_a_length_pads_labels_of_tokens_and_no_other_labels() -> None:
    tokens = {"input_ids": [5, 6], "labels": [1, 2]}
    collate = PaddingCollator(TOKENIZER, length=4)
    assert collate([tokens])["labels"].tolist() == [[1, 2, -100, -100]]
    assert collate([{**tokens, "labels": [0.0, 1.0, 1.0]}])["labels"].tolist() == [[0.0, 1.0, 1.0]]
    assert collate([{**tokens, "labels": 1}])["labels"].tolist() == [1]


def test_few_texts_are_tokenized_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"text": ["one text", "", "another one", "a third", "b"]})
    whole = [ids.tolist() for ids in text_tokens(table, TOKENIZER, "text", True)]
    calls: list[list[str]] = []
    of = packing.token_ids
    monkeypatch.setattr(packing, "token_ids", lambda t, texts: calls.append(texts) or of(t, texts))
    monkeypatch.setattr(packing, "CHARACTERS", 15)
    parts = [ids.tolist() for ids in text_tokens(table, TOKENIZER, "text", True)]
    assert parts == whole
    assert calls == [["one text", "another one"], ["a third", "b"]]
