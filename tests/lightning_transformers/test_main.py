"""`python -m lightning_transformers`: the commands without a project's script."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from lightning_transformers.__main__ import COMMANDS, main
from lightning_transformers.base.package_data import local_path

TWO_RANKS = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")
VALIDATION = "pkg://lightning_transformers/assets/text_classification/validation.csv"
SHORT = ("trainer.max_epochs=1", "trainer.limit_train_batches=1", "trainer.limit_val_batches=1")


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the module with arguments; return the finished process."""
    command = [sys.executable, "-m", "lightning_transformers", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (),
            "no command given "
            "(known: compare, evaluate, explain, export, predict, prepare, rerun, schema, train)",
        ),
        (("trian",), "'trian' is not a command (did you mean 'train'?)"),
        (("schema", "conf"), "unrecognized arguments: conf (usage: schema [-h])"),
        (("schema",), "no conf/config.yaml here: run it in the folder of a project"),
        (("export", "+task=nlp/translation"), "nothing to export: give +checkpoint_path=<file>"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], message: str, project: Path) -> None:
    done = started(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")


def test_help_names_each_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lightning_transformers", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code is None
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[2:-2]] == [*COMMANDS]


def test_the_schema_has_a_help_outside_a_project(project: Path) -> None:
    done = started("schema", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: schema [-h]\n\nWrite conf/schema.json")


@pytest.mark.slow
def test_ranks_that_lightning_starts_run_the_same_command(project: Path) -> None:
    task = ("+task=nlp/text_classification", "experiment=smoke", "hydra.run.dir=run")
    done = started("train", *task, *TWO_RANKS, *SHORT)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((project / "run/manifest.yaml").read_text())["training"]["processes"] == 2
    found = pq.read_table(project / "run/predictions.parquet")["text"].to_pylist()
    with Path(local_path(VALIDATION)).open() as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert len(found) > 16
    assert found == texts[: len(found)]
    report = (project / "run/report.html").read_text()
    assert ">trainer.devices</td><td" in report.replace(' class="text"', "")
