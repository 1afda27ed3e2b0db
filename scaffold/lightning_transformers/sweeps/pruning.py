"""The callback that stops a trial of a sweep that is worse than the others."""

import json
import os

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from lightning_transformers.sweeps import TRIAL
from lightning_transformers.sweeps.study import PRUNED, reporter


class Pruning(Callback):
    """Report the metric of each validation to the trial of this job, and stop if it is pruned."""

    def __init__(self) -> None:
        self.trial, self.monitor = reporter(json.loads(os.environ[TRIAL]))
        self.pruned = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the metric; stop training after this step if the study prunes the trial."""
        value = trainer.callback_metrics.get(self.monitor)
        if value is None or trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if trainer.is_global_zero:
            self.trial.report(float(value), trainer.global_step)
            self.pruned = self.trial.should_prune()
            if self.pruned:
                self.trial.set_user_attr(PRUNED, True)
        self.pruned = trainer.strategy.broadcast(self.pruned)
        trainer.should_stop = trainer.should_stop or self.pruned
