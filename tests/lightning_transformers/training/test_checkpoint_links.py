"""One write per state of the fit, and writes in the background from a copy."""

import os
import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.callbacks import Autosave
from lightning_transformers.training import checkpoint_io
from lightning_transformers.training.checkpoint_io import BackgroundCheckpointIO, SafeCheckpointIO
from lightning_transformers.training.lightning_internals import replace_checkpoint_io
from tests.helpers.language_modeling import model, sample, trainer

LARGE = 100_000
"""Elements of a tensor that is compared by its memory and version."""


def content(weights: Tensor, **state: Any) -> dict[str, Any]:
    return {"state_dict": {"weight": weights}, "global_step": 1, **state}


def test_equal_content_is_a_hard_link(tmp_path: Path) -> None:
    best, last = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    writer, weights = SafeCheckpointIO(), torch.zeros(LARGE)
    for file in (best, last, last):
        writer.save_checkpoint(content(weights, states=torch.get_rng_state()), file)
    assert best.samefile(last)
    weights += 1
    writer.save_checkpoint(content(weights, states=torch.get_rng_state()), last)
    assert torch.load(best)["state_dict"]["weight"].sum() == 0
    assert torch.load(last)["state_dict"]["weight"].sum() == LARGE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"n": 1}, {"n": 2}),
        ({"n": torch.tensor(1.0)}, {"n": torch.tensor(2.0)}),
        ({"n": [torch.zeros(9)]}, {"n": [torch.ones(9)]}),
        ({"n": torch.zeros(LARGE)}, {"n": torch.zeros(LARGE)}),
        ({"n": True}, {"n": 1}),
    ],
)
def test_other_content_is_written(one: Any, other: Any, tmp_path: Path) -> None:
    files, writer, weights = (tmp_path / "a", tmp_path / "b"), SafeCheckpointIO(), torch.zeros(9)
    for file, state in zip(files, (one, other), strict=True):
        writer.save_checkpoint(content(weights, **state), file)
    assert not files[0].samefile(files[1])


def test_file_that_was_replaced_is_not_linked(tmp_path: Path) -> None:
    best, last = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    writer, weights = SafeCheckpointIO(), torch.zeros(LARGE)
    writer.save_checkpoint(content(weights), best)
    best.write_bytes(b"other")
    writer.save_checkpoint(content(weights), last)
    assert torch.load(last)["global_step"] == 1


def test_file_system_without_links_gets_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(checkpoint_io, "os", SimpleNamespace(**vars(os) | {"link": refuse}))
    best, last = tmp_path / "best.ckpt", tmp_path / "last.ckpt"
    writer, weights = SafeCheckpointIO(), torch.zeros(LARGE)
    for file in (best, last):
        writer.save_checkpoint(content(weights), file)
    assert not best.samefile(last)
    assert torch.load(last)["global_step"] == torch.load(best)["global_step"]


@pytest.mark.parametrize("background", [False, True])
def test_fit_writes_best_and_last_once_per_validation(
    background: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = checkpoint_io.write_checkpoint
    monkeypatch.setattr(
        checkpoint_io,
        "write_checkpoint",
        lambda checkpoint, file: written.append(file.name) or write(checkpoint, file),
    )
    best = ModelCheckpoint(tmp_path, filename="best", monitor="val/loss", save_top_k=1)
    run = trainer(
        tmp_path,
        max_steps=4,
        val_check_interval=2,
        limit_val_batches=1,
        enable_checkpointing=True,
        callbacks=[best, Autosave(tmp_path)],
    )
    if background:
        replace_checkpoint_io(run, BackgroundCheckpointIO())
    run.fit(model(), sample())
    assert written == ["best.ckpt", "best.ckpt", "last.ckpt"]
    assert torch.load(tmp_path / "last.ckpt")["global_step"] == 4


def test_background_writes_the_state_at_the_save(tmp_path: Path) -> None:
    may_write, writer, weights = threading.Event(), BackgroundCheckpointIO(), torch.zeros(LARGE)
    writer._submit(lambda: may_write.wait(10) and None)
    writer._submit(lambda: None)
    file = tmp_path / "last.ckpt"
    jobs, writer._jobs = writer._jobs, []  # else the save waits for them
    writer.save_checkpoint(content(weights, tied=weights), file)
    weights += 1
    may_write.set()
    writer.teardown()
    saved = torch.load(file)
    assert saved["state_dict"]["weight"].sum() == 0
    assert saved["tied"].data_ptr() == saved["state_dict"]["weight"].data_ptr()
    assert all(job.done() for job in jobs)


def test_background_takes_its_memory_again(tmp_path: Path) -> None:
    writer, weights = BackgroundCheckpointIO(), torch.zeros(LARGE)
    places = []
    for _ in range(2):
        writer.save_checkpoint(content(weights), tmp_path / "last.ckpt")
        places.append(writer._copy["state_dict"]["weight"].data_ptr())
        weights += 1
    writer.teardown()
    assert places[0] == places[1] != weights.data_ptr()


@pytest.mark.parametrize("ends", [False, True])
def test_background_reports_a_full_disk_and_keeps_the_former(ends: bool, tmp_path: Path) -> None:
    file, writer, weights = tmp_path / "last.ckpt", BackgroundCheckpointIO(), torch.zeros(LARGE)
    writer.save_checkpoint(content(weights), file)
    writer.wait()
    file.with_name(f".{file.name}.part").symlink_to("/dev/full")
    weights += 1
    writer.save_checkpoint(content(weights), file)
    weights += 1
    with pytest.raises(ConfigurationError, match=r"cannot write '.*last\.ckpt': No space left"):
        writer.teardown() if ends else writer.save_checkpoint(content(weights), file)
    assert torch.load(file)["state_dict"]["weight"].sum() == 0


def test_background_keeps_the_former_best_if_the_new_one_fails(tmp_path: Path) -> None:
    files = [tmp_path / f"step={step}.ckpt" for step in range(3)]
    writer, weights = BackgroundCheckpointIO(), torch.zeros(LARGE)
    for former, new in pairwise(files):
        writer.save_checkpoint(content(weights), former)
        writer.wait()
        weights += 1
        if new is files[2]:
            new.with_name(f".{new.name}.part").symlink_to("/dev/full")
        writer.save_checkpoint(content(weights), new)
        writer.remove_checkpoint(former)
    with pytest.raises(ConfigurationError, match="No space left"):
        writer.teardown()
    assert [*tmp_path.glob("*.ckpt")] == [files[1]]


@pytest.mark.parametrize("kind", [SafeCheckpointIO, BackgroundCheckpointIO])
def test_sparse_buffer_is_saved(kind: type[SafeCheckpointIO], tmp_path: Path) -> None:
    writer, weights, buffer = kind(), torch.zeros(LARGE), torch.eye(3).to_sparse()
    writer.save_checkpoint(content(weights, buffer=buffer), tmp_path / "last.ckpt")
    buffer.mul_(2)
    writer.teardown()
    assert torch.load(tmp_path / "last.ckpt")["buffer"].to_dense().equal(torch.eye(3))


@pytest.mark.parametrize("kind", [SafeCheckpointIO, BackgroundCheckpointIO])
def test_edit_after_the_fit_is_written_at_once(
    kind: type[SafeCheckpointIO], tmp_path: Path
) -> None:
    writer, weights = kind(), torch.zeros(LARGE)
    writer.teardown()
    for number in range(2):
        writer.save_checkpoint(content(weights), file := tmp_path / f"{number}.ckpt")
        assert torch.load(file)["state_dict"]["weight"].sum() == number * LARGE
        weights.data += 1
    writer.remove_checkpoint(file)
    assert not file.exists()


@pytest.mark.parametrize("kind", [SafeCheckpointIO, BackgroundCheckpointIO])
def test_edit_between_two_fits_is_written(kind: type[SafeCheckpointIO], tmp_path: Path) -> None:
    writer, weights = kind(), torch.zeros(LARGE)
    for file in (tmp_path / "a.ckpt", tmp_path / "b.ckpt"):
        writer.setup()
        writer.save_checkpoint(content(weights), file)
        writer.teardown()
        weights.data += 1
    assert torch.load(file)["state_dict"]["weight"].sum() == LARGE


class Ends(Callback):
    """Saves at the start and at the end of a fit, and records whether a thread writes it."""

    def __init__(self, writer: BackgroundCheckpointIO) -> None:
        self.writer = writer
        self.in_thread: list[bool] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        trainer.save_checkpoint(Path(trainer.default_root_dir, "last.ckpt"))
        self.in_thread.append(self.writer._thread is not None)

    on_fit_end = on_fit_start


def test_each_fit_writes_in_the_background_until_it_ends(tmp_path: Path) -> None:
    ends = Ends(BackgroundCheckpointIO())
    run = trainer(tmp_path, max_steps=1, limit_val_batches=0, callbacks=[ends])
    replace_checkpoint_io(run, ends.writer)
    for _ in range(2):
        run.fit(model(), sample())
    assert ends.in_thread == [True, False] * 2
