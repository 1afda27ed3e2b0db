"""Prediction uses the device, batch size and seed of the config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_transformers.config.compose import compose
from lightning_transformers.core.task import TaskTransformer
from lightning_transformers.runs import predict
from lightning_transformers.runs.build import first_device, restore

CLASSIFIER = ("task=nlp/text_classification", "experiment=smoke", "training.run_dir=.", "x=a")


def test_the_first_device_predicts_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def record(task: TaskTransformer, inputs: Any, data: Any, batch_size: int) -> Sequence[Any]:
        seen.append((task.device, batch_size))
        return []

    monkeypatch.setattr(TaskTransformer, "predict", record)
    monkeypatch.setattr(predict, "first_device", lambda config: torch.device("meta"))
    predict.predict_from_config(compose([*CLASSIFIER, "dataset.batch_size=2"]))
    assert seen == [(torch.device("meta"), 2)]


@pytest.mark.parametrize("devices", ["auto", "4"])
def test_several_devices_are_asked_for_one(devices: str) -> None:
    cpu = ("trainer.accelerator=cpu", f"trainer.devices={devices}", "trainer.strategy=ddp")
    assert first_device(compose([*CLASSIFIER, *cpu])) == torch.device("cpu")


def test_new_weights_follow_from_the_seed() -> None:
    """Of a backbone whose head no file has."""
    scores = [
        predict.predict_from_config(compose([*CLASSIFIER, f"training.seed={seed}"]))[0]["score"]
        for seed in (0, 0, 1)
    ]
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize("has_head", [False, True])
def test_a_new_head_is_a_warning(
    has_head: bool, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A model on the hub may have been trained for the task."""
    predict.predict_from_config(compose(CLASSIFIER))
    assert "no checkpoint_path: all weights of " in caplog.text
    caplog.clear()
    model, _ = restore(compose(CLASSIFIER))
    (model.model if has_head else model.model.base_model).save_pretrained("model")
    trained = ("backbone.pretrained_model_name_or_path=model", "backbone.random_weights=false")
    name = f"backbone.tokenizer_name_or_path={model.backbone.pretrained_model_name_or_path}"
    predict.predict_from_config(compose([*CLASSIFIER, *trained, name]))
    warning = "no checkpoint_path: the weights classifier.weight, classifier.bias of 'model' are "
    assert (warning in caplog.text) != has_head
    assert ("no checkpoint_path" in caplog.text) != has_head


def test_each_row_of_a_file_has_a_prediction(project: Path) -> None:
    (project / "rows.txt").write_text("one line\n\nthree\n")
    config = compose([*CLASSIFIER[:-1], "dataset.predict_file=rows.txt"])
    first, blank, third = predict.predict_from_config(config)
    assert "score" in first
    assert "score" in third
    assert blank == {"error": "input {'text': ''} has no text in 'text'"}
    (project / "rows.jsonl").write_text('{"text": "a"}\n{"text": \n{"text": ["b"]}\n')
    config = compose([*CLASSIFIER[:-1], "dataset.predict_file=rows.jsonl"])
    _, broken, listed = predict.predict_from_config(config)
    assert broken == {"error": "'rows.jsonl' line 2 is not JSON (Expecting value): {\"text\":"}
    assert listed == {"error": "input {'text': ['b']} has no text in 'text'"}
    (project / "rows.csv").write_text("text\n1\n2\n")
    config = compose([*CLASSIFIER[:-1], "dataset.predict_file=rows.csv"])
    assert all("score" in prediction for prediction in predict.predict_from_config(config))
