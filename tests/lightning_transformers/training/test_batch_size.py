"""Numbers of batches are converted to another batch size."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.callbacks import GradientAccumulationScheduler

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.training.batch_size import (
    STEP_ROWS,
    convert,
    report_changes,
    require_same_readers,
)
from lightning_transformers.training.resume import KEY


def test_batches_become_as_many_as_have_their_rows() -> None:
    counts = {"ready": 4, "started": 4, "processed": 4, "completed": 3}
    convert(counts, before=16, after=8)
    assert counts == {"ready": 8, "started": 8, "processed": 8, "completed": 7}
    convert(counts, before=8, after=32)
    assert counts == {"ready": 2, "started": 2, "processed": 2, "completed": 1}


def test_the_last_smaller_batch_of_an_epoch_counts_as_one() -> None:
    counts = {"ready": 7, "started": 7, "processed": 7, "completed": 7}
    convert(counts, before=16, after=32)
    assert counts == {"ready": 4, "started": 4, "processed": 4, "completed": 4}


@pytest.mark.parametrize(
    ("ranks", "accumulated", "line"),
    [
        (1, 2, None),
        (1, 1, "a step has 4 rows, and had 8 before the resume: the losses differ; set "
         "trainer.accumulate_grad_batches=2 to keep them"),
        (3, 1, "set trainer.accumulate_grad_batches or training.batch_size to keep them"),
    ],
)  # fmt: skip
def test_another_number_of_ranks_or_rows_of_a_step_is_logged(
    ranks: int, accumulated: int, line: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    trainer: Any = SimpleNamespace(
        world_size=ranks, accumulate_grad_batches=accumulated, callbacks=[]
    )
    report_changes(trainer, {KEY: [{}, {}], STEP_ROWS: 8, "formulas": 5}, rows=4 * ranks)
    about_steps = [text for text in caplog.messages if text.startswith("a step has")]
    assert [line in text for text in about_steps if line] == [True] * bool(line)
    assert f"resuming on {ranks} ranks a run of 2: the rows of each step are the same" in (
        caplog.text
    )


@pytest.mark.parametrize(
    ("ranks", "workers", "error"),
    [
        (2, 4, None),
        (1, 4, r"trainer\.devices=2, not 1: set that"),
        (2, 0, r"training\.num_workers=4, not 0: set that"),
    ],
)
def test_an_epoch_of_a_stream_needs_the_processes_that_began_it(
    ranks: int, workers: int, error: str | None
) -> None:
    data = SimpleNamespace(batch_size=8, num_workers=workers)
    trainer: Any = SimpleNamespace(world_size=ranks, datamodule=data)
    with pytest.raises(ConfigurationError, match=error) if error else nullcontext():
        require_same_readers(2, 4, trainer)


def test_scheduled_accumulation_is_not_compared(caplog: pytest.LogCaptureFixture) -> None:
    """The scheduler sets the number of the epoch after the checkpoint is loaded."""
    trainer: Any = SimpleNamespace(world_size=1, accumulate_grad_batches=1, callbacks=[])
    for scheduled in (False, True):
        caplog.clear()
        trainer.callbacks = [GradientAccumulationScheduler({0: 2})] if scheduled else []
        report_changes(trainer, {KEY: [{}], STEP_ROWS: 8, "formulas": 5}, rows=4)
        assert bool(caplog.messages) is not scheduled


def test_a_run_of_earlier_formulas_may_have_other_rows(caplog: pytest.LogCaptureFixture) -> None:
    trainer: Any = SimpleNamespace(world_size=1, accumulate_grad_batches=1, callbacks=[])
    report_changes(trainer, {KEY: [{}, {}], "formulas": 4}, rows=8)
    assert "the last step of an epoch may have other rows" in caplog.text
    caplog.clear()
    report_changes(trainer, {KEY: [{}], "formulas": 5}, rows=8)
    assert not caplog.messages, "nothing has changed"
