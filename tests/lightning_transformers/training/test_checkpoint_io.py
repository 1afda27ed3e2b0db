"""Checkpoints load safely or fail on saving, which keeps the previous one."""

import multiprocessing
import threading
from collections import defaultdict
from enum import Enum
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import AsyncCheckpointIO
from torch.utils.data import DataLoader

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks import Autosave
from lightning_transformers.runs.build import recorded_hyperparameters
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingDataModule,
    LanguageModelingTransformer,
)
from lightning_transformers.training.checkpoint import newest_checkpoint, read_checkpoint
from lightning_transformers.training.checkpoint_io import SafeCheckpointIO
from tests.helpers.language_modeling import TOKENIZER, model, sample, trainer
from tests.helpers.rendered import BASES, suitable
from tests.helpers.slow import sampled
from tests.helpers.weighting_runs import task_and_batch


class Careless(Checkpoint):
    """A user's callback with a path in its state."""

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["mine"] = {"files": [Path("a")]}


def test_state_that_would_not_load_is_refused_with_its_place(tmp_path: Path) -> None:
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    run.fit(model(), sample())
    file = tmp_path / "last.ckpt"
    run.save_checkpoint(file)
    before = file.read_bytes()
    run.callbacks.append(Careless())  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r"checkpoint\['mine'\]\['files'\]\[0\] is a Pos"):
        run.save_checkpoint(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("base", sampled(BASES, ["language_modeling", "question_answering"]))
def test_checkpoint_of_a_generated_task_loads_with_all_that_recipes_keep(
    base: str, tmp_path: Path
) -> None:
    task, batch = task_and_batch(base, *suitable(base))
    run = trainer(tmp_path, limit_val_batches=0)
    run.fit(task, DataLoader([batch], batch_size=None))  # type: ignore[arg-type]
    run.save_checkpoint(tmp_path / "last.ckpt")
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert {"state_dict", "optimizer_states", "callbacks", "hyper_parameters"} <= content.keys()


class Kind(Enum):
    """An enum as a hyperparameter."""

    ONE = "one"
    OTHER = "other"


class ChosenDataModule(LanguageModelingDataModule):
    """A user's data module with hyperparameters of types that YAML lacks."""

    kinds: tuple[Kind, ...] = (Kind.ONE,)
    folder: Path = Path("a")


def test_hyperparameters_of_data_are_kept_as_yaml_has_them(tmp_path: Path) -> None:
    data = ChosenDataModule(
        TOKENIZER, dataset_name="sample", block_size=64, kinds=["other"], folder="b"
    )
    assert (data.kinds, data.folder) == ((Kind.OTHER,), Path("b"))
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    run.fit(model(), data)
    run.save_checkpoint(tmp_path / "last.ckpt")
    recorded = recorded_hyperparameters(read_checkpoint(str(tmp_path / "last.ckpt")))
    assert (recorded["kinds"], recorded["folder"]) == (("other",), "b")
    assert ChosenDataModule(TOKENIZER, **recorded).kinds == (Kind.OTHER,)


class CarelessTransformer(LanguageModelingTransformer):
    """A user's task with a hyperparameter that a checkpoint cannot load."""

    folder: Any = Path("a")


def test_hyperparameter_that_would_not_load_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    run.fit(model(CarelessTransformer, folder=Path("b")), sample())
    with pytest.raises(ConfigurationError, match=r"\['hyper_parameters'\]\['folder'\] is a Pos"):
        run.save_checkpoint(tmp_path / "last.ckpt")


REFUSED = {
    "lambda": (lambda x: x, r"\['f'\]\[1\] is a function"),
    "lock": (threading.Lock(), r"\['f'\]\[1\] is a lock"),
    "lock of processes": (multiprocessing.Lock(), r"\['f'\]\[1\] is a Lock"),
    "class": (Path, r"\['f'\]\[1\] is a type"),
    "container": (defaultdict(list), r"\['f'\]\[1\] is a defaultdict"),
    "key": ({Path("a"): 1}, r"\['f'\]\[1\].keys\(\) is a PosixPath"),
}


@pytest.mark.parametrize(("value", "place"), REFUSED.values(), ids=[*REFUSED])
@pytest.mark.parametrize("where", ["{folder}/last.ckpt", "memory://refused/last.ckpt"])
def test_state_that_would_not_load_is_refused_with_its_place_by_trying(
    where: str, value: Any, place: str, tmp_path: Path
) -> None:
    """The bytes before it are of a rare type that loads safely."""
    content = {"state_dict": {}, "f": [bytearray(b"a"), value]}
    path = where.format(folder=tmp_path)
    with pytest.raises(ConfigurationError, match=rf"checkpoint{place};"):
        SafeCheckpointIO().save_checkpoint(content, path)
    assert not list(tmp_path.iterdir())
    assert not fsspec.filesystem("memory").exists("refused/last.ckpt")


def test_writer_in_a_thread_refuses_as_well(tmp_path: Path) -> None:
    run = trainer(
        tmp_path,
        limit_train_batches=1,
        limit_val_batches=0,
        plugins=[AsyncCheckpointIO()],
        enable_checkpointing=True,
        callbacks=[Careless(), Autosave(tmp_path)],
    )
    with pytest.raises(ConfigurationError, match="would not load safely"):
        run.fit(model(), sample())
    assert not list(tmp_path.glob("*.ckpt"))


def test_plain_lightning_writes_what_does_not_load(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    TorchCheckpointIO().save_checkpoint({"state_dict": {}, "files": [Path("a")]}, file)
    with pytest.raises(Exception, match="weights_only"):
        torch.load(file, weights_only=True)


def test_disk_that_is_full_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    SafeCheckpointIO().save_checkpoint({"state_dict": {}, "global_step": 1}, file)

    beside = file.with_name(f".{file.name}.part")
    beside.symlink_to("/dev/full")
    with pytest.raises(ConfigurationError, match=r"cannot write '.*last\.ckpt': No space left"):
        SafeCheckpointIO().save_checkpoint({"state_dict": {}, "global_step": 2}, file)
    assert torch.load(file)["global_step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def write(file: Path, step: int, batches: int, **state: Any) -> None:
    """Write a checkpoint of weights, with numbers of steps and batches and further keys."""
    progress = {"epoch_loop.batch_progress": {"total": {"ready": batches}}}
    content = {"state_dict": {}, "global_step": step, "loops": {"fit_loop": progress}}
    SafeCheckpointIO().save_checkpoint(content | state, file)


def test_newest_checkpoint_is_the_one_with_the_most_steps_and_batches(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    write(tmp_path / "best.ckpt", 10, 30, optimizer_states=[])
    write(tmp_path / "step.ckpt", 12, 38, optimizer_states=[])
    write(tmp_path / "last.ckpt", 12, 36, optimizer_states=[])
    write(tmp_path / "weights.ckpt", 14, 42)
    (tmp_path / "broken.ckpt").write_bytes(b"PK")
    (tmp_path / "sharded.ckpt").mkdir()
    assert newest_checkpoint(tmp_path) == str(tmp_path / "step.ckpt")


def test_a_run_does_not_begin_anew_on_top_of_checkpoints_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    (tmp_path / ".last.ckpt").write_bytes(b"")
    assert newest_checkpoint(tmp_path) is None
    reasons = {
        "weights.ckpt contains only weights": lambda file: write(file, 14, 42),
        "sharded.ckpt cannot be read: .* directory": Path.mkdir,
        "harmful.ckpt contains pickled objects": lambda file: torch.save(
            {"state_dict": {}, "optimizer_states": [], "folder": Path("a")}, file
        ),
    }
    for reason, make in reasons.items():
        folder = tmp_path / reason.partition(".")[0]
        folder.mkdir()
        make(folder / reason.partition(" ")[0])
        with pytest.raises(
            ConfigurationError, match=f"(?s)no usable checkpoint in .*{reason}.*run.dir"
        ):
            newest_checkpoint(folder)


def test_plain_lightning_ends_in_a_key_error_on_weights_alone(tmp_path: Path) -> None:
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    task, data = model(), sample()
    run.fit(task, data)
    run.save_checkpoint(tmp_path / "weights.ckpt", weights_only=True)
    with pytest.raises(KeyError, match="save_weights_only"):
        run.fit(task, data, ckpt_path=str(tmp_path / "weights.ckpt"), weights_only=True)


def test_url_is_left_to_lightning() -> None:
    SafeCheckpointIO().save_checkpoint({"state_dict": {}}, "memory://run/last.ckpt")
    assert SafeCheckpointIO().load_checkpoint("memory://run/last.ckpt") == {"state_dict": {}}
