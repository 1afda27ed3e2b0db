"""Functions and classes for the recipes of the templates and for hand-written tasks.

Only code that nothing else needs has a module here; other names are re-exported from their rooms.
Names are imported lazily.
"""

from typing import TYPE_CHECKING

from lightning_transformers.base.lazy import lazy_exports

if TYPE_CHECKING:
    from lightning_transformers.models.adapters import add_lora as add_lora
    from lightning_transformers.models.freezing import TiedEmbeddings as TiedEmbeddings
    from lightning_transformers.models.freezing import freeze_backbone as freeze_backbone
    from lightning_transformers.models.freezing import head_parameters as head_parameters
    from lightning_transformers.models.layers import decayed_by_layer as decayed_by_layer
    from lightning_transformers.models.output_head import output_layer as output_layer
    from lightning_transformers.models.output_head import (
        replace_output_layer as replace_output_layer,
    )
    from lightning_transformers.recipes.adversarial import adversarial_step as adversarial_step
    from lightning_transformers.recipes.generation import set_generation as set_generation
    from lightning_transformers.recipes.gradient_noise import (
        add_gradient_noise as add_gradient_noise,
    )
    from lightning_transformers.recipes.lion import Lion as Lion
    from lightning_transformers.recipes.predictions import round_floats as round_floats
    from lightning_transformers.training.loss import r_drop as r_drop
    from lightning_transformers.training.loss import smoothing_term as smoothing_term
    from lightning_transformers.training.metrics import Perplexity as Perplexity

__getattr__, __all__ = lazy_exports(__name__, __file__)
