"""Pipelines of transformers around a task's model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from transformers import Pipeline, PreTrainedModel, PreTrainedTokenizerBase, pipeline

from lightning_transformers.base.types import Settings
from lightning_transformers.former_paths import former_names
from lightning_transformers.models.eval_mode import evaluation_mode

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)


def build_pipeline(
    model: PreTrainedModel, name: str, processor: Any, arguments: Settings
) -> Pipeline:
    """Build a pipeline that predicts without dropout.

    Args:
        model: the model, in training or evaluation mode.
        name: name of the pipeline, such as `text-generation`.
        processor: the tokenizer or image processor.
        arguments: further arguments of `transformers.pipeline`, by name.
    """
    kind = "tokenizer" if isinstance(processor, PreTrainedTokenizerBase) else "image_processor"
    build: Callable[..., Pipeline] = pipeline
    made = build(name, **{"model": model, kind: processor, **arguments})
    # The pipeline itself would leave the model in training mode, with dropout.
    made.forward = evaluation_mode(model)(made.forward)  # type: ignore[method-assign]
    return made
