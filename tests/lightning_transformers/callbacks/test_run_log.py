"""The lines of the log of a run."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning.trainer.states import TrainerFn

from lightning_transformers.callbacks.run_log import RunLog


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (TrainerFn.FITTING, "validation at step 7: val/loss 0.5"),
        (TrainerFn.VALIDATING, "validation: val/loss 0.5"),  # before a fit, or an evaluation
    ],
)
def test_a_validation_has_the_step_of_its_fit(
    function: TrainerFn, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    trainer: Any = SimpleNamespace(
        sanity_checking=False,
        callback_metrics={"val/loss": torch.tensor(0.5), "train/loss": torch.tensor(1.0)},
        global_step=7,
        state=SimpleNamespace(fn=function),
    )
    caplog.set_level(logging.INFO)
    model: Any = None
    RunLog().on_validation_end(trainer, model)
    assert caplog.messages == [line]
