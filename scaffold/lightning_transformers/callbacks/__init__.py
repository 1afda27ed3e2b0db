"""Optional callbacks, which a config enables by name.

The callback that every run requires is in `core.exactness_callback`. Imports `core` and the rooms
below.
"""

from lightning_transformers.callbacks.autosave import Autosave
from lightning_transformers.callbacks.compile_model import CompileModel
from lightning_transformers.callbacks.console import ParameterTable
from lightning_transformers.callbacks.ema_weights import EMAWeights
from lightning_transformers.callbacks.epoch_statistics import EpochStatistics
from lightning_transformers.callbacks.final_validation import FinalValidation
from lightning_transformers.callbacks.freeze_embeddings import FreezeEmbeddings
from lightning_transformers.callbacks.gradient_checkpointing import GradientCheckpointing
from lightning_transformers.callbacks.gradual_unfreezing import GradualUnfreezing
from lightning_transformers.callbacks.loss_curve import LossCurve
from lightning_transformers.callbacks.pruning import MagnitudePruning
from lightning_transformers.callbacks.run_log import RunLog
from lightning_transformers.callbacks.throughput import Throughput
from lightning_transformers.callbacks.weight_noise import WeightNoise
from lightning_transformers.training.lightning_internals import ProgressBar

__all__ = [
    "Autosave",
    "CompileModel",
    "EMAWeights",
    "EpochStatistics",
    "FinalValidation",
    "FreezeEmbeddings",
    "GradientCheckpointing",
    "GradualUnfreezing",
    "LossCurve",
    "MagnitudePruning",
    "ParameterTable",
    "ProgressBar",
    "RunLog",
    "Throughput",
    "WeightNoise",
]
