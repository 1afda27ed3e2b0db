"""Question answering: logged metrics, prediction and export."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
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


def own_losses(model: QuestionAnsweringTransformer, rows: Any) -> torch.Tensor:
    """Return transformers' loss on each window alone, without padding."""
    keys = ("input_ids", "attention_mask", "token_type_ids", "start_positions", "end_positions")
    alone = [{key: torch.tensor([row[key]]) for key in keys} for row in rows]
    return torch.stack([model.model(**inputs).loss for inputs in alone])


@pytest.mark.parametrize(
    "values", [{"batch_size": 9}, {"batch_size": 1}, {"batch_size": 4, "padding": "max_length"}]
)
def test_validation_loss_is_that_of_each_window_alone(
    values: dict[str, Any], tmp_path: Path
) -> None:
    model, data = task(), sample(**values)
    (logged,) = trainer(tmp_path).validate(model, data, verbose=False)
    assert data.dataset is not None
    with torch.no_grad():
        expected = float(own_losses(model.eval(), data.dataset["validation"]).mean())
    assert logged["val/loss"] == pytest.approx(expected, rel=1e-5)
    model.formulas = 1
    (former,) = trainer(tmp_path).validate(model, data, verbose=False)
    is_padded = values["batch_size"] > 1
    assert (former["val/loss"] != pytest.approx(expected, rel=1e-3)) == is_padded


def test_a_step_over_several_batches_is_that_of_the_windows_alone(tmp_path: Path) -> None:
    model, data = task(), sample(batch_size=3, limit_train_samples=7)
    model.optimizer_config = {"_target_": "torch.optim.SGD", "lr": 0.1}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    data.setup("fit")
    assert data.dataset is not None
    reference = copy.deepcopy(model)
    own_losses(reference, data.dataset["train"]).mean().backward()  # type: ignore[no-untyped-call]
    run = trainer(tmp_path, accumulate_grad_batches=99, limit_val_batches=0)
    run.fit(model, datamodule=data)
    assert run.global_step == 1
    for trained, start in zip(model.parameters(), reference.parameters(), strict=True):
        if start.grad is not None:
            torch.testing.assert_close(trained, start - 0.1 * start.grad, atol=1e-6, rtol=1e-4)


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
