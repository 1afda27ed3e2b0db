"""Former keys in files and overrides are reported together, with their present spelling."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from lightning_transformers.config.app import run_app
from lightning_transformers.config.checks import check_config
from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.config.former_keys import former_keys

TASK = "task=nlp/text_classification"
OWN = "conf/dataset/nlp/text_classification/mine.yaml"
DATASET = """\
# @package dataset
defaults:
  - nlp/default
_target_: lightning_transformers.task.nlp.text_classification.TextClassificationDataModule
cfg:
  dataset_name: emotion
"""
MORE = """\
  max_samples: 100
  padding: false
  train_val_split: null
"""
OPTIMIZER = "_target_: torch.optim.SGD\nlr: ${training.lr}\n"


@pytest.fixture
def line_of(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Return a function that returns the error line of `train.py` in a project."""
    write(project, "conf/config.yaml", (PACKAGED_CONFIGS / "config.yaml").read_text())

    def line_of(*typed: str) -> str:
        quiet = ("hydra/job_logging=none", "hydra/hydra_logging=none")
        monkeypatch.setattr("sys.argv", ["train.py", *typed, *quiet])
        monkeypatch.setattr("sys.path", [*sys.path])
        with pytest.raises(SystemExit, match="2"):
            run_app(check_config)
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None
        (line,) = capsys.readouterr().err.splitlines()
        return line.removeprefix("error: ")

    return line_of


def write(project: Path, name: str, text: str) -> None:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_file_with_cfg_names_each_new_key(project: Path, line_of: Callable[..., str]) -> None:
    write(project, OWN, DATASET)
    choice = "dataset=nlp/text_classification/mine"
    line = line_of(TASK, choice)
    assert line == f"{OWN}: dataset.cfg.dataset_name is now dataset.dataset_name"
    write(project, OWN, DATASET + MORE)
    write(project, "conf/optimizer/mine.yaml", OPTIMIZER)
    line = line_of(TASK, choice, "optimizer=mine", "+trainer.gpus=2")
    assert line == (
        "trainer.gpus=2 is now trainer.devices=2; conf/optimizer/mine.yaml: "
        "optimizer.lr=${training.lr} is now a value, such as 5e-5; "
        f"{OWN}: dataset.cfg.dataset_name is now dataset.dataset_name; "
        "dataset.cfg.max_samples is now dataset.limit_train_samples; "
        "dataset.cfg.padding=false is now dataset.padding=longest; "
        "dataset.cfg.train_val_split=null is no longer supported: remove it"
    )


@pytest.mark.parametrize("plus", ["+", "++"])
def test_overrides_are_reported_at_once(plus: str) -> None:
    """Composed as they are, since the plus adds the keys."""
    typed = ("dataset.cfg.train_file=a.csv", "dataset.cfg.max_length=9", "task.cfg.num_beams=2")
    config = compose(["task=nlp/summarization", *(plus + each for each in typed)])
    assert former_keys(config) == [
        "dataset.cfg.train_file=a.csv is now dataset.train_file=a.csv; "
        "dataset.cfg.max_length=9 is now dataset.max_source_length=9; "
        "task.cfg.num_beams=2 is now task.num_beams=2"
    ]


def test_overrides_without_a_plus_are_reported_at_once(
    project: Path, line_of: Callable[..., str]
) -> None:
    """Hydra stops at the first; a file with other former keys is reported as well."""
    write(project, OWN, DATASET)
    typed = ["dataset.cfg.max_samples=3", "trainer.gpus=2", "dataset.cfg.padding=true"]
    choice = "dataset=nlp/text_classification/mine"
    assert line_of(TASK, choice, *typed) == (
        "dataset.cfg.max_samples=3 is now dataset.limit_train_samples=3; "
        "trainer.gpus=2 is now trainer.devices=2; "
        "dataset.cfg.padding=true is now dataset.padding=longest; "
        f"{OWN}: dataset.cfg.dataset_name is now dataset.dataset_name"
    )


def test_a_task_without_the_key_has_another_one_or_nothing() -> None:
    typed = ("+dataset.cfg.max_length=9", "+dataset.cfg.padding=longest")
    assert former_keys(compose(["task=nlp/language_modeling", *typed])) == [
        "dataset.cfg.max_length=9 is now dataset.block_size=9; "
        "dataset.cfg.padding=longest is no longer supported: remove it"
    ]


@pytest.mark.parametrize(
    "typed",
    [
        f"+dataset.cfg.size=3 dataset._target_={__name__}.Own",
        "+trainer.min_epochs=1",
        "+training.lr=0.1 optimizer.lr=${training.lr}",
        "+trainer.plugins._target_=x +trainer.plugins.stage=1",
    ],
)
def test_a_key_that_is_read_today_is_none_of_them(typed: str) -> None:
    assert former_keys(compose([TASK, *typed.split()])) == []


class Own:
    cfg: dict[str, int]


def test_the_plain_form_of_a_default_dataset_names_the_right_one(
    project: Path, line_of: Callable[..., str]
) -> None:
    text = "# @package task\ndefaults:\n  - /task/nlp/text_classification\n  - override /dataset"
    write(project, "conf/task/nlp/mine.yaml", f"{text}: nlp/text_classification/emotion\n")
    assert "mine.yaml: write `override /dataset@_global_.dataset: " in line_of("task=nlp/mine")
    write(project, "conf/task/nlp/mine.yaml", f"{text}@_global_.dataset: nlp/translation/wmt16\n")
    config = compose(["task=nlp/mine"], project / "conf")
    assert config.dataset.source_language == "en"
