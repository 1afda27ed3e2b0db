"""Editors complete, explain and check the YAML files of a project."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_tools.release_templates import ROOT
from lightning_transformers.config.compose import compose
from tests.conftest import Run
from tests.helpers.language_server import LanguageServer
from tests.helpers.projects import add, add_shell, new_dataset, new_task

SERVER = os.environ.get("LTSCAFFOLD_YAML_SERVER", "")
"""Folder of the npm package `yaml-language-server`; `make editor` installs it."""
COMMAND = ("python", "-m", "lightning_transformers", "schema")
EXPERIMENT = """\
# @package _global_
trainer:
  max_epoch: 3
  max_steps: ${n}
callbacks:
  checkpoint:
    monitr: val/loss
"""


@pytest.fixture
def described(project: Path, run: Run) -> Path:
    """Return a project with a task, a dataset and an experiment, and their schema."""
    new_task(project, "mine", "language_modeling", recipes=["weight_noise"])
    new_dataset(project, "rows", "text_classification")
    experiment = project / "conf/experiment/mine.yaml"
    experiment.parent.mkdir()
    experiment.write_text(EXPERIMENT)
    done = run(*COMMAND)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "conf/schema.json",
        "conf/config.yaml",
        "conf/dataset/nlp/text_classification/rows.yaml",
        "conf/experiment/mine.yaml",
        "conf/task/nlp/mine.yaml",
    ]
    return project


@pytest.fixture
def server(described: Path) -> Iterator[LanguageServer]:
    if not SERVER:
        pytest.skip("needs yaml-language-server: make editor")
    server = LanguageServer(ROOT / SERVER, described)
    yield server
    server.close()


def test_the_schema_describes_the_classes_of_the_project(described: Path, run: Run) -> None:
    schema = json.loads((described / "conf/schema.json").read_text("utf-8"))
    task = schema["definitions"]["tasks.mine.model.MineTransformer"]
    assert task["properties"]["noise_std"]["description"] == "standard deviation of the noise"
    assert (
        "max_length"
        in schema["definitions"]["tasks.data_modules.rows.RowsDataModule"]["properties"]
    )
    file = described / "conf/task/nlp/mine.yaml"
    first = "# yaml-language-server: $schema=../../schema.json\n"
    assert file.read_text("utf-8").startswith(first)
    assert compose(["task=nlp/mine"], described / "conf").task.noise_std == 0.01
    assert run(*COMMAND).stdout == "", "nothing has changed"
    add(described, "mine", (), ["label_smoothing"])
    assert file.read_text("utf-8").startswith(first)
    assert "label_smoothing: " in file.read_text("utf-8")


def test_an_editor_completes_explains_and_checks(described: Path, server: LanguageServer) -> None:
    task = described / "conf/task/nlp/mine.yaml"
    assert server.open(task) == []
    lines = task.read_text("utf-8").splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if line.startswith("noise_std"))
    hover = server.at("hover", task, number)["contents"]["value"]
    assert hover.startswith("standard deviation of the noise")
    labels = [each["label"] for each in server.at("completion", task, len(lines) + 1)["items"]]
    assert "max_new_tokens" in labels
    wrong = described / "conf/task/nlp/wrong.yaml"
    wrong.write_text(f"{task.read_text('utf-8')}nose: 1\nmax_new_tokens: 0\n")
    assert server.open(wrong) == [
        (len(lines) + 1, "Property nose is not allowed."),
        (len(lines) + 2, "Value is below the exclusive minimum of 0."),
    ]
    dataset = described / "conf/dataset/nlp/text_classification/rows.yaml"
    dataset.write_text(f"{dataset.read_text('utf-8')}max_length: ${{n}}\npadding: foo\n")
    ((line, message),) = server.open(dataset)
    assert (line, message[:25]) == (8, "Value is not accepted. Va")
    assert server.open(described / "conf/config.yaml") == []
    assert server.open(described / "conf/experiment/mine.yaml") == [
        (4, "Property max_epoch is not allowed."),
    ]


@pytest.mark.skipif(not SERVER, reason="needs yaml-language-server: make editor")
def test_the_settings_of_vs_code_check_files_that_name_no_schema(described: Path) -> None:
    add_shell(described, "vscode")
    settings = json.loads((described / ".vscode/settings.json").read_text("utf-8"))
    assert settings["yaml.yamlVersion"] == "1.1"
    task = described / "conf/task/nlp/mine.yaml"
    lines = task.read_text("utf-8").splitlines()[1:]
    task.write_text("\n".join([*lines, "nose: 1", ""]), "utf-8")
    server = LanguageServer(ROOT / SERVER, described, settings["yaml.schemas"])
    assert server.open(task) == [(len(lines) + 1, "Property nose is not allowed.")]
    server.close()


def test_without_a_project_one_line_says_so(project: Path, run: Run) -> None:
    done = run(*COMMAND)
    assert (done.returncode, done.stderr) == (
        2,
        "error: no conf/config.yaml here: run it in the folder of a project\n",
    )
