"""Train on two ranks; started by `test_ddp.py`. The argument names the hook that freezes."""

import sys
from pathlib import Path

from lightning_transformers.task.nlp.language_modeling import LanguageModelingTransformer
from tests.helpers.language_modeling import model, sample, trainer


class Freezing(LanguageModelingTransformer):
    """Freezes the backbone where the command line says."""

    def freeze(self, where: str) -> None:
        """Freeze the backbone, if this is the place."""
        if where == sys.argv[1]:
            self.model.base_model.requires_grad_(False)

    def setup(self, stage: str) -> None:
        """Freeze before the strategy wraps the model."""
        super().setup(stage)
        self.freeze("setup")

    def on_fit_start(self) -> None:
        """Freeze after it, as the documented example does."""
        super().on_fit_start()
        self.freeze("on_fit_start")


if __name__ == "__main__":
    task = model(Freezing)
    run = trainer(Path.cwd(), strategy="ddp", devices=2, limit_train_batches=2)
    run.fit(task, sample())
    sums = run.strategy.all_gather(sum(p.detach().double().sum() for p in task.parameters()))
    print("ranks agree" if sums[0] == sums[1] else f"ranks differ: {sums}")
