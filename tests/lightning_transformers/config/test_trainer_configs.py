"""Effects of the trainer, logger and debug options."""

import csv
import inspect
import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins import MixedPrecision
from pytorch_lightning.strategies import DDPStrategy, DeepSpeedStrategy, FSDPStrategy, Strategy
from torch import nn

from build_tools.release_templates import ROOT
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks import EMAWeights, GradualUnfreezing, MagnitudePruning
from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.models.sharding import FullyShardedStrategy
from lightning_transformers.runs.build import build_trainer
from lightning_transformers.runs.train import train_from_config
from tests.conftest import Run

TASK = (
    "task=nlp/language_modeling",
    "experiment=smoke",
    "dataset.block_size=32",
    "training.validate_before_fit=false",
)
SHORT = (
    "dataset.limit_train_samples=40",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=2",
    "trainer.limit_val_batches=1",
    "trainer.log_every_n_steps=1",
)


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (PACKAGED_CONFIGS / group).glob("*.yaml"))


def run(folder: Path, *overrides: str) -> dict[str, float]:
    """Train the config of a command line, and return the logged metrics."""
    return train_from_config(compose([*TASK, f"training.run_dir={folder}", *overrides]))


def logged(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a run's metrics."""
    with (folder / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_a_trainer_without_a_progress_bar_takes_none_from_the_callbacks(tmp_path: Path) -> None:
    shown = compose([*TASK, "callbacks=default", f"training.run_dir={tmp_path}"])
    hidden = compose(
        [
            *(*TASK, "callbacks=default", f"training.run_dir={tmp_path}"),
            "+trainer.enable_progress_bar=false",
        ]
    )
    assert build_trainer(shown).progress_bar_callback is not None
    assert build_trainer(hidden).progress_bar_callback is None


def test_the_last_validation_is_printed_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = run(tmp_path, "trainer.limit_train_batches=1", "trainer.limit_val_batches=1")
    printed = capsys.readouterr().out.splitlines()
    line = f"Last validation: val/loss {metrics['val/loss']:.4g}, val/perplexity "
    assert printed[-2].startswith(line)
    assert printed[-1] == f"Run folder: {tmp_path}"
    run(tmp_path, "trainer.limit_train_batches=1", "trainer.limit_val_batches=0", "callbacks=none")
    assert "Last validation" not in capsys.readouterr().out


# -- trainers


@pytest.mark.parametrize("name", [n for n in options("trainer") if n not in ("deepspeed", "gpu")])
def test_trainer(name: str, tmp_path: Path) -> None:
    config = compose(
        [*TASK, f"trainer={name}", "trainer.devices=1", f"training.run_dir={tmp_path}"]
    )
    trainer = build_trainer(config)
    assert (name == "fsdp") == isinstance(trainer.strategy, FullyShardedStrategy)
    assert (name == "ddp") == (type(trainer.strategy).__name__ == "DDPStrategy")


@pytest.mark.parametrize("name", ["deepspeed", "gpu"])
def test_trainer_for_gpus(name: str) -> None:
    """Of these only the arguments can be checked on any machine."""
    arguments = compose([f"trainer={name}", "training.run_dir=."]).trainer
    assert arguments.accelerator == "gpu"
    assert arguments.strategy == ("deepspeed_stage_2" if name == "deepspeed" else "auto")
    inspect.signature(Trainer).bind(**{k: v for k, v in arguments.items() if k != "_target_"})


def test_half_precision_on_a_cpu_is_bfloat16(tmp_path: Path) -> None:
    config = compose([*TASK, "trainer.precision=16", f"training.run_dir={tmp_path}"])
    with pytest.warns(UserWarning, match="fp16 is not supported on CPU"):
        trainer = build_trainer(config)
    assert isinstance(trainer.precision_plugin, MixedPrecision)
    assert trainer.precision == "bf16-mixed"


@pytest.mark.slow
def test_two_processes(run: Run, project: Path) -> None:
    """The ranks agree with every callback, and shards train as copies do."""
    command = ("python", "-m", "tests.helpers.ranks", "tests.helpers.strategies_example")
    done = run(*command, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    facts = json.loads((project / "facts.json").read_text())
    assert facts == dict.fromkeys(facts, True)
    copies = torch.load(project / "ddp.ckpt", weights_only=True)
    shards = torch.load(project / "fsdp.ckpt", weights_only=True)
    torch.testing.assert_close(shards["state_dict"], copies["state_dict"], rtol=1e-3, atol=1e-5)
    groups = [state["optimizer_states"][0]["param_groups"] for state in (copies, shards)]
    decays = [[(len(g["params"]), g["weight_decay"]) for g in group] for group in groups]
    assert decays[0] == decays[1]
    assert [decay for _, decay in decays[0]] == [0.01, 0.0]


@pytest.mark.parametrize(
    ("callback", "strategies"),
    [
        (EMAWeights(), (FullyShardedStrategy, FSDPStrategy, DeepSpeedStrategy)),
        (MagnitudePruning(), (FullyShardedStrategy, FSDPStrategy, DeepSpeedStrategy)),
        (GradualUnfreezing(), (FSDPStrategy, DeepSpeedStrategy)),
    ],
)
def test_what_shards_do_not_allow_is_said(
    callback: Callback, strategies: tuple[type[Strategy], ...]
) -> None:
    for strategy in strategies:
        trainer = SimpleNamespace(strategy=strategy.__new__(strategy))
        with pytest.raises(ConfigurationError, match=rf"does not work with {strategy.__name__}"):
            callback.setup(cast(Any, trainer), cast(Any, None), "fit")
    copies, task = SimpleNamespace(strategy=DDPStrategy()), SimpleNamespace(model=nn.Identity())
    callback.setup(cast(Any, copies), cast(Any, task), "fit")


# -- loggers


@pytest.mark.parametrize("name", [name for name in options("logger") if name != "none"])
def test_logger_takes_its_arguments(name: str, tmp_path: Path) -> None:
    """Whether its package is there or not."""
    config = compose([f"logger={name}", f"training.run_dir={tmp_path}"]).logger
    assert list(config) == [name]
    arguments = OmegaConf.to_container(config[name], resolve=True)
    assert isinstance(arguments, dict)
    cls = get_class(str(arguments.pop("_target_")))
    known = inspect.signature(cls).parameters
    assert set(arguments) - {"group"} <= set(known)


def test_tensorboard_in_a_folder_of_its_own(project: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    metrics = run(project, *SHORT, "logger=tensorboard", "logger.tensorboard.save_dir=my_dir/")
    events = EventAccumulator(str(project / "my_dir" / "version_0")).Reload()
    assert events.Scalars("val/loss")[-1].value == pytest.approx(metrics["val/loss"])


def test_mlflow_in_one_store(project: Path) -> None:
    pytest.importorskip("mlflow")
    metrics = run(project, *SHORT, "logger=[csv,mlflow]")
    with sqlite3.connect(project / "mlflow.db") as store:
        logged = dict(store.execute("select key, value from metrics").fetchall())
    assert logged["val/loss"] == pytest.approx(metrics["val/loss"])


def test_wandb_offline(project: Path) -> None:
    pytest.importorskip("wandb")
    run(project, *SHORT, "logger=wandb", "logger.wandb.offline=true")
    assert list((project / "wandb").glob("offline-run-*/*.wandb"))


# -- debug runs


def test_fast_dev_run_leaves_nothing_but_its_config(tmp_path: Path) -> None:
    run(tmp_path, "debug=fast_dev_run")
    assert {path.suffix for path in tmp_path.iterdir()} == {".yaml"}


def test_overfit_batch_trains_on_the_same_samples(tmp_path: Path) -> None:
    run(tmp_path, "debug=overfit_batch", "dataset.block_size=128", "trainer.max_epochs=15")
    losses = [float(row["train/loss"]) for row in logged(tmp_path)]
    assert len(losses) == 15, "one batch an epoch"
    assert losses[-1] < losses[0] - 1
    assert not (tmp_path / "checkpoints").exists()


def test_limit_batches_ends_soon(tmp_path: Path) -> None:
    run(tmp_path, "debug=limit_batches", "training.batch_size=1")
    rows = logged(tmp_path)
    assert sum(bool(row["train/loss"]) for row in rows) == 20
    assert sum(bool(row["val/loss"]) for row in rows) == 2


def test_profiler_leaves_a_table(tmp_path: Path) -> None:
    run(tmp_path, "debug=profiler", "trainer.max_steps=2")
    assert "run_training_batch" in (tmp_path / "fit-profile.txt").read_text()


def test_benchmark_logs_the_speed(tmp_path: Path) -> None:
    metrics = run(tmp_path, "debug=benchmark", *SHORT)
    assert metrics.keys() >= {"epoch/seconds", "throughput/tokens_per_second"}
    assert not (tmp_path / "checkpoints").exists()
