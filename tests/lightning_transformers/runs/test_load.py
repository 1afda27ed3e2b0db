"""`load`: from a run folder or a checkpoint to a task that predicts and evaluates."""

import csv
import os
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from pytorch_lightning import Trainer

from lightning_transformers import evaluate, load, predict
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.core.data import TransformerDataModule
from lightning_transformers.runs.build import absolute_paths
from lightning_transformers.runs.predict import predict_from_config
from lightning_transformers.task.nlp.question_answering import QuestionAnsweringTransformer
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.training.checkpoint_identity import CLASS, CLASSES
from tests.conftest import Run
from tests.helpers.python_examples import train_run

FIXTURE = Path(__file__).parents[2] / "fixtures" / "project-0.1"
OWN = "tasks.my_language_modeling.model.MyLanguageModelingTransformer"


class Renamed(TextClassificationTransformer):
    """A class that no run records."""


class OtherData(TextClassificationDataModule):
    """Data that no run records."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which a run was started, with the run in `outputs/run`."""
    folder = tmp_path_factory.mktemp("started")
    before = Path.cwd()
    os.chdir(folder)
    try:
        train_run("tokenizer.use_fast=false", "dataset.max_length=12", "logger=csv")
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def run_folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the run folder elsewhere; the working directory is another one."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained / "outputs/run", tmp_path / "moved"))


def quiet_trainer() -> Trainer:
    return Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)


def test_task_and_data_of_a_moved_run_are_ready(run_folder: Path) -> None:
    task, data = load(str(run_folder))
    assert type(task) is TextClassificationTransformer
    assert not any(module.training for module in task.modules())
    best = torch.load(run_folder / "checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(value, best[name]) for name, value in task.state_dict().items())
    assert isinstance(data, TextClassificationDataModule)
    assert (data.labels, data.max_length) == (["animal", "thing"], 12)
    (single,) = task.predict("text 3", data)
    assert [single] == predict(task, data, ["text 3"]) == task.predict({"text": "text 3"}, data)
    with (run_folder / "metrics.csv").open() as stream:
        losses = [float(row["val/loss"]) for row in csv.DictReader(stream) if row["val/loss"]]
    metrics = evaluate(task, data, quiet_trainer(), verbose=False)
    assert metrics["val/loss"] == pytest.approx(losses[-1], rel=1e-5), "the same rows are held out"


def test_the_process_is_left_as_it_was(run_folder: Path) -> None:
    before = [Path.cwd(), {**os.environ}, [*sys.argv]]
    load(run_folder)
    assert [Path.cwd(), {**os.environ}, [*sys.argv]] == before
    assert not GlobalHydra.instance().is_initialized()
    assert not HydraConfig.initialized()


def test_it_predicts_where_neither_the_files_nor_the_project_are(run_folder: Path) -> None:
    manifest = yaml.safe_load((run_folder / "manifest.yaml").read_text())
    (run_folder / "manifest.yaml").write_text(yaml.safe_dump({**manifest, "directory": "/gone"}))
    task, data = load(run_folder)
    assert task.predict("text 3", data)[0]["label"] in ("animal", "thing")


def test_a_predict_file_needs_no_other_file(run_folder: Path) -> None:
    task, data = load(run_folder)
    data.train_file = "gone.csv"
    data.predict_file = str(run_folder / "predict.txt")
    Path(data.predict_file).write_text("text 1\ntext 2\n")
    assert predict(task, data) == predict(task, data, ["text 1", "text 2"])
    assert data.train_file == "gone.csv"


def test_the_bundled_sample_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "sample").mkdir()
    paths = {"dataset_name": "sample", "train_file": "sample"}
    assert absolute_paths(paths, tmp_path) == paths | {"train_file": str(tmp_path / "sample")}


def test_the_last_checkpoint_stands_in_for_the_best(
    run_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    best = run_folder / "checkpoints/best.ckpt"
    best.rename(run_folder / "checkpoints/last.ckpt")
    load(run_folder)
    assert caplog.messages == [f"the run in '{run_folder}' has no best.ckpt: last.ckpt is loaded"]
    newest = run_folder / "checkpoints/every/epoch=1.ckpt"
    newest.parent.mkdir()
    (run_folder / "checkpoints/last.ckpt").rename(newest)
    for older in ("checkpoints/epoch=9.ckpt", "former/checkpoints/best.ckpt"):
        (run_folder / older).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(newest, run_folder / older)
        os.utime(run_folder / older, (0, 0))
    with pytest.raises(ConfigurationError, match=r"has no .*best.ckpt: give '.*epoch=1.ckpt'"):
        load(run_folder)
    shutil.rmtree(run_folder / "checkpoints")
    with pytest.raises(ConfigurationError, match=r"has no .*best.ckpt: train with a checkp"):
        load(run_folder)


def test_a_checkpoint_is_loaded_by_the_record_of_its_run_or_by_its_own(run_folder: Path) -> None:
    config = yaml.safe_load((run_folder / "config.yaml").read_text())
    config["dataset"]["_target_"] = f"{__name__}.{OtherData.__name__}"
    (run_folder / "config.yaml").write_text(yaml.safe_dump(config))
    checkpoint = run_folder / "checkpoints/best.ckpt"
    (run_folder / "checkpoints/every").mkdir()
    for file in (checkpoint, shutil.copy(checkpoint, run_folder / "checkpoints/every/step=1.ckpt")):
        task, data = load(file)
        assert type(data) is OtherData
    alone = Path(shutil.copy(checkpoint, "alone.ckpt"))
    same_task, same_data = load(alone)
    assert type(same_data) is TextClassificationDataModule
    assert same_task.predict("text 3", same_data) == task.predict("text 3", data)


def test_classes_replace_the_recorded_ones(run_folder: Path) -> None:
    task, data = load(run_folder, task_class=Renamed, data_class=OtherData)
    assert [type(task), type(data)] == [Renamed, OtherData]
    content = torch.load(run_folder / "checkpoints/best.ckpt", weights_only=True)
    torch.save({**content, CLASS: None}, "old.ckpt")
    with pytest.raises(ConfigurationError, match=r"give task_class=<class>"):
        load("old.ckpt")
    assert type(load("old.ckpt", task_class=Renamed)[0]) is Renamed


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "'nothing' does not exist: give a run folder or a checkpoint"),
        (".", r"'\.' has no config.yaml and manifest.yaml of a run: did you mean '.*/moved'\?"),
        ("moved/checkpoints", r"of a run: did you mean '.*/moved'\?"),
        ("moved/checkpoints/bset.ckpt", r"does not exist: did you mean '.*/moved'\?"),
        ("moved/config.yaml", "moved/config.yaml is not a checkpoint: give"),
        ("empty", "'empty' has no config.yaml and manifest.yaml of a run: give a run folder or"),
    ],
)
def test_a_path_of_something_else_is_one_line(path: str, message: str, run_folder: Path) -> None:
    Path("empty").mkdir()
    if path == "empty":
        shutil.rmtree(run_folder)
    with pytest.raises(ConfigurationError, match=message) as error:
        load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", ["moved", "moved/checkpoints/last.ckpt"])
def test_a_sharded_checkpoint_is_one_line(path: str, run_folder: Path) -> None:
    (run_folder / "checkpoints/best.ckpt").unlink()
    (run_folder / "checkpoints/last.ckpt").mkdir()
    with pytest.raises(
        ConfigurationError, match=r"last.ckpt' is not a complete sharded checkpoint"
    ):
        load(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("task: [", r"config.yaml' cannot be read: while parsing"),
        ("- task", "config.yaml' cannot be read: "),
        ("task: null\ndataset: {}", "config.yaml' has no 'task._target_': restore"),
        ("task: {_target_: a.B}\ndataset: {}", "config.yaml' has no 'tokenizer': restore"),
    ],
)
def test_an_edited_config_is_one_line(config: str, message: str, run_folder: Path) -> None:
    (run_folder / "config.yaml").write_text(config)
    with pytest.raises(ConfigurationError, match=message) as error:
        load(run_folder)
    assert "\n" not in str(error.value)


def test_a_class_of_another_task_is_one_line(run_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"in Python task_class=<its class>$"):
        load(run_folder, task_class=QuestionAnsweringTransformer)


def test_the_home_of_another_user_counts_as_missing(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = yaml.safe_load((run_folder / "manifest.yaml").read_text())
    (run_folder / "manifest.yaml").write_text(yaml.safe_dump({**manifest, "directory": "/gone"}))
    stat = os.stat

    def refuse(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if str(path).startswith("/gone"):
            raise PermissionError(path)
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    load(run_folder)


def test_arguments_of_version_0_1_load_the_same(run_folder: Path) -> None:
    former = getattr(import_module("lightning_transformers.build"), "load")  # noqa: B009
    with pytest.warns(FutureWarning, match=r"load\(<path>, task_class=<class>\)"):
        task, data = former(Renamed, str(run_folder / "checkpoints/best.ckpt"), OtherData)
    assert [type(task), type(data)] == [Renamed, OtherData]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("never.there.Task", "no module named 'never'"),
        (
            "tests.helpers.never.Task",
            "task_class: 'tests.helpers' has no module or function 'never'",
        ),
        ("shutil.rmtree", "it is not a subclass of TaskTransformer"),
        (
            f"{TransformerDataModule.__module__}.TransformerDataModule",
            "it is not a subclass of TaskTransformer",
        ),
    ],
)
def test_a_class_that_cannot_be_imported_is_one_line(
    target: str, reason: str, run_folder: Path
) -> None:
    config = yaml.safe_load((run_folder / "config.yaml").read_text())
    config["task"]["_target_"] = target
    (run_folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigurationError, match=f"as {target}: {reason}.*task_class=") as error:
        load(run_folder)
    assert "\n" not in str(error.value)


@pytest.fixture
def of_a_project(run_folder: Path) -> Path:
    """Return the run folder as if classes of a project had been trained, which is gone."""
    file = run_folder / "checkpoints/best.ckpt"
    content = torch.load(file, weights_only=True)
    content[CLASSES]["task"] |= {"methods": ["compute_loss"], "hyperparameters": ["smoothing"]}
    content[CLASSES]["data"] |= {"methods": ["clean_row"]}
    for kind, name in (("task", "Task"), ("data", "Data")):
        content[CLASSES][kind]["name"] = f"gone.{name}"
    content["hyper_parameters"]["smoothing"] = 0.1
    torch.save({**content, CLASS: "gone.Task"}, file)
    config = yaml.safe_load((run_folder / "config.yaml").read_text())
    config["task"]["_target_"], config["dataset"]["_target_"] = "gone.Task", "gone.Data"
    (run_folder / "config.yaml").write_text(yaml.safe_dump(config))
    return run_folder


@pytest.mark.parametrize("alone", [False, True])
def test_base_classes_stand_in_for_those_of_a_project_that_is_gone(
    alone: bool, of_a_project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path: Any = of_a_project
    if alone:
        path = shutil.copy(path / "checkpoints/best.ckpt", "alone.ckpt")
    for classes, lost in (
        ({}, "base_class=True for TextClassificationTransformer without compute_loss, smoothing"),
        (
            {"task_class": TextClassificationTransformer},
            "base_class=True for TextClassificationDataModule without clean_row",
        ),
    ):
        with pytest.raises(ConfigurationError, match=f"as gone.*, or {lost}$"):
            load(path, **classes)  # type: ignore[arg-type]
    caplog.clear()
    task, data = load(path, base_class=True)
    assert [type(task), type(data)] == [
        TextClassificationTransformer,
        TextClassificationDataModule,
    ]
    assert task.predict("text 3", data)[0]["label"] in ("animal", "thing")
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert [line.partition(" was trained with ")[2] for line in warned] == [
        "gone.Task: TextClassificationTransformer lacks its compute_loss, smoothing",
        "gone.Data: TextClassificationDataModule lacks its clean_row",
    ]


def test_a_command_with_the_base_task_names_what_does_not_apply(
    of_a_project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = of_a_project / "checkpoints/best.ckpt"
    words = ("task=nlp/text_classification", "training.run_dir=.", "x=text 3")
    config = compose([*words, f"checkpoint_path={checkpoint}"])
    (prediction,) = predict_from_config(config)
    assert prediction["label"] in ("animal", "thing")
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert ["lacks its" in line for line in warned] == [True, True]


def test_values_that_a_class_of_a_project_sets_are_kept_by_its_base(run_folder: Path) -> None:
    file = run_folder / "checkpoints/best.ckpt"
    content = torch.load(file, weights_only=True)
    content[CLASSES]["task"]["values"]["hf_pipeline_kwargs"] = {"top_k": 2}
    torch.save(content, file)
    assert load(run_folder)[0].hf_pipeline_kwargs == {"top_k": 2}


def test_a_pickle_is_refused(run_folder: Path) -> None:
    content = torch.load(run_folder / "checkpoints/best.ckpt", weights_only=True)
    torch.save({**content, "more": Renamed}, run_folder / "checkpoints/best.ckpt")
    with pytest.raises(ConfigurationError, match=r"best\.ckpt"):
        load(run_folder)


def loaded_class(run: Run, folder: Path) -> str:
    """Return the class that a process of its own loads from a run folder."""
    code = f"from lightning_transformers import load\ntask, data = load({str(folder)!r})\n"
    code += (
        "task.predict('It is', data)\nprint(type(task).__module__, type(task).__name__, sep='.')"
    )
    done = run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_second_project_with_the_same_package_is_one_line(run: Run, tmp_path: Path) -> None:
    """A process has one package `tasks`, that of the first project."""
    for name in ("first", "second"):
        shutil.copytree(FIXTURE, tmp_path / name)
    code = f"import os; os.chdir({str(tmp_path)!r}); from lightning_transformers import load\n"
    code += "for name in ('first', 'first', 'second'):\n    load(f'{name}/runs/finished')\n"
    code += "    print(name)"
    done = run("python", "-c", code)
    assert done.stdout == "first\nfirst\n"
    message = r"is imported from '.*/first/tasks/.*', not from '.*/second'.* task_class=<class>$"
    assert re.search(message, done.stderr.splitlines()[-1])


def test_a_class_of_a_project_is_found_around_the_run_folder(run: Run, tmp_path: Path) -> None:
    """The recorded directory is on another machine."""
    shutil.copytree(FIXTURE, tmp_path / "clone")
    assert loaded_class(run, tmp_path / "clone/runs/finished") == OWN


def test_a_class_of_a_project_is_found_by_the_record(run: Run, tmp_path: Path) -> None:
    """The run folder was moved; the command was typed outside of the project."""
    shutil.copytree(FIXTURE, tmp_path / "below/clone")
    shutil.move(tmp_path / "below/clone/runs/finished", tmp_path / "archive")
    for directory, program in (("below", "clone/train.py"), ("below/clone", "/bin/program")):
        file = tmp_path / "archive/manifest.yaml"
        started = {"directory": str(tmp_path / directory), "command": [program]}
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | started))
        assert loaded_class(run, tmp_path / "archive") == OWN
