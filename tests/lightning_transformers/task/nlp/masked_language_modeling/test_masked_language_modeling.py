"""Masked language modeling: masked tokens, metrics and mask filling."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mode
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import Metaspace
from torch.nn.functional import cross_entropy
from transformers import AutoModelForMaskedLM, BertTokenizer, ByT5Tokenizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp import masked_language_modeling as mlm
from lightning_transformers.task.nlp.masked_language_modeling.encoding import encode_blocks
from lightning_transformers.task.nlp.masked_language_modeling.masking import NEVER, TokenMasker
from tests.helpers.language_modeling import TINY, trainer

BACKBONE = {"pretrained_model_name_or_path": f"{TINY}/bert", "random_weights": True}
TOKENIZER = Backbone(f"{TINY}/bert").load_tokenizer()
TEXTS = ["The unbelievable story of a house.", "It rained.", "", "A long, long way home they went."]
WORDPIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##believ", "##able", "cat", "."]


def data_module(
    tmp_path: Path, texts: Sequence[str] = TEXTS, **hyperparameters: Any
) -> mlm.MaskedLanguageModelingDataModule:
    file = str(tmp_path / "text.txt")
    Path(file).write_text("\n".join([*texts] * 10))
    values = {"max_length": 32, **dict.fromkeys(("train_file", "validation_file"), file)}
    return mlm.MaskedLanguageModelingDataModule(TOKENIZER, **values | hyperparameters)


def model() -> mlm.MaskedLanguageModelingTransformer:
    seed_everything(0)
    return mlm.MaskedLanguageModelingTransformer(BACKBONE)


def encoded(texts: list[str | None], tokenizer: Any = TOKENIZER, **arguments: Any) -> Any:
    values = {"line_by_line": False, "max_length": 16, "truncation": True, "whole_word_mask": False}
    values |= {"text_column": "text", "mask": None} | arguments
    return encode_blocks({"text": texts}, tokenizer=tokenizer, **values)


@given(st.lists(st.integers(NEVER, 9), min_size=1, max_size=40), st.integers(0, 1000))
def test_words_are_hidden_whole_and_at_least_one(words: list[int], seed: int) -> None:
    words = [0, *words]
    ids = torch.arange(100, 100 + len(words))
    word_ids, generator = torch.tensor(words), torch.Generator().manual_seed(seed)
    inputs, labels = TokenMasker(TOKENIZER, 0.15)(ids, word_ids, generator)
    hidden = labels != -100
    assert hidden.any()
    assert not hidden[word_ids == NEVER].any()
    assert torch.equal(labels[hidden], ids[hidden])
    assert torch.equal(inputs[~hidden], ids[~hidden])
    for word in set(words):
        assert len(set(hidden[word_ids == word].tolist())) == 1


def test_shares_are_those_of_bert() -> None:
    ids = torch.full((100_000,), 1000)
    words, generator = torch.arange(len(ids)), torch.Generator().manual_seed(0)
    inputs, labels = TokenMasker(TOKENIZER, 0.15)(ids, words, generator)
    hidden = labels != -100
    assert hidden.float().mean().item() == pytest.approx(0.15, abs=0.005)
    assert (inputs[hidden] == TOKENIZER.mask_token_id).float().mean().item() == pytest.approx(
        0.8, abs=0.01
    )
    assert (inputs[hidden] == 1000).float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert len(inputs[hidden].unique()) > 500, "the others are random tokens"


def test_blocks_hold_all_tokens_between_the_special_ones() -> None:
    blocks = encoded([*TEXTS, None])["input_ids"]
    start, end = TOKENIZER.cls_token_id, TOKENIZER.sep_token_id
    assert all(ids[0] == start and ids[-1] == end for ids in blocks)
    assert {len(ids) for ids in blocks[:-1]} == {16}
    inner = [token for ids in blocks for token in ids[1:-1]]
    rows = [TOKENIZER(text, add_special_tokens=False)["input_ids"] for text in TEXTS if text]
    assert inner == [*rows[0], end, *rows[1], end, *rows[2]]


def test_rows_are_examples_of_their_own_and_cut() -> None:
    columns = encoded(TEXTS, line_by_line=True, max_length=6)
    expected = TOKENIZER([t for t in TEXTS if t], truncation=True, max_length=6)["input_ids"]
    assert columns["input_ids"] == expected


@pytest.mark.parametrize("whole", [False, True])
def test_words_of_both_kinds_of_tokenizers(whole: bool, tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDPIECES))
    wordpiece = BertTokenizer(str(tmp_path / "vocab.txt"))
    columns = encoded(["unbelievable cat.", "cat"], wordpiece, whole_word_mask=whole)
    pieces = wordpiece.convert_ids_to_tokens(columns["input_ids"][0])
    assert pieces == ["[CLS]", "un", "##believ", "##able", "cat", ".", "[SEP]", "cat", "[SEP]"]
    words = [0, 0, 0, 1, 2] if whole else [0, 1, 2, 3, 4]
    assert columns["word_ids"][0] == [NEVER, *words, NEVER, 5, NEVER]
    columns = encoded(["It rained. <mask>"], whole_word_mask=whole)
    pieces = TOKENIZER.convert_ids_to_tokens(columns["input_ids"][0])
    new_words = [piece.startswith(("Ġ", "It", ".")) for piece in pieces[1:-2]]
    numbers = columns["word_ids"][0]
    assert pieces[-2:] == ["<mask>", "</s>"]
    assert numbers[-2:] == [NEVER, NEVER], "a special token in the text stays"
    assert len(new_words) > sum(new_words), "a word has several tokens"
    assert len(set(numbers[1:-2])) == (sum(new_words) if whole else len(new_words))


def test_masks_change_in_training_and_stay_in_validation(tmp_path: Path) -> None:
    def labels(split: str, seed: int = 0, **values: Any) -> list[list[list[int]]]:
        data = data_module(tmp_path, line_by_line=True, padding="max_length", **values)
        data.setup("fit")
        seed_everything(seed)
        found = []
        for epoch in range(2):
            data._epoch = lambda epoch=epoch: epoch
            loader = data.train_dataloader() if split == "train" else data.val_dataloader()
            found.append([row.tolist() for batch in loader for row in batch["labels"]])
        return found

    first, second = labels("train")
    assert sorted(first) != sorted(second)
    assert labels("train") == [first, second]
    first, second = labels("validation")
    assert first == second
    assert labels("validation", seed=1, batch_size=5)[0] == first
    assert all(len(row) == 32 for row in first), "labels are padded like the inputs"


@pytest.mark.parametrize("values", [{}, {"line_by_line": True, "whole_word_mask": True}])
def test_metrics_are_over_the_hidden_tokens(values: dict[str, Any], tmp_path: Path) -> None:
    task, data = model(), data_module(tmp_path, batch_size=7, **values)
    rows = data.build_dataset()["validation"]["labels"]
    favourite = mode(label for row in rows for label in row if label != -100)
    task.model.get_output_embeddings().bias.data[favourite] = 9.0
    (logged,) = trainer(tmp_path).validate(task, data, verbose=False)
    losses, right = [], []
    for batch in data.val_dataloader():
        hidden = batch["labels"] != -100
        logits = task.eval()(batch)["logits"][hidden].detach()
        losses += cross_entropy(logits, batch["labels"][hidden], reduction="none").tolist()
        right += (logits.argmax(-1) == batch["labels"][hidden]).tolist()
    mean = sum(losses) / len(losses)
    assert logged["val/loss"] == pytest.approx(mean, rel=1e-5)
    assert logged["val/perplexity"] == pytest.approx(math.exp(mean), rel=1e-4)
    assert logged["val/accuracy"] == pytest.approx(sum(right) / len(right))
    assert 0 < sum(right) < len(right)


def test_masks_are_filled_in_as_the_pipeline_does() -> None:
    task, data = model(), mlm.MaskedLanguageModelingDataModule(TOKENIZER)
    texts = ["It is a [MASK] story", {"text": "<mask> house, they say, was the <mask> of all."}]
    found = task.predict(texts, data)
    assert [len(prediction["tokens"]) for prediction in found] == [1, 2]
    best = task.eval().hf_pipeline("It is a<mask> story", top_k=1)[0]
    assert found[0]["text"] == best["sequence"]
    assert found[0]["tokens"] == [best["token_str"].strip()]
    assert found[0]["scores"] == pytest.approx([best["score"]])
    (alone,) = task.predict(texts[:1], data)
    assert alone["text"] == found[0]["text"]
    assert alone["scores"] == pytest.approx(found[0]["scores"], rel=1e-5)


def test_text_without_a_mask_is_refused() -> None:
    task, data = model(), mlm.MaskedLanguageModelingDataModule(TOKENIZER, max_length=32)
    with pytest.raises(ConfigurationError, match="insert <mask> for each token"):
        task.predict(["no mask"], data)
    with pytest.raises(ConfigurationError, match="has a <mask> after its first 32 tokens"):
        task.predict(["long " * 40 + "[MASK]"], data)


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "probability": ({"mlm_probability": 0.0}, "mlm_probability=0.0"),
    "short": ({"max_length": 2}, "max_length=2 leaves no room"),
    "long row": ({"line_by_line": True, "truncation": False, "max_length": 8}, "a row has"),
    "no text": ({"texts": ["", ""]}, "the train set has no text in column 'text'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, tmp_path: Path) -> None:
    values, message = MISTAKES[mistake]
    with pytest.raises(ConfigurationError) as caught:
        data_module(tmp_path, **values).setup("fit")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tokenizers_that_will_not_do() -> None:
    tokenizer = Backbone(f"{TINY}/bert").load_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = Metaspace(split=False)
    for wordless in (tokenizer, ByT5Tokenizer(mask_token="<mask>")):
        with pytest.raises(ConfigurationError, match="whole_word_mask=false"):
            mlm.MaskedLanguageModelingDataModule(wordless, whole_word_mask=True)
    tokenizer.mask_token = None
    with pytest.raises(ConfigurationError, match="has no mask token"):
        mlm.MaskedLanguageModelingDataModule(tokenizer)


def test_exported_model_gives_the_same_logits(tmp_path: Path) -> None:
    task, data = model(), data_module(tmp_path)
    data.setup("fit")
    batch = next(iter(data.val_dataloader()))
    task.save_hf_checkpoint(tmp_path / "hf", TOKENIZER)
    exported = AutoModelForMaskedLM.from_pretrained(tmp_path / "hf")
    assert torch.equal(exported(**batch).logits, task.eval()(batch)["logits"])
