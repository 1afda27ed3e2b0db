"""Count the collective operations of a step on two ranks; started by `core/test_counts.py`."""

from collections import Counter
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback
from torch.profiler import ProfilerActivity, profile

from lightning_transformers.callbacks import Autosave
from lightning_transformers.core.finite_loss import FiniteLoss
from tests.helpers.language_modeling import model, sample, trainer

FIRST, LAST = 2, 6
"""Numbers of the steps between whose starts operations are counted."""


class Collectives(Callback):
    """Prints how often a step calls each collective operation of gloo."""

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        """Start and end the count."""
        if trainer.global_step == FIRST:
            self.profile = profile(activities=[ProfilerActivity.CPU])
            self.profile.start()
        if trainer.global_step == LAST:
            self.profile.stop()
            names = [event.name for event in self.profile.events() or []]
            found = Counter(name for name in names if name.startswith("gloo:"))
            counts = {name: number / (LAST - FIRST) for name, number in sorted(found.items())}
            print(f"collectives of a step: {counts}")


if __name__ == "__main__":
    callbacks = [
        Collectives(),
        FiniteLoss(3, lambda *_: None, lambda: ""),
        Autosave(Path.cwd() / "checkpoints"),
    ]
    values = {"strategy": "ddp", "devices": 2, "log_every_n_steps": 2, "limit_val_batches": 0}
    values["enable_checkpointing"] = True
    run = trainer(Path.cwd(), max_steps=LAST + 1, callbacks=callbacks, **values)
    run.fit(model(), sample(batch_size=2))
