"""Callbacks that tasks and configs switch on by name."""

from lightning_transformers.callbacks.loss_curve import LossCurve
from lightning_transformers.callbacks.weight_noise import WeightNoise

__all__ = ["LossCurve", "WeightNoise"]
