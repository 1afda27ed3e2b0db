"""`repeat.seeds` and `repeat.folds`: a run for each, which are summarized and resumed."""

import csv
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_folder import MANIFEST
from lightning_transformers.config import job
from lightning_transformers.config.compose import compose, normalize_overrides
from lightning_transformers.runs.outcome import next_command
from lightning_transformers.runs.repeats.command import metrics_of, parts_of, score_from_config
from lightning_transformers.sweeps import TRIAL
from lightning_transformers.task.nlp.text_classification import TextClassificationTransformer
from tests.conftest import Run
from tests.helpers.python_examples import OWN_FILES, RUN, write_rows

QUIET = (
    "+trainer.enable_progress_bar=false",
    "training.validate_before_fit=false",
    "callbacks=[checkpoint,autosave]",
)


def config_of(*overrides: str) -> DictConfig:
    """Return a config in the working directory, with the run folder `outputs/run`."""
    own = (*OWN_FILES, "training.run_dir=outputs/run")
    return compose([*RUN, *own, *QUIET, *overrides])


def table_in(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a `repeat.csv` by metric."""
    with (folder / "repeat.csv").open(newline="") as stream:
        return {row.pop("metric"): row for row in csv.DictReader(stream)}


def test_seeds_and_folds_are_combined() -> None:
    keys = ("repeat.seeds=2", "repeat.folds=3", "repeat.group=label", "training.seed=7")
    parts = dict(parts_of(config_of(*keys)))
    assert [*parts] == [f"seed-{s}-fold-{f}-of-3" for s in (7, 8) for f in (1, 2, 3)]
    part = parts["seed-8-fold-2-of-3"]
    assert (part.training.seed, part.dataset.seed) == (8, 8)
    assert (part.dataset.fold, part.dataset.group_column) == ("2/3", "label")
    assert part.trainer.default_root_dir == "outputs/run/seed-8-fold-2-of-3"
    assert part.training.keep_state is False
    assert not [*parts_of(part)]
    assert [*dict(parts_of(config_of("repeat.folds=2")))] == ["fold-1-of-2", "fold-2-of-2"]
    (kept, _) = dict(parts_of(config_of("repeat.seeds=2", "training.keep_state=true"))).values()
    assert kept.training.keep_state is True
    assert kept.dataset.fold is None


@pytest.mark.parametrize(
    ("overrides", "environment", "line"),
    [
        (("checkpoint_path=best.ckpt",), {}, "checkpoint_path=best.ckpt: a repeat starts each run"),
        ((), {TRIAL: "{}"}, "hydra.sweeper.pruner compares the validations of single runs"),
    ],
)
def test_what_a_repeat_cannot_start_from_is_one_line(
    overrides: tuple[str, ...],
    environment: dict[str, str],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=line):
        [*parts_of(config_of("repeat.seeds=2", *overrides))]


def test_the_folder_of_a_single_run_is_refused(tmp_path: Path) -> None:
    config = config_of("repeat.seeds=2", f"training.run_dir={tmp_path}")
    assert len(dict(parts_of(config))) == 2
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(ConfigurationError, match=f"{tmp_path} has a single run: give the repeat"):
        [*parts_of(config)]


def test_the_metrics_of_a_run_are_those_of_its_best_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(
        "step,train/loss,val/loss,val/f1\n0,,9,0.1\n3,,1.5,0.7\n3,0.2,,\n4,,2,0.8\n7,,2.5,0.9\n"
    )
    best = {"monitor": "val/loss", "mode": "min", "score": 1.5, "step": 4, "checkpoint": "b.ckpt"}
    keys = ("command", "directory", "config", "seeds", "versions", "machine", "training", "git")
    manifest = {key: None for key in (*keys, "code", "inputs", "data")} | {"best": best}
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    last = {"val/loss": 2.5, "val/f1": 0.9, "test/f1": 0.6}
    assert metrics_of(tmp_path, last) == {"val/loss": 1.5, "val/f1": 0.7, "test/f1": 0.6}
    (tmp_path / "metrics.csv").unlink()
    assert metrics_of(tmp_path, last) == {"val/loss": 1.5, "test/f1": 0.6}
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump({**manifest, "best": None}))
    assert metrics_of(tmp_path, last) == last


def test_the_command_trains_each_part_and_prints_the_summary(project: Path, run: Run) -> None:
    write_rows(project / "train.csv")
    words = [*RUN, *OWN_FILES, *QUIET, "repeat.seeds=2", "repeat.folds=2", "hydra.run.dir=mine"]
    done = run("python", "-m", "lightning_transformers", "train", *words)
    assert done.returncode == 0, done.stderr
    folder = project / "mine"
    names = [f"seed-{seed}-fold-{fold}-of-2" for seed in (0, 1) for fold in (1, 2)]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == [".hydra", *names]
    manifests = [yaml.safe_load((folder / name / "manifest.yaml").read_text()) for name in names]
    for number, manifest in enumerate(manifests):
        assert manifest["changed"]["dataset.fold"] == [None, f"{number % 2 + 1}/2"]
        assert "training.run_dir" not in manifest["changed"]
        assert [*(folder / names[number] / "checkpoints").iterdir()] == [
            folder / names[number] / manifest["best"]["checkpoint"]
        ]
    row = table_in(folder)["val/loss"]
    assert [float(row[name]) for name in names] == [m["best"]["score"] for m in manifests]
    assert "val/accuracy" in table_in(folder)
    lines = done.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Repeat: 4 runs in "))
    assert lines[start + 2].split()[:2] == ["val/loss", f"{float(row['mean']):.4g}"]
    (following, *_) = [line for line in lines if line.startswith("Next: ")]
    assert "repeat" not in following
    assert f"checkpoint_path=mine/{names[0]}/checkpoints/best.ckpt" in following
    assert lines[-1].startswith("Table: ")


@pytest.mark.slow
def test_a_killed_repeat_continues_and_equals_one_that_was_not(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(project / "train.csv")
    words = ("repeat.seeds=2", "trainer.max_epochs=2")

    def kill(task: TextClassificationTransformer) -> None:
        if task.current_epoch == 1 and "seed-1" in task.trainer.default_root_dir:
            os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        monkeypatch.setattr(TextClassificationTransformer, "on_train_epoch_start", kill)
        score_from_config(config_of(*words))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert not Path("outputs/run/repeat.csv").exists()
    seen = Path("outputs/run/seed-0/manifest.yaml").read_bytes()
    score = score_from_config(config_of(*words, "resume=auto"))
    assert "The run in outputs/run/seed-0 has ended" in capsys.readouterr().out
    assert Path("outputs/run/seed-0/manifest.yaml").read_bytes() == seen
    assert Path("outputs/run/seed-1/manifest-1.yaml").is_file()
    ended: list[int] = []
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(finish=ended.append))
    assert score == score_from_config(config_of(*words, "training.run_dir=outputs/whole"))
    assert ended == [0, 0]
    assert table_in(Path("outputs/run")) == table_in(Path("outputs/whole"))


def test_the_next_command_of_an_interrupted_part_resumes_the_whole(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["task=nlp/mine", "repeat.seeds=2"]
    monkeypatch.setattr(HydraConfig.instance(), "cfg", {})
    hydra = SimpleNamespace(overrides=SimpleNamespace(task=words))
    monkeypatch.setattr(HydraConfig, "get", lambda: hydra)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    part = project / "mine/seed-1"
    (part / "checkpoints").mkdir(parents=True)
    (part / "checkpoints/last.ckpt").touch()
    monkeypatch.setattr(job, "newest_checkpoint", lambda folder: [*folder.glob("*.ckpt")])
    manifest: Any = {"status": "interrupted"}
    expected = f"python train.py {' '.join(words)} hydra.run.dir=mine resume=auto"
    assert next_command(manifest, part) == expected
    assert job.interrupt_message(project / "mine").endswith("resume=auto hydra.run.dir=mine")


def test_an_older_project_has_no_keys_of_a_repeat(project: Path) -> None:
    (project / "config.yaml").write_text("resume: null\n")
    assert normalize_overrides(["repeat.seeds=2"], project) == ["++repeat.seeds=2"]
    assert normalize_overrides(["repeat.seeds=2"]) == ["repeat.seeds=2"]


def test_a_mistake_in_the_data_leaves_nothing_behind(project: Path, run: Run) -> None:
    write_rows(project / "train.csv")
    words = [*RUN, *OWN_FILES, "repeat.folds=2", "repeat.group=patient"]
    done = run("python", "-m", "lightning_transformers", "train", *words)
    assert done.returncode == 2
    assert "has no column 'patient'" in done.stderr.splitlines()[-1]
    assert [path.name for path in project.iterdir()] == ["train.csv"]
