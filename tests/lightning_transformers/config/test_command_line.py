"""Output and files of the generated commands, for a run and for a mistake."""

import json
import shlex
import time
from argparse import Action, ArgumentParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra._internal.utils import get_args_parser
from packaging.version import Version

from lightning_transformers import cli
from lightning_transformers.config.compose import hydra_parser
from lightning_transformers.version import VERSION
from tests.conftest import Run
from tests.helpers import warm
from tests.helpers.corpus import TEXTS, write_csv
from tests.helpers.projects import new_task
from tests.helpers.tree import RUN_FILES, tree

TRAIN = ("python", "train.py", "+task=nlp/mine", "backbone=nlp/tiny")


@pytest.fixture
def project(project: Path) -> Path:
    """Return a project with one task, and a file to train on."""
    new_task(project, "mine", "language_modeling", recipes=["freeze_backbone", "weight_noise"])
    write_csv(project / "train.csv")
    return project


def test_commands_that_new_task_prints_run_as_printed(project: Path, run: Run) -> None:
    (project / "again").mkdir()
    words = ("ltscaffold", "new-task", "again", "--base", "text_classification", "-C", "again")
    printed = run(*words).stdout.partition("Next:\n")[2]
    change, *commands = printed.splitlines()
    assert change.split() == ["cd", "again"]
    assert [line.split()[0] for line in commands] == ["python", "pytest", "git"]
    (project / "again/conf/local").mkdir()
    (project / "again/conf/local/default.yaml").write_text(
        "# @package _global_\ntrainer:\n  limit_train_batches: 4\n  limit_val_batches: 2\n"
    )
    for line in commands:
        command = ["sh", "-c", line] if "&&" in line else shlex.split(line)
        done = warm.run(command, project / "again")
        assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (project / "again/outputs/nlp/again").iterdir()
    assert {path.name for path in folder.iterdir()} == RUN_FILES
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    assert manifest["versions"]["torch"] == version("torch")


def test_settings_of_this_machine_win_over_those_of_the_package(project: Path, run: Run) -> None:
    (project / "conf/local").mkdir()
    (project / "conf/local/default.yaml").write_text(
        "# @package _global_\ntrainer:\n  log_every_n_steps: 7\n  precision: 64-true\n"
    )
    done = run(*TRAIN, "trainer.precision=32-true", "--cfg", "job", "--package", "trainer")
    assert done.returncode == 0, done.stderr
    assert "log_every_n_steps: 7" in done.stdout
    assert "precision: 32-true" in done.stdout, "the command line wins over both"
    assert "/conf/local/" in (project / ".gitignore").read_text().splitlines()


def test_stdout_of_a_prediction_has_the_result_alone(run: Run) -> None:
    done = run(
        "python", "predict.py", "task=nlp/text_classification", "experiment=smoke", "+x=The cat"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout).keys() == {"label", "score"}
    assert "[INFO] - inferred dataset.labels=" in done.stderr


def test_train_then_predict(project: Path, run: Run) -> None:
    write_csv(project / "valid.csv", TEXTS[:20])
    files = ("dataset.train_file=train.csv", "dataset.validation_file=valid.csv")
    done = run(*TRAIN, *files, "hydra.run.dir=outputs/here", "trainer.accelerator=cpu")
    assert done.returncode == 0, done.stderr
    assert "outputs/here" in done.stdout
    assert "noise_std: 0.01" in (project / "outputs/here/config.yaml").read_text()
    log = (project / "outputs/here/train.log").read_text()
    for line in (
        "] - start: train.py +task=nlp/mine ",
        "] - train set: ",
        "] - validation at step ",
    ):
        assert line in log
        assert line in done.stdout
    assert f"{log.splitlines()[-1].partition('] - ')[2]}\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Next: python evaluate.py task=nlp/mine ")
    former = (project / "outputs/here/metrics.csv").read_text().splitlines()
    done = run(
        *TRAIN,
        *files,
        "trainer.accelerator=cpu",
        "resume=auto",
        "trainer.max_epochs=2",
        "hydra.run.dir=outputs/here",
    )
    assert done.returncode == 0, done.stderr
    assert "resume=auto: resuming from" in done.stdout
    metrics = (project / "outputs/here/metrics.csv").read_text().splitlines()
    assert metrics[: len(former)] == former, "the curve continues"
    assert metrics[-1].startswith("1,"), "with the second epoch"
    before = tree(project)
    checkpoint = "+checkpoint_path=outputs/here/checkpoints/best.ckpt"
    done = run("python", "predict.py", "+task=nlp/mine", checkpoint, "+x=The cat")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The cat")
    assert tree(project) == before, "a prediction leaves nothing behind"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no dataset: give dataset.train_file="),
        (("dataset.train_file=nowhere.csv",), "the train file 'nowhere.csv' does not exist"),
        (
            ("dataset.train_file=train.csv", "dataset.text_column=body"),
            "no column 'body' (its columns: number, text; read with delimiter ',')",
        ),
        (
            ("dataset.train_file=train.csv", "backbone.pretrained_model_name_or_path=no/such"),
            "cannot load the backbone 'no/such'",
        ),
        (
            ("dataset.train_file=train.csv", "checkpoint_path=no.ckpt"),
            "checkpoint_path=no.ckpt is not a file",
        ),
        (("dataset.train_file=train.csv", "resume=yes"), "resume=yes is not auto or null: set one"),
        (("dataset.train_file=train.csv", "+task.nose_std=1"), "did you mean 'noise_std'?"),
    ],
    ids=[
        "no dataset",
        "missing file",
        "missing column",
        "unreachable backbone",
        "checkpoint",
        "resume",
        "typo",
    ],
)
def test_mistake_ends_in_one_line_and_leaves_nothing_behind(
    arguments: tuple[str, ...], message: str, project: Path, run: Run
) -> None:
    before = tree(project)
    done = run(*TRAIN, *arguments, "trainer.accelerator=cpu")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Traceback" not in done.stderr
    assert tree(project) == before


@pytest.mark.slow
def test_unreachable_hub_is_said_with_what_to_do(project: Path, run: Run) -> None:
    """The client by itself retries for 46 seconds; nothing listens on port 9."""
    offline = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}
    run("python", "-c", "", **offline)  # imports are slow, too: not timed
    start = time.monotonic()
    done = run("python", "train.py", "task=nlp/mine", "dataset.train_file=train.csv", **offline)
    assert done.returncode == 2, done.stderr
    assert time.monotonic() - start < 30
    assert "cannot load the backbone 'gpt2'" in done.stderr
    assert "backbone=tiny" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "status", "message"),
    [
        ("class Mine", "import nosuchmodule\n\n\nclass Mine", 1, "No module named 'nosuchmodule'"),
        ("class Mine", "class Mine(\n", 1, "SyntaxError"),
        ("class Mine", "class Yours", 2, "no class 'MineTransformer' (did you mean 'YoursTrans"),
    ],
)
def test_mistake_in_the_users_module_is_shown(
    old: str, new: str, status: int, message: str, project: Path, run: Run
) -> None:
    module = project / "tasks/mine/model.py"
    module.write_text(module.read_text().replace(old, new))
    done = run(*TRAIN, "experiment=smoke")
    assert done.returncode == status
    assert message in done.stderr
    assert str(module) in done.stderr or status == 2


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ((), "give +x=<input>"),
        (("x=a", "checkpoint_path=no.ckpt"), "checkpoint_path=no.ckpt is not a file"),
    ],
)
def test_mistake_in_predict(x: tuple[str, ...], message: str, project: Path, run: Run) -> None:
    done = run("python", "predict.py", "task=nlp/mine", *x)
    assert done.returncode == 2
    assert message in done.stderr
    assert set(tree(project)).isdisjoint({"outputs"})


def test_the_console_command_finds_the_project(project: Path, run: Run) -> None:
    done = run("pl-transformers-train", "task=nlp/mine", "--cfg", "job", "--package", "task")
    assert done.returncode == 0, done.stderr
    assert "_target_: tasks.mine.model.MineTransformer" in done.stdout
    done = run("pl-transformers-train", "--help")
    assert done.returncode == 0
    assert "nlp/mine" in done.stdout


@pytest.mark.parametrize("words", ["--help", "+task=nlp/mine --cfg job"])
def test_a_reader_that_closes_the_pipe_ends_the_command_silently(
    words: str, project: Path, run: Run
) -> None:
    done = run("bash", "-c", f"set -o pipefail; python predict.py {words} | true")
    assert (done.returncode, done.stderr) == (141, "")


def test_multirun_runs_every_job(project: Path, run: Run) -> None:
    """A mistake in one job does not keep the next from running."""
    quick = ("experiment=smoke", "trainer.limit_train_batches=1", "trainer.limit_val_batches=1")
    sweep = ("-m", "+task=nlp/mine", "dataset.block_size=1,8", "trainer.max_epochs=1", *quick)
    done = run("python", "train.py", *sweep)
    assert "error: dataset.block_size=1 leaves no token" in done.stderr
    assert len(list(project.glob("outputs/multirun/*/1/metrics.csv"))) == 1
    (kept,) = project.glob("outputs/multirun/*/1/checkpoints/*")
    assert kept.name == "best.ckpt"
    assert "optimizer_states" not in torch.load(kept, weights_only=True)


def test_a_mistake_takes_no_folder_of_the_user_away(project: Path, run: Run) -> None:
    (project / "elsewhere/mine").mkdir(parents=True)
    for folder in (project.parent / "beside", Path()):
        done = run(*TRAIN, "dataset.train_file=no.csv", f"hydra.run.dir={folder}")
        assert "does not exist" in done.stderr
    assert (project.parent / "beside").is_dir()
    assert (project / "elsewhere/mine").is_dir()


def test_from_another_folder(project: Path) -> None:
    """The project is where the script is; files are relative to where the command is typed."""
    (project / "data").mkdir()
    words = ("task=nlp/mine", "backbone=nlp/tiny", "dataset.train_file=train.csv")
    done = warm.run(("python", "../train.py", *words), project / "data")
    assert f"looked for {project}/data/train.csv" in done.stderr


def test_without_the_training_stack_one_line_says_what_to_install(project: Path, run: Run) -> None:
    """As after `pip install ltscaffold` without the extra: hydra cannot be found."""
    code = (
        "import sys, importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name: None if name in ('hydra', 'torch') else find(name);"
        "from lightning_transformers import cli; cli.find_spec = u.find_spec; cli.train()"
    )
    done = run("python", "-c", code)
    assert done.returncode == 2
    assert done.stderr == 'error: hydra, torch not installed: pip install "ltscaffold[train]"\n'


def test_an_older_runtime_than_the_templates_need_ends_in_one_line(project: Path) -> None:
    """From another folder, before the task is imported; of two lines the newer one counts."""
    record = project / ".copier-answers.yml"
    record.write_text(record.read_text() + 'lts_runtime: "1000.2rc1"  # of another branch\n')
    (project / "tasks/mine/model.py").write_text("raise ImportError\n")
    (project / "data").mkdir()
    for script in ("train.py", "rerun.py"):
        done = warm.run(("python", f"../{script}", "task=nlp/mine"), project / "data")
        assert (done.returncode, done.stderr) == (
            2,
            f"error: {project} needs ltscaffold 1000.2rc1 or newer, and {VERSION} is installed: "
            'pip install --upgrade "ltscaffold[train]>=1000.2rc1"\n',
        )


def test_the_newest_templates_work_with_this_runtime(project: Path) -> None:
    recorded = cli.OLDEST_RUNTIME.findall((project / ".copier-answers.yml").read_text())
    assert [Version(each) for each in recorded] <= [Version(VERSION)]
    assert recorded


def test_hydras_parser_fits_the_argparse_of_python_3_14(monkeypatch: pytest.MonkeyPatch) -> None:
    """It formats a help when it is added, and refuses one that is not text."""
    add = ArgumentParser.add_argument

    def add_and_format(parser: ArgumentParser, *names: str, **options: Any) -> Action:
        action = add(parser, *names, **options)
        if action.help:
            parser._get_formatter()._expand_help(action)
        return action

    monkeypatch.setattr(ArgumentParser, "add_argument", add_and_format)
    with pytest.raises((TypeError, ValueError)):
        get_args_parser()
    actions = {action.dest: action for action in hydra_parser()._actions}
    assert "shell completion" in str(actions["shell_completion"].help)
