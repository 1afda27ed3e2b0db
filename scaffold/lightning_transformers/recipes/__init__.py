"""What the recipes of the templates import; hand-written classes can use it as well.

A module is here only where nothing else needs its code. The other names are re-exported from
their rooms. Each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from lightning_transformers.base.lazy import lazy_names

if TYPE_CHECKING:
    from lightning_transformers.models.adapters import add_lora
    from lightning_transformers.models.freezing import (
        TiedEmbeddings,
        freeze_backbone,
        head_parameters,
    )
    from lightning_transformers.models.layers import decayed_by_layer
    from lightning_transformers.models.output_head import output_layer, replace_output_layer
    from lightning_transformers.recipes.adversarial import adversarial_step
    from lightning_transformers.recipes.generation import set_generation
    from lightning_transformers.recipes.gradient_noise import add_gradient_noise
    from lightning_transformers.recipes.lion import Lion
    from lightning_transformers.recipes.predictions import tidy
    from lightning_transformers.training.loss import r_drop, smoothing_term
    from lightning_transformers.training.metrics import Perplexity

__all__ = [
    "Lion",
    "Perplexity",
    "TiedEmbeddings",
    "add_gradient_noise",
    "add_lora",
    "adversarial_step",
    "decayed_by_layer",
    "freeze_backbone",
    "head_parameters",
    "output_layer",
    "r_drop",
    "replace_output_layer",
    "set_generation",
    "smoothing_term",
    "tidy",
]

__getattr__ = lazy_names(
    __name__,
    {
        "models.adapters": ("add_lora",),
        "models.freezing": ("TiedEmbeddings", "freeze_backbone", "head_parameters"),
        "models.layers": ("decayed_by_layer",),
        "models.output_head": ("output_layer", "replace_output_layer"),
        "recipes.adversarial": ("adversarial_step",),
        "recipes.generation": ("set_generation",),
        "recipes.gradient_noise": ("add_gradient_noise",),
        "recipes.lion": ("Lion",),
        "recipes.predictions": ("tidy",),
        "training.loss": ("r_drop", "smoothing_term"),
        "training.metrics": ("Perplexity",),
    },
)
