"""A callback that kills a rank; a run of `test_launcher_ddp.py` names it."""

import os
import signal

from pytorch_lightning import Callback, LightningModule, Trainer


class Kills(Callback):
    """Sends SIGKILL to a rank after the backward pass of its second step.

    Args:
        rank: the rank.
    """

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == 1 and trainer.global_rank == self.rank:
            os.kill(os.getpid(), signal.SIGKILL)
