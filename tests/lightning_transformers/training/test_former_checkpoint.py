"""Weights of a checkpoint of lightning-transformers are taken over, and nothing in it is run."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.package_data import local_path
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.build import restore
from lightning_transformers.runs.export import export_from_config
from lightning_transformers.runs.predict import predict_from_config
from lightning_transformers.training.checkpoint import read_training_state
from lightning_transformers.training.former_checkpoint import read_weights

BERT = local_path("pkg://lightning_transformers/assets/tiny/bert")
LIGHTNING = {"epoch": 0, "global_step": 3, "optimizer_states": [], "hparams_name": "kwargs"}


class Harmful:
    """Creates a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.file}'",)


class Words(list[str]):
    """A pickled container of another package, with a state."""


@pytest.fixture(scope="module")
def trained() -> PreTrainedModel:
    torch.manual_seed(1)
    config = BertConfig.from_pretrained(BERT, num_labels=5)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
    return model


def written(folder: Path, model: PreTrainedModel, **others: object) -> Path:
    """Return a checkpoint as lightning-transformers 0.2 wrote it, by default."""
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    state["model.bert.embeddings.position_ids"] = torch.arange(8)[None]
    recorded = {"hyper_parameters": {"pretrained_model_name_or_path": BERT}}
    torch.save({**LIGHTNING, "state_dict": state, **recorded, **others}, folder / "old 1=2.ckpt")
    return folder / "old 1=2.ckpt"


def config_of(checkpoint: Path, *overrides: str) -> DictConfig:
    paths = (f"training.run_dir={checkpoint.parent}", f"+checkpoint_path={checkpoint}")
    quick = ("trainer.accelerator=cpu", "task=nlp/text_classification")
    return compose([*quick, *paths, *overrides])


def test_a_checkpoint_predicts_and_exports(tmp_path: Path, trained: PreTrainedModel) -> None:
    """Without a name of the backbone, which is that of the run; the number of labels as well."""
    config = config_of(written(tmp_path, trained), "+x=hello", f"export_dir={tmp_path}/exported")
    (prediction,) = predict_from_config(config)
    folder = export_from_config(config)
    exported = AutoModelForSequenceClassification.from_pretrained(folder)
    for name, value in trained.state_dict().items():
        assert torch.equal(exported.state_dict()[name], value)
    name = f"backbone.pretrained_model_name_or_path={folder}"
    again = compose([name, "task=nlp/text_classification", "+x=hello", "trainer.accelerator=cpu"])
    again.training.run_dir = str(tmp_path)
    (repeated,) = predict_from_config(again)
    assert repeated["label"] == prediction["label"]
    assert repeated["score"] == pytest.approx(prediction["score"], abs=1e-6)


def test_pickled_objects_are_not_unpickled(tmp_path: Path, trained: PreTrainedModel) -> None:
    objects = {
        "hyper_parameters": OmegaConf.create({"backbone": {"name": "x"}}),
        "tokenizer": [Words(["a"]), {"b": Harmful(tmp_path / "harm")}],
    }
    path = written(tmp_path, trained, **objects)
    task, _ = restore(config_of(path, f"backbone.pretrained_model_name_or_path={BERT}"))
    assert torch.equal(task.model.classifier.weight, trained.classifier.weight)  # type: ignore[arg-type]
    assert not (tmp_path / "harm").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "harm").exists()


@pytest.mark.parametrize("pickled", [{}, {"more": Words()}])
def test_training_cannot_resume_from_it(
    pickled: dict[str, object], tmp_path: Path, trained: PreTrainedModel
) -> None:
    path = written(tmp_path, trained, **pickled)
    with pytest.raises(ConfigurationError, match=r"python export\.py task=<task> \+checkpoint"):
        read_training_state(str(path))


def test_weights_of_another_backbone_are_one_line(tmp_path: Path, trained: PreTrainedModel) -> None:
    path = written(tmp_path, trained)
    config = config_of(path, "+backbone.config.hidden_size=16")
    with pytest.raises(ConfigurationError, match=r"do not fit .*: bert.*; give backbone"):
        restore(config)


@pytest.mark.parametrize("content", [{"state_dict": {"a": 1}}, {"state_dict": Words()}, 3, {}])
def test_a_file_without_such_weights_is_one_line(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(ConfigurationError, match=r"a\.ckpt (cannot be read|has no weights)"):
        read_weights(str(tmp_path / "a.ckpt"))
