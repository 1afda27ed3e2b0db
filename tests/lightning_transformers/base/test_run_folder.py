"""Files of a run folder when a new run starts in it, or its run resumes."""

import math
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import (
    REQUIRED_KEYS,
    SENT,
    archive,
    archive_former_run,
    archived,
    finished_run,
    read_manifest,
    write_manifest,
)
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.logged_metrics import compare, logged
from lightning_transformers.runs.manifest.config import without_environment
from lightning_transformers.runs.train import train_from_config
from lightning_transformers.training import resume as resuming
from lightning_transformers.training.checkpoint import newest_checkpoint
from tests.helpers.corpus import write_csv
from tests.helpers.language_modeling import model, sample, trainer
from tests.helpers.rendered import task_class
from tests.helpers.slow import sampled
from tests.helpers.tree import tree

GENERATED = task_class("language_modeling", "weight_noise")
TASKS = {"base": (), "generated": (f"task._target_={GENERATED.__module__}.{GENERATED.__name__}",)}
BOTH = [
    pytest.param(TASKS["base"], id="base", marks=pytest.mark.slow),
    pytest.param(TASKS["generated"], id="generated"),
]
EVERY_PART: dict[str, Any] = {part: {} for part in REQUIRED_KEYS}


def trained(*overrides: str) -> dict[str, float]:
    """Train on a file, with `run` as the run folder."""
    short = (
        "experiment=smoke",
        "dataset.train_file=train.csv",
        "dataset.block_size=32",
        "trainer.max_epochs=1",
        "trainer.limit_train_batches=2",
        "trainer.log_every_n_steps=1",
        "training.run_dir=run",
    )
    return train_from_config(compose(["task=nlp/language_modeling", *short, *overrides]))


@pytest.fixture(scope="module")
def project_after(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that trains in a project once and returns the project."""

    @cache
    def project_after(*overrides: str) -> Path:
        project = tmp_path_factory.mktemp("trained")
        write_csv(project / "train.csv")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(project)
            trained(*overrides)
        return project

    return project_after


@pytest.fixture
def after(project: Path, project_after: Callable[..., Path]) -> Callable[..., None]:
    """Return a function that makes the project a copy of a trained one."""

    def after(*overrides: str) -> None:
        shutil.copytree(project_after(*overrides), project, dirs_exist_ok=True)

    return after


@pytest.mark.parametrize("task", BOTH)
def test_a_run_that_begins_leaves_what_a_former_one_has_recorded(
    task: tuple[str, ...], project: Path
) -> None:
    """From scratch, or from a checkpoint of the previous run."""
    write_csv(project / "train.csv")
    run, expected = project / "run", {}
    last = "checkpoint_path=run/checkpoints/last.ckpt"
    for former, more in {
        "former": (),
        "former-2": ("training.seed=3",),
        "former-3": (last, "trainer.max_epochs=2"),
    }.items():
        metrics = trained(*task, *more)
        assert sorted(path.name for path in run.glob("m*-*")) == []
        own = logged(run, finished_run(run)["metrics"])
        assert own == logged(run, metrics)
        assert own[0 if more[:1] != (last,) else 2, "train/loss"][1:] == [], "of one run"
        expected[former] = own
    holders = {path.parent.name for path in run.rglob("checkpoints")}
    assert holders == {"former", "former-2", "run"}
    (run / f"{SENT}wandb.jsonl").touch()
    archive_former_run(run)
    assert (run / "former-3" / f"{SENT}wandb.jsonl").is_file()
    for former, own in expected.items():
        assert logged(run / former, finished_run(run / former)["metrics"]) == own
    assert OmegaConf.load(run / "former-2/config.yaml").training.seed == 3
    assert {path.name for path in run.iterdir()} == {*expected, "checkpoints", "loss_curve.png"}
    assert not list((run / "checkpoints").iterdir())
    assert newest_checkpoint(run / "former-3/checkpoints")


def test_a_run_has_a_best_checkpoint_of_its_own(project: Path) -> None:
    """Even if its score is worse than that of the previous run from which it starts."""
    write_csv(project / "train.csv")
    trained("optimizer.lr=1e-30", "trainer.max_epochs=2")
    start = ("checkpoint_path=run/checkpoints/last.ckpt", "trainer.max_epochs=3")
    assert trained(*start, "optimizer.lr=1e-30", "training.run_test_after_fit=true")
    assert (project / "run/checkpoints/best.ckpt").is_file()


@pytest.mark.slow
def test_checkpoint_of_random_states_alone_can_be_gone_on_from(
    project: Path, after: Callable[..., None]
) -> None:
    after()
    file = project / "run/checkpoints/last.ckpt"
    content = torch.load(file, weights_only=True)
    content[resuming.KEY] = [{"random": content[resuming.KEY][0]["random"]}]
    torch.save(content, file)
    assert "val/loss" in trained("resume=auto", "trainer.max_epochs=2")


def test_a_run_leaves_the_checkpoints_of_a_former_one(project: Path) -> None:
    """Even if the previous run in the folder had more steps."""
    write_csv(project / "train.csv")
    trained("trainer.max_epochs=3")
    for start in ((), ("checkpoint_path=run/former/checkpoints/best.ckpt",)):
        with pytest.raises(ConfigurationError, match="nothing of the kind"):
            trained(*start, *BROKEN, "trainer.max_epochs=4")
        assert not list((project / "run/checkpoints").iterdir())
    assert newest_checkpoint(project / "run/former/checkpoints")


def test_a_checkpoint_that_a_run_begins_from_stays(
    project: Path, after: Callable[..., None]
) -> None:
    """Only the given checkpoint, which the previous run in the folder also has, is copied."""
    after()
    with pytest.raises(ConfigurationError, match="nothing of the kind"):
        trained("checkpoint_path=run/checkpoints/best.ckpt", *BROKEN, "trainer.max_epochs=2")
    names = {path.name for path in (project / "run/former/checkpoints").iterdir()}
    assert names == {"best.ckpt", "last.ckpt"}
    assert [path.name for path in (project / "run/checkpoints").iterdir()] == ["best.ckpt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimizer=sgd", "trained with optimizer torch.optim.AdamW, not with torch.optim.SGD"),
        ("peft=lora", "trained with peft none, not with peft.LoraConfig"),
        ("trainer.max_epochs=1", "trainer.max_epochs=1 is less than the 2 .*max_epochs=2 or more"),
        ("trainer.max_steps=3", "trainer.max_steps=3 is less than the 4 .*max_steps=4 or more"),
    ],
)
@pytest.mark.parametrize(
    "start", sampled(["resume=auto", "checkpoint_path=run/checkpoints/last.ckpt"], ["resume=auto"])
)
def test_a_run_that_cannot_go_on_is_an_error_beforehand(
    start: str, change: str, message: str, project: Path, after: Callable[..., None]
) -> None:
    after("trainer.max_epochs=2")
    before = tree(project)
    with pytest.raises(ConfigurationError, match=message):
        trained(start, "trainer.max_epochs=2", change)
    assert tree(project) == before


def test_weights_of_another_model_are_an_error(after: Callable[..., None]) -> None:
    after()
    with pytest.raises(ConfigurationError, match=r"does not fit .*: .*transformer\.h\.1"):
        trained("resume=auto", "trainer.max_epochs=2", "+backbone.config.n_layer=1")


def test_early_stopping_goes_on(project: Path) -> None:
    """Also after early stopping, from a checkpoint written before early stopping was checked."""
    write_csv(project / "train.csv")
    stopping = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.patience=1")
    common = (
        *stopping,
        "optimizer.lr=1e-30",
        "trainer.max_epochs=5",
        "trainer.log_every_n_steps=50",
    )
    metrics = trained(*common)
    before = logged(project / "run", metrics)
    assert max(step for step, _ in before if step != math.inf) < 2 * 5 - 1, "it has stopped"
    assert trained(*common, "resume=auto") == metrics
    assert compare(logged(project / "run", metrics), before) == []


@pytest.mark.slow
def test_the_best_is_known_in_a_folder_that_was_moved(project: Path) -> None:
    write_csv(project / "train.csv")
    trained("optimizer.lr=1e-30")
    (project / "run").rename(project / "moved")
    there = ("training.run_dir=moved", "optimizer.lr=1e-30", "trainer.max_epochs=2")
    trained(*there, "resume=auto")
    best = torch.load(project / "moved/checkpoints/best.ckpt", weights_only=True)
    assert best["epoch"] == 0, "the second has brought nothing"


BROKEN = ("+callbacks.broken._target_=tests.lightning_transformers.base.test_run_folder.Broken",)


class Broken(Callback):
    """Raises before the first batch."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        raise ConfigurationError("nothing of the kind")


def test_plain_lightning_deletes_the_table_before(tmp_path: Path) -> None:
    for seen in (False, True):
        logger = CSVLogger(tmp_path, "", "")
        run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0, logger=logger)
        (tmp_path / "metrics.csv").write_text("step,mine") if seen else None
        run.fit(model(), sample())
    assert "mine" not in (tmp_path / "metrics.csv").read_text()
    assert not (tmp_path / "former").exists()


@pytest.mark.parametrize("task", BOTH)
def test_a_run_that_was_at_its_end_keeps_its_metrics(task: tuple[str, ...], project: Path) -> None:
    write_csv(project / "train.csv")
    metrics = trained(*task)
    before = logged(project / "run", metrics)
    assert before
    for _ in range(2):
        assert trained(*task, "resume=auto") == metrics, "nothing is left to do"
        recorded = finished_run(project / "run")["metrics"]
        assert recorded == metrics
        assert compare(logged(project / "run", recorded), before) == []
    assert not archived(project / "run/manifest.yaml"), "the run has ended"


def test_a_checkpoint_of_the_weights_alone_ends_in_one_line(project: Path) -> None:
    write_csv(project / "train.csv")
    weights = ("+callbacks.checkpoint.save_weights_only=true", "~callbacks.autosave")
    trained(*weights)
    before = tree(project)
    for start in ("resume=auto", "checkpoint_path=run/checkpoints/best.ckpt"):
        with pytest.raises(ConfigurationError, match="contains only weights"):
            trained(start, *weights)
    assert tree(project) == before


def test_files_of_the_user_are_none_that_were_set_aside(tmp_path: Path) -> None:
    own = ("metrics-old.csv", "metrics-0.csv", "metrics-\u00b2.csv")
    for name in (*own, "metrics-2.csv", "metrics-10.csv", "metrics.csv"):
        (tmp_path / name).write_text(name)
    file = tmp_path / "metrics.csv"
    archive(file)
    names = ["metrics-2.csv", "metrics-10.csv", "metrics-11.csv"]
    assert [path.name for path in archived(file)] == names
    assert (tmp_path / "metrics-11.csv").read_text() == "metrics.csv"
    archive_former_run(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*own, "former"}


def test_values_that_follow_from_the_environment_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    config = OmegaConf.create(
        {
            "token": "${oc.env:TOKEN}",
            "default": "${oc.env:NOT_SET,some}",
            "through": "a ${token}",
            "list": ["${token}", "${number}", "${oc.decode:${oc.env:TOKEN}}"],
            "whole": "${deep}",
            "deep": {"token": "${..token}", "sum": "${number}", "none": None},
            "plain": "${numbers}",
            "numbers": {"number": "${number}"},
            "number": 3,
            "missing": "???",
        }
    )
    assert "hunter2" in OmegaConf.to_yaml(config, resolve=True)
    kept = without_environment(config)
    assert OmegaConf.to_container(kept) == {
        "token": "${oc.env:TOKEN}",
        "default": "${oc.env:NOT_SET,some}",
        "through": "a ${token}",
        "list": ["${token}", 3, "${oc.decode:${oc.env:TOKEN}}"],
        "whole": "${deep}",
        "deep": {"token": "${..token}", "sum": 3, "none": None},
        "plain": {"number": 3},
        "numbers": {"number": 3},
        "number": 3,
        "missing": "???",
    }
    assert OmegaConf.to_container(kept, resolve=True) == OmegaConf.to_container(
        config, resolve=True
    )


def test_a_manifest_is_written_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "manifest.yaml"
    names = EVERY_PART | {"directory": "/home/J\u00fcrgen"}
    write_manifest(file, names)
    assert "J\u00fcrgen" in file.read_bytes().decode("utf-8")
    assert read_manifest(file) == names

    def full(self: Path, text: str, **_: Any) -> None:
        self.write_bytes(text[:9].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_manifest(file, names | {"metrics": {}})
    assert read_manifest(file) == names


@pytest.mark.parametrize("part", REQUIRED_KEYS)
def test_a_manifest_of_another_version_is_said_to_be_one(part: str, tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text(yaml.safe_dump({key: {} for key in REQUIRED_KEYS if key != part}))
    with pytest.raises(ConfigurationError, match=re.escape(f"'{file}' has no '{part}'")):
        read_manifest(file)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"a: [", r"is not valid YAML \(while parsing"),
        (b"\xff\xfe", r"is not valid YAML \('utf-8' codec"),
        (b"- a", "contains no keys of a manifest"),
    ],
)
def test_a_file_that_is_no_manifest(content: bytes, fact: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=fact):
        read_manifest(tmp_path / "manifest.yaml")
