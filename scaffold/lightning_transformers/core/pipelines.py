"""The pipelines of transformers, for the tasks that have one."""

from typing import TYPE_CHECKING, Any, cast

from transformers import Pipeline, PreTrainedTokenizerBase, pipeline

from lightning_transformers.core.modes import evaluation_mode
from lightning_transformers.errors import ConfigurationError

if TYPE_CHECKING:
    from lightning_transformers.core.task import TaskTransformer


def pipeline_of(task: "TaskTransformer") -> Pipeline:
    """Return the pipeline around a task's model, which predicts without dropout.

    Raises:
        ConfigurationError: for a task that transformers has no pipeline for.
    """
    if task.hf_pipeline_task is None:
        raise ConfigurationError(
            f"transformers has no pipeline for {type(task).__name__}: use predict(inputs, data)"
        )
    # What the data have may be set up otherwise, as a tokenizer with another chat template.
    processor = getattr(task.data, "processor", None) or task.load_processor()
    kind = "tokenizer" if isinstance(processor, PreTrainedTokenizerBase) else "image_processor"
    arguments = {"model": task.model, kind: processor, **(task.hf_pipeline_kwargs or {})}
    made: Any = pipeline(cast(Any, task.hf_pipeline_task), **arguments)
    # The pipeline leaves the mode as it is, in which a model that trains has dropout.
    made.forward = evaluation_mode(task.model)(made.forward)
    return cast(Pipeline, made)
