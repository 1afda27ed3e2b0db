"""Question answering: logged metrics, prediction and export."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForQuestionAnswering, CanineTokenizer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.texts import decode_texts
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.question_answering import (
    QuestionAnsweringDataModule,
    QuestionAnsweringTransformer,
)
from tests.helpers.language_modeling import TINY, trainer
from tests.helpers.windows import CONTEXT, QUESTION, TOKENIZER, expected


def task(backbone: str = "bert") -> QuestionAnsweringTransformer:
    seed_everything(0)
    fields = {"pretrained_model_name_or_path": f"{TINY}/{backbone}", "random_weights": True}
    return QuestionAnsweringTransformer(fields)


def sample(**hyperparameters: Any) -> QuestionAnsweringDataModule:
    values = {"dataset_name": "sample", "limit_train_samples": 20, "limit_val_samples": 20}
    return QuestionAnsweringDataModule(TOKENIZER, **values | {"max_length": 32} | hyperparameters)


@pytest.mark.parametrize("threshold", [-100.0, 0.0, 100.0])
def test_logged_scores_are_those_of_the_predictions(threshold: float, tmp_path: Path) -> None:
    model, data = task(), sample(null_score_diff_threshold=threshold)
    (logged,) = trainer(tmp_path).validate(model, data, verbose=False)
    assert len(data.val_dataloader().dataset) > 20, "some question has several windows"  # type: ignore[arg-type]
    rows = list(data.select_samples(data.raw_dataset)["validation"])
    predicted = model.predict(rows, data)
    pairs = [(p["answer"], r["answers"]["text"]) for p, r in zip(predicted, rows, strict=True)]
    scores = {name.removeprefix("val/"): value for name, value in logged.items()}
    del scores["loss"]
    assert scores == pytest.approx(expected(pairs))
    assert all((p["answer"] == "") == (threshold < 0) for p in predicted if threshold)


def test_validation_loss_is_the_mean_over_windows(tmp_path: Path) -> None:
    model, data = task(), sample(batch_size=9)
    (logged,) = trainer(tmp_path).validate(model, data, verbose=False)
    losses, sizes = [], set()
    for batch in data.val_dataloader():
        sizes.add(len(batch["window"]))
        with torch.no_grad():
            outputs = model.eval()(batch)
        for side in ("start", "end"):
            losses += cross_entropy(
                outputs[f"{side}_logits"], batch[f"{side}_positions"], reduction="none"
            ).tolist()
    assert len(sizes) > 1, "the last batch is smaller"
    assert logged["val/loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_predictions_in_a_batch_are_those_one_by_one() -> None:
    model = task()
    data = QuestionAnsweringDataModule(TOKENIZER, max_length=40, stride=8, max_answer_length=4)
    inputs = [
        {"context": CONTEXT * 3, "question": QUESTION},
        {"context": CONTEXT, "question": "Who?"},
        {"context": CONTEXT * 3, "question": QUESTION},
    ]
    together = model.predict(inputs, data, batch_size=16)
    alone = [model.predict([value], data)[0] for value in inputs]
    assert together == [{**a, "score": pytest.approx(a["score"], abs=1e-4)} for a in alone]
    for value, found in zip(inputs, together, strict=True):
        assert found["answer"] == value["context"][found["start"] : found["end"]] != ""


def test_gpt2_has_its_first_token_for_no_answer(tmp_path: Path) -> None:
    """And positions stay what they are, on whichever side the tokenizer would pad."""
    tokenizer = Backbone(f"{TINY}/gpt2").load_tokenizer()
    tokenizer.padding_side, tokenizer.cls_token = "left", None
    data = QuestionAnsweringDataModule(tokenizer, dataset_name="sample", limit_val_samples=9)
    trainer(tmp_path, limit_val_batches=1).validate(task("gpt2"), data, verbose=False)
    batch = next(iter(data.val_dataloader()))
    assert not batch["attention_mask"][:, -1].all()
    assert {json.loads(window)["null"] for window in decode_texts(batch["window"])} == {0}
    columns = [batch[key] for key in ("input_ids", "start_positions", "end_positions")]
    windows = decode_texts(batch["window"])
    for ids, start, end, window in zip(*columns, windows, strict=True):
        answers = json.loads(window)["answers"]
        assert not answers or tokenizer.decode(ids[start : end + 1]).strip() == answers[0]


def test_exported_model_gives_the_same_logits(tmp_path: Path) -> None:
    model = task().eval()
    model.save_hf_checkpoint(tmp_path, TOKENIZER)
    exported = AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    inputs = TOKENIZER(QUESTION, CONTEXT, return_tensors="pt")
    ours, theirs = model(dict(inputs)), exported(**inputs)
    assert torch.equal(ours["start_logits"], theirs.start_logits)
    assert torch.equal(ours["end_logits"], theirs.end_logits)


@pytest.mark.parametrize("value", ["text", {"context": "a"}, {"context": "", "question": "b"}])
def test_nothing_to_predict_on(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"has no text in .* give a mapping with"):
        task().predict([value], QuestionAnsweringDataModule(TOKENIZER))


def test_a_tokenizer_without_offsets_is_refused() -> None:
    data = QuestionAnsweringDataModule(CanineTokenizer())
    with pytest.raises(ConfigurationError, match="CanineTokenizer gives no character offsets"):
        task().predict([{"context": CONTEXT, "question": QUESTION}], data)
