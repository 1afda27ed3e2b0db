"""A rerun has bit-identical metrics, and reports what changed before it starts."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import CSVLogger

from lightning_transformers.runs.logged_metrics import compare, logged
from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from tests.conftest import Run
from tests.helpers import warm
from tests.helpers.corpus import write_csv
from tests.helpers.language_modeling import ADAMW, BACKBONE, sample, trainer
from tests.helpers.projects import new_task
from tests.helpers.rendered import task_class
from tests.helpers.tree import tree

EQUAL = "metrics are equal, bit for bit"
SHORT = (
    "trainer.accelerator=cpu",
    "trainer.max_epochs=2",
    "training.validate_before_fit=false",
    "training.batch_size=4",
    "dataset.limit_train_samples=16",
    "dataset.limit_val_samples=4",
    "trainer.log_every_n_steps=1",
    "hydra.run.dir=outputs/run",
)
OWN_FILE = ("backbone=tiny", "dataset.block_size=16", "dataset.train_file=train.csv", *SHORT)
RECIPES = ("weight_noise", "ema_weights", "gradient_noise", "r_drop", "freeze_embeddings")
UNSEEDED = """
import numpy as np

from tasks.mine.model import MineTransformer


class Unseeded(MineTransformer):
    def forward(self, *args, **kwargs):
        outputs = super().forward(*args, **kwargs)
        outputs.logits = outputs.logits * np.random.default_rng().uniform(0.9, 1.1)
        return outputs
"""


@pytest.fixture
def project(project: Path) -> Path:
    """Return a project with one task, and a file to train on."""
    new_task(project, "mine", "language_modeling", recipes=RECIPES)
    write_csv(project / "train.csv")
    return project


def lines_of(done: CompletedProcess[str], beginning: str) -> list[str]:
    """Return the lines that a command has printed with a beginning."""
    return [line for line in done.stdout.splitlines() if line.startswith(beginning)]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param("task=nlp/language_modeling experiment=smoke", marks=pytest.mark.slow),
        pytest.param("task=nlp/mine experiment=smoke", marks=pytest.mark.slow),
        "task=nlp/mine experiment=smoke training.num_workers=2 trainer.accumulate_grad_batches=2"
        " callbacks=[default,throughput]",
        pytest.param(
            "task=nlp/mine experiment=smoke dataset.streaming=true trainer.limit_train_batches=4"
            " dataset.limit_train_samples=200",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "task=nlp/masked_language_modeling experiment=smoke training.num_workers=2",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "task=vision/image_classification experiment=smoke dataset.random_flip=true",
            marks=pytest.mark.slow,
        ),
        "task=nlp/mine experiment=smoke logger=none training.seed=7"
        " +training.mine=0.01 optimizer.lr=${training.mine}"
        " dataset.train_file=${oc.env:FILE_OF_THIS_TEST,train.csv}",
    ],
)
def test_metrics_are_equal(options: str, project: Path, run: Run) -> None:
    """With dropout, noise, a shuffle, workers, masks that are drawn; without a table as well."""
    done = run("python", "train.py", *SHORT, *options.split())
    assert done.returncode == 0, done.stderr
    before = tree(project / "outputs/run")
    done = run("python", "rerun.py", "outputs/run")
    assert done.returncode == 0, done
    assert EQUAL in done.stdout
    assert lines_of(done, "differ") == []
    assert tree(project / "outputs/run") == before, "the run itself is left alone"
    assert (project / "outputs/run-rerun/checkpoints/best.ckpt").is_file()
    log = (project / "outputs/run-rerun/train.log").read_text()
    assert "[INFO] - start: " in log
    assert "[INFO] - Finished: " in log


def metrics_of_plain_training(folder: Path, *recipes: str) -> dict[str, float]:
    """Return the metrics of a training such as one writes with Lightning, without a seed."""
    cls = task_class("language_modeling", *recipes) if recipes else LanguageModelingTransformer
    run = trainer(
        folder, limit_train_batches=3, limit_val_batches=1, logger=CSVLogger(folder, "", "")
    )
    assert isinstance(run, Trainer)
    run.fit(cls(BACKBONE, optimizer=ADAMW), sample(batch_size=4))
    return {name: float(value) for name, value in run.callback_metrics.items()}


@pytest.mark.parametrize("recipes", [(), RECIPES], ids=["base", "generated"])
def test_plain_trainings_differ(recipes: tuple[str, ...], tmp_path: Path) -> None:
    one, other = (
        logged(tmp_path / name, metrics_of_plain_training(tmp_path / name, *recipes))
        for name in ("one", "other")
    )
    assert {difference.metric for difference in compare(one, other)} >= {"train/loss", "val/loss"}


def test_what_draws_from_a_generator_of_its_own_is_found(project: Path, run: Run) -> None:
    """`numpy.random.default_rng()` has no seed, whatever Lightning seeds."""
    (project / "unseeded.py").write_text(UNSEEDED)
    options = ("task=nlp/mine", "task._target_=unseeded.Unseeded", "experiment=smoke", *SHORT)
    done = run("python", "train.py", *options)
    assert done.returncode == 0, done.stderr
    done = run("python", "rerun.py", "outputs/run")
    assert done.returncode == 1, done
    assert lines_of(done, "metrics differ, first ")
    assert lines_of(done, "differs: ") == [], "versions, code and data are the same"


@pytest.mark.slow
def test_an_edited_file_is_said_before_the_training(project: Path, run: Run) -> None:
    """It has the same name and length as before."""
    done = run("python", "train.py", "task=nlp/mine", *OWN_FILE)
    assert done.returncode == 0, done.stderr
    file = project / "train.csv"
    file.write_text(file.read_text().replace("cat", "hen"))
    recorded = project / "outputs/run/manifest.yaml"
    recorded.write_text(recorded.read_text().replace("device: cpu", "device: Some GPU"))
    done = run("python", "rerun.py", "outputs/run")
    device, train, *_ = done.stdout.splitlines()
    assert device == "differs: device Some GPU then, cpu now"
    assert train.startswith("differs: the train set (train.csv) has changed: ")
    assert "differs: the validation set (held out) has changed: " in done.stdout
    assert done.returncode == 1, done
    assert "metrics differ, first " in done.stdout
    assert done.stdout.endswith("deterministic only with trainer.deterministic=true\n")


@pytest.mark.slow
def test_edited_code_is_said_and_found(project: Path, run: Run) -> None:
    """A default of the class, which no config names; only a new process imports it anew."""
    yaml_file = project / "conf/task/nlp/mine.yaml"
    yaml_file.write_text(yaml_file.read_text().replace("noise_std", "# noise_std"))
    run("git", "init", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-q", "-m", "A task")
    done = run("python", "train.py", "+task=nlp/mine", "experiment=smoke", *SHORT)
    assert done.returncode == 0, done.stderr
    module = project / "tasks/mine/model.py"
    before = module.read_text()
    assert "noise_std: float = 0.01" in before
    module.write_text(before.replace("noise_std: float = 0.01", "noise_std: float = 0.1"))
    done = run("python", "rerun.py", "outputs/run")
    assert "differs: tasks/mine/model.py has changed" in done.stdout
    assert "differs: git: uncommitted changes: none then, some now" in done.stdout
    assert done.returncode == 1, done.stderr
    assert "metrics differ, first train/loss at step 0: " in done.stdout
    module.write_text(before)
    done = run("python", "rerun.py", "outputs/run")
    assert done.returncode == 0, done.stderr
    assert EQUAL in done.stdout
    assert "differs: " not in done.stdout


@pytest.mark.slow
def test_two_processes_have_equal_metrics(project: Path, run: Run) -> None:
    """The second one is started by the command line of the first, from another folder here."""
    options = ("trainer=ddp", "trainer.devices=2", "dataset.num_workers=1", *OWN_FILE)
    done = run("python", "train.py", "+task=nlp/mine", *options)
    assert done.returncode == 0, done.stderr
    (project / "below").mkdir()
    done = warm.run(("python", "../rerun.py", "../outputs/run"), project / "below")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(EQUAL) == 1
    assert "differs: " not in done.stdout


@pytest.mark.slow
def test_other_versions_threads_and_data_are_said(project: Path, run: Run) -> None:
    run("python", "train.py", "task=nlp/mine", *OWN_FILE)
    file = project / "outputs/run/manifest.yaml"
    manifest = yaml.safe_load(file.read_text())
    manifest["versions"] |= {"torch": "2.0.0", "gone": "1.0"}
    manifest["machine"]["processor"] = "Z80"
    manifest["training"]["processes"] = 2
    manifest["git"] = {"commit": "a" * 40, "changes": None}
    file.write_text(yaml.safe_dump(manifest))
    done = run("python", "rerun.py", "outputs/run")
    said = "\n".join(lines_of(done, "differs: "))
    assert "torch 2.0.0 then, 2." in said
    assert "gone 1.0 then, none now" in said
    assert "processor Z80 then, " in said
    assert "processes 2 then, 1 now" in said
    assert f"git: commit {'a' * 12} then, none now" in said
    assert done.returncode == 0, "none of it has made a difference"


def test_the_config_is_the_one_of_the_run(project: Path, run: Run) -> None:
    """As it was resolved: what `conf/` says now does not count, nor where one stands."""
    (project / "data").mkdir()
    (project / "train.csv").rename(project / "data/train.csv")
    options = ("-m", "task=nlp/mine", "optimizer.lr=1e-3,1e-2", *OWN_FILE[:-1])
    done = warm.run(("python", "../train.py", *options, "hydra.sweep.dir=sweep"), project / "data")
    assert done.returncode == 0, done.stderr
    (project / "conf/task/nlp/mine.yaml").unlink()
    done = run("python", "rerun.py", "data/sweep/1")
    assert done.returncode == 0, done
    assert EQUAL in done.stdout
    done = run("python", "rerun.py", "data/sweep/1-rerun", "--into", "outputs/third")
    assert EQUAL in done.stdout, "a rerun is a run"
    assert "lr: 0.01" in (project / "data/sweep/1-rerun/config.yaml").read_text()


@pytest.mark.slow
def test_a_project_may_be_moved(project: Path, run: Run) -> None:
    done = run("python", "train.py", "task=nlp/language_modeling", *OWN_FILE)
    assert done.returncode == 0, done.stderr
    elsewhere = project.rename(project.with_name("elsewhere"))
    done = warm.run(("python", "rerun.py", "outputs/run"), elsewhere)
    assert lines_of(done, "differs: ") == [
        f"differs: {project} is gone, paths are relative to {elsewhere}"
    ]
    assert EQUAL in done.stdout


@pytest.mark.slow
def test_a_resumed_run_is_repeated_at_once(project: Path, run: Run) -> None:
    options = ("task=nlp/mine", "scheduler=constant_schedule", *OWN_FILE, "resume=auto")
    for epochs in (1, 2):
        done = run("python", "train.py", *options, f"trainer.max_epochs={epochs}")
        assert done.returncode == 0, done.stderr
    assert (project / "outputs/run/manifest-1.yaml").is_file()
    done = run("python", "rerun.py", "outputs/run")
    assert lines_of(done, "differ") == ["differed in the run: config.yaml of the run has changed"]
    assert done.returncode == 0, done
    assert EQUAL in done.stdout


def test_mistakes_end_in_one_line(project: Path, run: Run) -> None:
    done = run("python", "train.py", "task=nlp/mine", *OWN_FILE)
    assert done.returncode == 0, done.stderr
    (project / "other").mkdir()
    unfinished = project / "unfinished"
    shutil.copytree(project / "outputs/run", unfinished)
    manifest = yaml.safe_load((unfinished / "manifest.yaml").read_text())
    manifest.pop("metrics")
    (unfinished / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    variable = project / "variable"
    shutil.copytree(project / "outputs/run", variable)
    config = (variable / "config.yaml").read_text()
    (variable / "config.yaml").write_text(config.replace("revision: null", "revision: ${oc.env:A}"))
    (project / "train.csv").unlink()
    before = tree(project)
    for arguments, message in {
        (): "required: run_folder (usage: python rerun.py <run folder>",
        ("nowhere",): "'nowhere' does not exist: give a run folder",
        ("other",): "'other' has no config.yaml and manifest.yaml of a run",
        ("outputs",): "/outputs/run'?",
        ("outputs/run/metrics.csv",): "metrics.csv' has no config.yaml and manifest.yaml",
        ("unfinished",): "has not finished",
        ("variable",): "Environment variable 'A' not found",
        ("outputs/run", "--into", "outputs/run"): "'outputs/run' is not empty",
        ("outputs/run", "seed=1"): "unrecognized arguments: seed=1",
        ("outputs/run",): "the train file 'train.csv' does not exist",
    }.items():
        done = run("python", "rerun.py", *arguments)
        assert done.returncode == 2, done
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert message in line
    assert tree(project) == before
