"""A compiled model of any base is one graph, compiled again once: for batches of any length."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from pytorch_lightning import Callback
from torch._dynamo.utils import counters

from lightning_transformers.config.compose import compose
from lightning_transformers.runs.train import train_and_record
from tests.helpers.rendered import BASES, CATALOG

OF_ONE_LENGTH = {"image_classification", "language_modeling", "masked_language_modeling"}


class Graphs(Callback):
    """Records how many graphs have been compiled after each training batch, and their breaks."""

    compiled: ClassVar[list[int]] = []
    lengths: ClassVar[list[int]] = []

    def on_train_start(self, *_: Any) -> None:
        """Start."""
        counters.clear()
        self.compiled.clear()
        self.lengths.clear()

    def on_train_batch_end(
        self, trainer: Any, task: Any, outputs: Any, batch: Any, number: int
    ) -> None:
        """Record the number of graphs."""
        self.compiled.append(counters["stats"]["unique_graphs"])
        self.lengths.append(next(iter(batch.values())).shape[-1])
        assert not counters["graph_break"]


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
def test_no_graph_breaks_and_no_graph_after_the_second_batch(base: str, tmp_path: Path) -> None:
    torch._dynamo.reset()
    group = CATALOG.entry("base", base)["group"]
    settings = [
        f"task={group}/{base}",
        "experiment=smoke",
        "callbacks=[default,compile]",
        "callbacks.compile.backend=eager",
        "callbacks.compile.fullgraph=true",
        "training.validate_before_fit=false",
        "trainer.num_sanity_val_steps=0",
        "trainer.limit_val_batches=0",
        "trainer.max_steps=8",
        f"training.run_dir={tmp_path}",
        f"++callbacks.graphs._target_={__name__}.Graphs",
    ]
    train_and_record(compose(settings))
    assert Graphs.compiled[1:] == [Graphs.compiled[1]] * 7, (Graphs.compiled, Graphs.lengths)
    assert len(set(Graphs.lengths)) > 2 or base in OF_ONE_LENGTH
