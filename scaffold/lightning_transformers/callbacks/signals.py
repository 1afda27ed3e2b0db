"""SIGTERM, for a run on one process or several."""

from types import FrameType
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector
from torch import distributed


class AgreedSIGTERM(_SignalConnector):
    """Takes note of the signal, and tells Lightning when all processes know of it.

    Lightning's own handler broadcasts, wherever the process is: amid another collective operation
    it mixes with that or waits forever, and a signal that only another process than the first has
    got is lost. Here the processes ask each other at the end of a step, so that all of them stop
    after the same one.

    Args:
        trainer: the trainer that it is for.
    """

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        self.noted = False

    def _sigterm_notifier_fn(self, signum: Any, _: FrameType | None) -> None:
        self.noted = True

    def agree(self, due: bool = False) -> bool:
        """Have Lightning end the run at its next look, if any process is to end.

        Of several processes that costs one sum of two numbers: less than Lightning's
        `reduce_boolean_decision`, which waits for all of them before it sums.

        Args:
            due: something else that this process wants to be done by all.

        Returns:
            Whether any process wants it.
        """
        wanted = [self.noted, due]
        if self.trainer.world_size > 1:
            votes = torch.tensor(
                wanted, dtype=torch.int32, device=self.trainer.strategy.root_device
            )
            distributed.all_reduce(votes)
            wanted = [bool(vote) for vote in votes.tolist()]
        self.received_sigterm, anyone = wanted
        return anyone

    def postpone(self) -> None:
        """Have Lightning go on until the processes agree again."""
        self.received_sigterm = False
