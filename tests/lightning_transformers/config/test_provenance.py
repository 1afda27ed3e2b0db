"""The settings of a run that differ from the defaults."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lightning_transformers.config import app
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.provenance import changed_settings

QUIET = ("hydra.run.dir=run", "hydra/job_logging=none", "hydra/hydra_logging=none")
GIVEN = ("task=nlp/language_modeling", "dataset.train_file=train.csv")


@pytest.fixture(autouse=True)
def _without_hydra() -> Iterator[None]:
    yield
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


def changed(*overrides: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[object]]:
    """Return the changed settings of a command."""
    found: list[dict[str, list[object]]] = []

    def command(config: DictConfig) -> None:
        check_config(config)  # it resolves some of the values
        found.append(changed_settings(config))

    monkeypatch.setattr(sys, "argv", ["train.py", *GIVEN, *overrides, *QUIET])
    app.run_app(command)
    return found[0]


def test_each_override_that_changes_a_value_is_listed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2")
    found = changed(
        "backbone=tiny",  # whose tokenizer is that of the model, as by default
        "trainer.max_epochs=6",
        "optimizer.lr=3e-3",
        "scheduler=constant_schedule",
        "training.batch_size=16",  # the default
        "dataset.revision=${oc.env:SOME_API_KEY}",
        monkeypatch=monkeypatch,
    )
    assert found.pop("backbone.pretrained_model_name_or_path")[0] == "gpt2"
    assert found == {
        "backbone.random_weights": [False, True],
        "trainer.max_epochs": [1, 6],
        "optimizer.lr": [5e-5, 3e-3],
        "scheduler._target_": [
            "lightning_transformers.training.schedules.linear_schedule_with_warmup",
            "transformers.get_constant_schedule",
        ],
        "scheduler.num_training_steps": [-1, None],
        "scheduler.num_warmup_steps": [0.1, None],
        "dataset.train_file": [None, "train.csv"],
        "dataset.revision": [None, "${oc.env:SOME_API_KEY}"],
    }


def test_an_interpolation_that_is_written_out_changes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["backbone.pretrained_model_name_or_path=mine", "backbone.tokenizer_name_or_path=mine"]
    found = changed(*names, "trainer.max_epochs=${training.batch_size}", monkeypatch=monkeypatch)
    assert found == {
        "backbone.pretrained_model_name_or_path": ["gpt2", "mine"],
        "trainer.max_epochs": [1, "${training.batch_size}"],
        "dataset.train_file": [None, "train.csv"],
    }
