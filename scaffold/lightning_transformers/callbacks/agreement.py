"""SIGTERM for a run on several processes."""

from types import FrameType
from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.trainer.connectors.signal_connector import _SignalConnector


class AgreedSIGTERM(_SignalConnector):
    """Takes note of the signal, and tells Lightning when all processes know of it.

    Lightning's own broadcasts from within its handler, wherever the process is: amid another
    collective operation, it mixes with that or waits forever, and a signal that only another
    process than the first has got is lost. Here the processes ask each other at the end of each
    batch, so that all of them stop after the same one.

    Args:
        trainer: the trainer that it is for.
    """

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        self.noted = False

    def _sigterm_notifier_fn(self, signum: Any, _: FrameType | None) -> None:
        self.noted = True

    def agree(self) -> None:
        """Have Lightning end the run after this batch, if any process is to end.

        That is one sum of a number over the processes.
        """
        self.received_sigterm = self.trainer.strategy.reduce_boolean_decision(self.noted, all=False)
