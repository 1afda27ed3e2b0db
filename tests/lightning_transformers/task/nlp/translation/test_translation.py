"""Translation: languages, their codes in multilingual models, BLEU and chrF."""

import logging
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu import corpus_bleu
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    M2M100Config,
    MBart50Tokenizer,
    MBartConfig,
    MBartTokenizer,
    NllbTokenizer,
    PreTrainedTokenizerBase,
)

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.runs.export import export
from lightning_transformers.task.nlp.translation import (
    TranslationDataModule,
    TranslationTransformer,
)
from lightning_transformers.task.nlp.translation.model import TranslationScores
from tests.helpers.text_to_text import BACKBONE, TOKENIZER, files

PAIRS = [("The cat.", "Die Katze."), ("A dog sat.", "Ein Hund saß.")]
FLAT = [{"id": number, "en": en, "de": de} for number, (en, de) in enumerate(PAIRS)]
NESTED = [{"translation": {"en": en, "de": de}} for en, de in PAIRS]
THREE = [{"translation": {"en": en, "de": de, "fr": de}} for en, de in PAIRS]
CODES = {"source_language_code": "deu_Latn", "target_language_code": "eng_Latn"}
SIZE = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 200}
HEADS = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}


def data_module(tokenizer: Any = TOKENIZER, **hyperparameters: Any) -> TranslationDataModule:
    return TranslationDataModule(tokenizer, **hyperparameters)


def texts(data: TranslationDataModule) -> tuple[str, str]:
    """Return the source and the target of the first example."""
    data.setup("fit")
    assert data.dataset is not None
    row = data.dataset["train"][0]
    decode = data.tokenizer.decode
    return (
        str(decode(row["input_ids"], skip_special_tokens=True)),
        str(decode(row["labels"], skip_special_tokens=True)),
    )


@pytest.mark.parametrize(
    ("rows", "kind", "keys", "expected"),
    [
        (NESTED, "jsonl", {}, PAIRS[0]),
        (FLAT, "csv", {}, PAIRS[0]),
        (FLAT, "jsonl", {"source_language": "de"}, PAIRS[0][::-1]),
        (NESTED, "jsonl", {"target_language": "en"}, PAIRS[0][::-1]),
        (THREE, "jsonl", {"source_language": "fr", "target_language": "en"}, PAIRS[0][::-1]),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_languages(
    rows: Any, kind: str, keys: Any, expected: Any, streaming: bool, tmp_path: Path
) -> None:
    data = data_module(**files(tmp_path, rows, kind), **keys, streaming=streaming)
    if streaming:
        data.setup("fit")
        assert data.dataset is not None
        row = next(iter(data.dataset["train"]))
        assert row["labels"] == TOKENIZER(expected[1])["input_ids"]
    else:
        assert texts(data) == expected


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        (NESTED, {"source_language": "en", "target_language": "en"}, "are both 'en': set one to"),
        (THREE, {}, r"the train set has 3 languages \(en, de, fr\), not 2: set dataset.so"),
        (
            NESTED,
            {"source_language": "fr"},
            r"no language 'fr' \(its languages: en, de\): set dataset.s",
        ),
        (
            FLAT,
            {"source_language": "en", "target_language": "xx"},
            r"'xx' \(its languages: en, de\)",
        ),
        ([{"translation": "The cat."}], {}, "'translation' of the train set is not a mapping"),
    ],
)
def test_mistakes(rows: Any, keys: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        data_module(**files(tmp_path, rows), **keys).setup("fit")
    assert "\n" not in str(error.value)


def test_prediction_needs_the_languages_and_no_files() -> None:
    task = TranslationTransformer(BACKBONE, max_new_tokens=4)
    for weight in task.model.parameters():
        weight.data.normal_(std=0.2)
    data = data_module(source_language="en", target_language="de")
    inputs: list[Any] = ["A cat.", {"en": "A cat."}, {"translation": {"en": "A cat.", "de": None}}]
    assert len({task.predict([value], data)[0] for value in inputs}) == 1
    data.model_config = task.model.config
    (batch,) = data.predict_batches(["A cat."], 1)
    source = TOKENIZER.decode(batch["input_ids"][0], skip_special_tokens=True)
    assert source == "translate English to German: A cat."
    with pytest.raises(
        ConfigurationError, match=r"unknown without a dataset: set dataset\.source_language="
    ):
        task.predict(["A cat."], data_module())
    with pytest.raises(ConfigurationError, match="a mapping with 'en'"):
        task.predict([{"de": "Eine Katze."}], data)


def test_lines_of_a_text_file_are_texts_to_translate(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("A cat.\nA dog.\n")
    keys = {"source_language": "en", "target_language": "de"}
    data = data_module(predict_file=str(tmp_path / "texts.txt"), **keys)
    rows = data.predict_rows(list(data.load_dataset()["predict"]))
    assert rows == [{"en": "A cat."}, {"en": "A dog."}]


def test_prefix_of_languages_that_t5_does_not_know() -> None:
    assert data_module(source_language="en", target_language="fi").t5_prefix() == ""


@pytest.mark.parametrize(
    ("tokenizer", "keys", "source", "target"),
    [
        (MBart50Tokenizer(), {}, ["de_DE", "</s>"], ["en_XX", "</s>"]),
        (MBartTokenizer(), {}, ["</s>", "de_DE"], ["</s>", "en_XX"]),
        (NllbTokenizer(), CODES, ["deu_Latn", "</s>"], ["eng_Latn", "</s>"]),
    ],
)
def test_multilingual_models(
    tokenizer: PreTrainedTokenizerBase, keys: Any, source: Any, target: Any, tmp_path: Path
) -> None:
    """The language is in the inputs, in the labels, and before what is generated."""
    kind = M2M100Config if isinstance(tokenizer, NllbTokenizer) else MBartConfig
    kind(vocab_size=len(tokenizer), **SIZE, **HEADS).save_pretrained(tmp_path)
    pair = {"source_language": "de", "target_language": "en"}  # not the tokenizers' default
    data = data_module(tokenizer, **pair, **keys, **files(tmp_path, NESTED))
    backbone = {"pretrained_model_name_or_path": str(tmp_path), "random_weights": True}
    task = TranslationTransformer(
        backbone, model_data_kwargs=data.model_data_kwargs, max_new_tokens=3
    )
    data.model_config = task.model.config
    data.setup("fit")
    assert data.dataset is not None
    row, to_tokens = data.dataset["train"][0], tokenizer.convert_ids_to_tokens
    assert [t for t in to_tokens(row["input_ids"]) if t in source] == source
    assert [t for t in to_tokens(row["labels"]) if t in target] == target
    task.predict(["Die Katze."], data)
    (batch,) = data.predict_batches(["Die Katze."], 1)
    start = 0 if isinstance(tokenizer, MBartTokenizer) else 1
    language = next(token for token in target if token != "</s>")
    assert to_tokens(task.generate(batch)[0])[start] == language
    folder = export(task, data, tmp_path / "exported")
    plain, model = (c.from_pretrained(folder) for c in (AutoTokenizer, AutoModelForSeq2SeqLM))
    inputs = plain(["Die Katze."], return_tensors="pt")
    assert torch.equal(model.generate(**inputs), task.eval().generate(batch))


def test_language_that_the_tokenizer_does_not_know() -> None:
    expected = r"no language 'en' \(known: eng_Latn\): set dataset.source_language_code=<code>"
    with pytest.raises(ConfigurationError, match=expected):
        data_module(NllbTokenizer(), source_language="en", target_language="de")


@pytest.mark.parametrize("kind", [MBart50Tokenizer, MBartTokenizer])
def test_an_exported_tokenizer_knows_the_source_language(kind: Any, tmp_path: Path) -> None:
    """Also where no row was read, as in an export."""
    data = data_module(kind(), source_language="de", target_language="en")
    data.processor.save_pretrained(tmp_path)
    exported = AutoTokenizer.from_pretrained(tmp_path)
    assert exported.src_lang == "de_DE"
    assert exported("Katze")["input_ids"] == data.tokenizer("Katze")["input_ids"]


SENTENCE = st.lists(st.sampled_from("abcd"), min_size=6, max_size=9)


@given(st.lists(st.tuples(SENTENCE, SENTENCE), min_size=1, max_size=3))
def test_bleu_and_chrf_as_defined(pairs: list[tuple[list[str], list[str]]]) -> None:
    """Of the whole set; one equal pair in it, so that no n-gram precision is zero."""
    pairs = [*pairs, (list("abcdabcd"), list("abcdabcd"))]

    def grams(tokens: Any, size: int) -> Counter[Any]:
        return Counter(tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1))

    def counts(size: int, pairs: Any) -> tuple[int, int, int]:
        each = [(grams(ours, size), grams(theirs, size)) for ours, theirs in pairs]
        common = sum((a & b).total() for a, b in each)
        return common, sum(a.total() for a, _ in each), sum(b.total() for _, b in each)

    scores = TranslationScores().score(
        [[" ".join(ours), " ".join(theirs)] for ours, theirs in pairs]
    )
    by_size = [counts(size, pairs) for size in (1, 2, 3, 4)]
    precision = math.prod(common / ours for common, ours, _ in by_size) ** 0.25
    brevity = min(1.0, math.exp(1 - by_size[0][2] / by_size[0][1]))
    assert scores["bleu"] == pytest.approx(100 * brevity * precision)
    by_size = [counts(size, pairs) for size in range(1, 7)]  # chrF leaves the spaces out
    precisions = sum(common / ours for common, ours, _ in by_size) / 6
    recalls = sum(common / theirs for common, _, theirs in by_size) / 6
    f2 = 5 * precisions * recalls / (4 * precisions + recalls)
    assert scores["chrf"] == pytest.approx(100 * f2)


def test_bleu_tokenizer_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MeCab", None)
    with pytest.raises(ConfigurationError, match=r'pip install "sacrebleu\[ja\]"'):
        TranslationScores("ja-mecab")


def test_bleu_of_chinese() -> None:
    pair = ["我们今天去公园玩", "我们今天去公园看"]
    assert TranslationScores("13a").score([pair])["bleu"] == 0.0
    assert TranslationScores("zh").score([pair])["bleu"] > 50.0


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [("zh", "zh"), ("zho_Hans", "zh"), ("zh-CN", "zh"), ("ja_XX", "char"), ("tha_Thai", "char"),
     ("de", "13a"), ("German", "13a")],
)  # fmt: skip
def test_bleu_splits_the_target_language(
    language: str, tokenizer: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "MeCab", None)
    data = data_module(source_language="en", target_language=language)
    task = TranslationTransformer(BACKBONE)
    task.attach_data(data)
    metric = task.text_metric()
    pair = ["我们今天去公园玩", "我们今天去公园看"]
    with caplog.at_level(logging.INFO):
        bleu = [metric.score([pair])["bleu"] for _ in range(2)]
    expected = corpus_bleu(pair[:1], [pair[1:]], tokenize=tokenizer, force=True).score
    assert bleu == [pytest.approx(expected)] * 2
    (message,) = [m for m in caplog.messages if m.startswith("BLEU of")]
    task.formulas = 1
    assert task.text_metric().score([pair]) == TranslationScores("13a").score([pair])
    assert f"'{language}': task.bleu_tokenizer={tokenizer}" in message
    assert ('pip install "sacrebleu[ja]"' in message) == (language == "ja_XX")
