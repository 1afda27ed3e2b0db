"""Token classification: labels of tokens, word-level scores, predictions."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from transformers import AutoModelForTokenClassification

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.token_classification import (
    TokenClassificationDataModule,
    TokenClassificationTransformer,
)
from lightning_transformers.task.nlp.token_classification.encoding import tokenize_words
from lightning_transformers.task.nlp.token_classification.model import entity_spans
from lightning_transformers.task.nlp.token_classification.sentences import Sentence
from tests.helpers.documented import documented_metrics
from tests.helpers.tags import BERT, TOKENIZER, data_module, wordpiece

SAMPLE_TAGS = ["O", "B-LOC", "B-PER", "I-LOC", "I-PER"]


def sample(**values: Any) -> TokenClassificationDataModule:
    return data_module(dataset_name="sample", limit_val_samples=60, labels=SAMPLE_TAGS, **values)


def written(folder: Path, row: dict[str, Any]) -> dict[str, str]:
    file = folder / "rows.jsonl"
    file.write_text(f"{json.dumps(row)}\n" * 3)
    return {"train_file": str(file), "validation_file": str(file)}


def model(data: TokenClassificationDataModule) -> TokenClassificationTransformer:
    seed_everything(1)
    task = TokenClassificationTransformer(BERT, model_data_kwargs=data.model_data_kwargs)
    task.model.classifier.weight.data *= 30  # so that predictions differ
    return task


def validated(task: Any, data: TokenClassificationDataModule, folder: Path) -> dict[str, float]:
    flags: Any = {"logger": False, "enable_progress_bar": False, "default_root_dir": folder}
    (metrics,) = Trainer(accelerator="cpu", **flags).validate(task, data, verbose=False)
    return metrics


def test_labels_are_those_of_first_tokens_or_of_all(tmp_path: Path) -> None:
    sentence = {
        "tokens": ["eu", "\u200b", "reject", "eu", "eu", "eu"],
        "ner_tags": ["O", "O", "B-X", "I-X", "B-Y", "O"],
    }
    for together, labels in {False: [3, 0, -100, 2, 1], True: [3, 0, 2, 2, 1]}.items():
        data = data_module(wordpiece(), **written(tmp_path, sentence), label_all_tokens=together)
        data.setup("fit")
        row, *_ = data.dataset["train"]  # type: ignore[index]
        assert data.labels == ["B-X", "B-Y", "I-X", "O"]
        assert row["word_ids"] == [0, 2, 2, 3, 4]  # a word without a token, and one cut off
        assert row["labels"] == labels
        assert row["word_tags"] == [3, 3, 0, 2, 1, 3]


def test_words_have_the_tokens_that_they_have_in_a_text() -> None:
    """Those of a byte-level tokenizer begin with the space before the word."""
    words = ["Mr.", "Bennet", "replied", "that", "he", "had", "not"]
    encoded = tokenize_words(TOKENIZER, [words], 64, truncation=True)
    assert encoded["input_ids"] == [TOKENIZER(" " + " ".join(words))["input_ids"]]
    assert tokenize_words(wordpiece(), [["eu", "reject"]], 5, True)["input_ids"] == [[2, 3, 4]]


def entities(tags: list[str]) -> set[tuple[str, int, int]]:
    """Return type, start and end of each entity, read from the tags one by one."""
    found, start = set(), 0
    for place, (tag, after) in enumerate(zip(tags, [*tags[1:], "O"], strict=True)):
        if tag == "O" or not after.startswith("I-") or after[2:] != tag[2:]:
            if tag != "O":
                found.add((tag[2:], start, place))
            start = place + 1
    return found


@pytest.mark.parametrize("label_all_tokens", [False, True])
def test_scores_are_over_the_words_of_the_file(label_all_tokens: bool, tmp_path: Path) -> None:
    """Not over tokens, and including the words that were cut off."""
    tokenizer = Backbone(**BERT).load_tokenizer()
    tokenizer.padding_side = "left"  # which is for generation
    data = sample(tokenizer=tokenizer, max_length=24, label_all_tokens=label_all_tokens)
    task = model(data)
    logged = validated(task, data, tmp_path)
    task.eval()
    true, found = set(), set()
    hits, cut = [], 0
    for number, row in enumerate(data.raw_dataset["validation"].take(60)):
        encoded = tokenizer([f" {word}" for word in row["tokens"]], is_split_into_words=True,
                            truncation=True, max_length=24, return_tensors="pt")  # fmt: skip
        predicted = task.model(**encoded)["logits"][0].argmax(-1)
        ids = encoded.word_ids()
        places = [ids.index(word) if word in ids else None for word in range(len(row["tokens"]))]
        tags = [SAMPLE_TAGS[int(predicted[p])] if p is not None else "O" for p in places]
        cut += places.count(None)
        true |= {(number, *entity) for entity in entities(row["ner_tags"])}
        found |= {(number, *entity) for entity in entities(tags)}
        hits += [a == b for a, b, p in zip(tags, row["ner_tags"], places, strict=True) if p]
    assert cut > 0
    assert len(true & found) > 0
    assert logged["val/precision"] == pytest.approx(len(true & found) / len(found))
    assert logged["val/recall"] == pytest.approx(len(true & found) / len(true))
    assert logged["val/f1"] == pytest.approx(2 * len(true & found) / (len(true) + len(found)))
    assert logged["val/accuracy"] == pytest.approx(sum(hits) / len(hits))


def test_other_tags_are_scored_word_by_word(tmp_path: Path) -> None:
    """Accuracy and macro F1, as of parts of speech; numbers may stand for the names given."""
    sentence = {"tokens": list("abcd"), "ner_tags": [0, 2, 2, 1]}
    data = data_module(**written(tmp_path, sentence), labels=["NOUN", "VERB", "DET"])
    task = model(data)
    task.model.classifier.weight.data.zero_()
    task.model.classifier.bias.data.copy_(torch.tensor([0.0, 0.0, 1.0]))
    logged = validated(task, data, tmp_path)
    names = documented_metrics("`nlp/token_classification`, other tags")
    assert set(logged) == {f"val/{name}" for name in names}
    assert logged["val/accuracy"] == 0.5
    assert logged["val/f1"] == pytest.approx((0 + 0 + 2 / 3) / 3)
    (words,) = task.predict(["Hi, you"], data)
    assert [(word["tag"], word["text"]) for word in words] == [
        ("DET", "Hi"),
        ("DET", ","),
        ("DET", "you"),
    ]


def test_prediction_in_batches_is_that_one_by_one() -> None:
    data = sample()
    task = model(data)
    text = "Mr. Darcy and Elizabeth walked to Meryton, where Jane was."
    inputs = [text, {"tokens": ["Mr.", "Darcy", "smiled"]}, {"text": "Jane"}, {"tokens": "Jane X"}]
    together = task.predict(inputs, data)
    for value, prediction in zip(inputs, together, strict=True):
        (alone,) = task.predict([value], data)
        assert [e | {"score": 0} for e in alone] == [e | {"score": 0} for e in prediction]
        assert [e["score"] for e in alone] == pytest.approx(
            [e["score"] for e in prediction], abs=1e-4
        )
    assert sum(map(len, together)) > 3
    assert all(text[e["start"] : e["end"]] == e["text"] for e in together[0])
    for nothing in ("", {"tokens": []}, {"question": "?"}):
        with pytest.raises(ConfigurationError, match="has no words"):
            task.predict([nothing], data)


def test_entities_span_their_words() -> None:
    tagged = [(0, "B-PER", 0.5), (1, "I-PER", 1.0), (2, "O", 1.0), (3, "B-LOC", 0.25)]
    person = {"entity": "PER", "score": 0.75, "text": "Mr.  Darcy", "start": 0, "end": 10}
    place = {"entity": "LOC", "score": 0.25, "text": "Rosings", "start": 14, "end": 21}
    sentence = Sentence.in_text("Mr.  Darcy at Rosings Park")
    assert entity_spans(sentence, tagged) == [person, place]
    in_words = entity_spans(Sentence.of_words(sentence.words), tagged)
    assert in_words[0] == person | {"text": "Mr. Darcy", "start": 0, "end": 2}
    assert in_words[1] == place | {"start": 3, "end": 4}


def test_words_keep_their_marks() -> None:
    text = "दिल्ली में Jose\u0301, ❤\ufe0f"
    assert Sentence.in_text(text).words == ["दिल्ली", "में", "Jose\u0301", ",", "❤\ufe0f"]


def test_exported_model_gives_the_same_logits(tmp_path: Path) -> None:
    data = sample()
    task = model(data)
    task.save_hf_checkpoint(tmp_path, data.processor)
    exported = AutoModelForTokenClassification.from_pretrained(tmp_path)
    (batch,) = data.predict_batches(["Mr. Darcy and Elizabeth"], 1)
    inputs: dict[str, Any] = {}
    task.model.register_forward_pre_hook(lambda *called: inputs.update(called[2]), with_kwargs=True)
    with torch.no_grad():
        logits = task.eval()(batch)["logits"]
        again = exported(**{key: batch[key] for key in TOKENIZER.model_input_names})["logits"]
    assert torch.equal(logits, again)
    assert set(inputs) == set(TOKENIZER.model_input_names)
    assert list(exported.config.id2label.values()) == SAMPLE_TAGS
