"""Content of the local hub: datasets and models under the names of the real ones.

The columns, splits and declared classes are those of the real datasets; the rows are few, and
the models are tiny.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import ClassLabel, Dataset, Features, Image, List, Translation, Value
from PIL import Image as PillowImage
from transformers import (
    AutoModelForPreTraining,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BertConfig,
    GPT2Config,
    MT5Config,
    RobertaConfig,
    T5Config,
)

from lightning_transformers.base.package_data import local_path
from tests.helpers.hub import Hub, parquet_dataset

TINY = "pkg://lightning_transformers/assets/tiny"
ROWS = 12
TEXT = Value("string")
SPLITS = ("train", "validation", "test")
LAYERS = {
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 32,
}
T5_SIZE = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}


def rows(features: Mapping[str, Any], *values: Any) -> Dataset:
    """Return a table of rows that differ only in their number."""
    columns = {
        name: [value(number) if callable(value) else value for number in range(ROWS)]
        for name, value in zip(features, values, strict=True)
    }
    return Dataset.from_dict(columns, Features(features))


def add_datasets(hub: Hub) -> None:
    """Put the named datasets of `conf/dataset` on a hub."""
    for name, (config, table, splits) in datasets().items():
        files = parquet_dataset(config, dict.fromkeys(splits, table))
        for revision in ("main", "refs/convert/parquet"):
            hub.add_dataset(name, files, revision)


def datasets() -> dict[str, tuple[str, Dataset, Sequence[str]]]:
    """Return config, rows and splits of each dataset by its id."""
    sentence = "The cat sat on the mat number {}.".format
    answers = {"text": List(TEXT), "answer_start": List(Value("int32"))}
    squad = {"id": TEXT, "title": TEXT, "context": TEXT, "question": TEXT, "answers": answers}
    pair = {"premise": TEXT, "hypothesis": TEXT}
    nli = {**pair, "label": ClassLabel(names=["entailment", "neutral", "contradiction"])}
    tags = ClassLabel(names=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    found = {"text": ["cat"], "answer_start": [4]}
    return {
        "Salesforce/wikitext": ("wikitext-2-raw-v1", rows({"text": TEXT}, sentence), SPLITS),
        "ehovy/race": (
            "all",
            rows(
                {"article": TEXT, "question": TEXT, "options": List(TEXT), "answer": TEXT},
                *(sentence, "Who sat?", ["cat", "dog", "hen", "cow"], "A"),
            ),
            SPLITS,
        ),
        "allenai/swag": (
            "regular",
            rows(
                {
                    **{"sent1": TEXT, "sent2": TEXT},
                    **{f"ending{number}": TEXT for number in range(4)},
                    "label": ClassLabel(names=["0", "1", "2", "3"]),
                },
                *(sentence, "It", "slept.", "rang.", "rained.", "sailed.", 0),
            ),
            SPLITS,
        ),
        "rajpurkar/squad": (
            "plain_text",
            rows(squad, str, "Cats", sentence, "Who sat?", found),
            SPLITS[:2],
        ),
        "abisee/cnn_dailymail": (
            "3.0.0",
            rows({"article": TEXT, "highlights": TEXT, "id": TEXT}, sentence, "A cat sat.", str),
            SPLITS,
        ),
        "EdinburghNLP/xsum": (
            "default",
            rows({"document": TEXT, "summary": TEXT, "id": TEXT}, sentence, "A cat sat.", str),
            SPLITS,
        ),
        "dair-ai/emotion": (
            "split",
            rows(
                {"text": TEXT, "label": ClassLabel(names=["sadness", "joy", "love"])},
                *(sentence, lambda number: number % 3),
            ),
            SPLITS,
        ),
        "nyu-mll/glue": (
            "mnli",
            rows(
                {**nli, "idx": Value("int32")},
                *(sentence, "A cat sat.", lambda number: number % 3, int),
            ),
            ("train", "validation_matched", "validation_mismatched"),
        ),
        "facebook/xnli": (
            "en",
            rows(nli, sentence, "A cat sat.", lambda number: number % 3),
            SPLITS,
        ),
        "lhoestq/conll2003": (
            "default",
            rows(
                {"id": TEXT, "tokens": List(TEXT), "ner_tags": List(tags)},
                *(str, ["Anna", "sat", "in", "Rome"], [1, 0, 0, 3]),
            ),
            SPLITS,
        ),
        "wmt/wmt16": (
            "de-en",
            rows(
                {"translation": Translation(languages=["de", "en"])},
                lambda number: {"de": f"Katze {number}", "en": f"cat {number}"},
            ),
            SPLITS,
        ),
        "uoft-cs/cifar10": (
            "plain_text",
            rows(
                {"img": Image(), "label": ClassLabel(names=["airplane", "cat"])},
                lambda number: PillowImage.new("RGB", (8, 8), (number * 20, 0, 0)),
                lambda number: number % 2,
            ),
            ("train", "test"),
        ),
    }


def add_models(hub: Hub, folder: Path) -> None:
    """Put small models with the names of the documented ones on a hub."""
    size = AutoTokenizer.from_pretrained(local_path(f"{TINY}/bert")).vocab_size
    common = {"vocab_size": size, "pad_token_id": 0, "eos_token_id": 2}
    models = {
        "bert-base-cased": ("bert", BertConfig(**LAYERS, **common)),
        "roberta-base": (
            "bert",
            RobertaConfig(**LAYERS, **common, max_position_embeddings=131, type_vocab_size=1),
        ),
        "gpt2": ("gpt2", GPT2Config(**common, n_embd=16, n_layer=1, n_head=2, n_positions=128)),
        "t5-base": ("t5", T5Config(**T5_SIZE, **common, decoder_start_token_id=0)),
        "google/mt5-base": ("t5", MT5Config(**T5_SIZE, **common, decoder_start_token_id=0)),
    }
    torch.manual_seed(0)  # or else it hangs on the tests before whether a model says anything
    for name, (tokenizer_name, config) in models.items():
        tokenizer = AutoTokenizer.from_pretrained(local_path(f"{TINY}/{tokenizer_name}"))
        if name == "roberta-base":
            tokenizer.model_input_names = ["input_ids", "attention_mask"]
        tokenizer.save_pretrained(folder / name)
        auto_class = AutoModelForSeq2SeqLM if tokenizer_name == "t5" else AutoModelForPreTraining
        auto_class.from_config(config).save_pretrained(folder / name)
        hub.add_model(name, folder / name)
