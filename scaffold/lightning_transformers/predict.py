"""Predict with a trained task."""

from omegaconf import DictConfig

from lightning_transformers.build import build_predictor, check_task
from lightning_transformers.errors import ConfigurationError


def predict_from_config(config: DictConfig) -> list[str]:
    """Print and return the prediction of the task on `x`, with the weights of a checkpoint.

    Raises:
        ConfigurationError: if there is no text, or no checkpoint at the path.
    """
    check_task(config)
    if config.x is None:
        raise ConfigurationError('nothing to predict on: give x="some text"')
    model = build_predictor(config)
    predictions = model.predict([str(config.x)], model.backbone.load_tokenizer())
    for prediction in predictions:
        print(prediction)
    return predictions
