"""Predict with a trained task: from Python with `TaskTransformer.predict`, from a config here."""

import json

from datasets import disable_progress_bars
from omegaconf import DictConfig, OmegaConf

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.checks import check_config
from lightning_transformers.runs.build import first_device, restore, seed_everything


def predict_from_config(config: DictConfig) -> list[object]:
    """Print and return the task's prediction on `x`, or on each row of `dataset.predict_file`.

    A prediction that is no text is printed as JSON, one a line. The first of the trainer's devices
    predicts, in single precision.

    Raises:
        ConfigurationError: if there is nothing to predict on, or no checkpoint at the path.
    """
    check_config(config, needs_dataset=False)
    if config.x is None and not config.dataset.get("predict_file"):
        raise ConfigurationError(
            'nothing to predict on: give +x="some text", or dataset.predict_file=<file>'
        )
    disable_progress_bars()
    seed_everything(config.training.seed)
    model, data = restore(config)
    model.to(first_device(config))
    if config.x is None:
        inputs = list(data.load_dataset()["predict"])
    else:
        inputs = [OmegaConf.to_container(config.x) if OmegaConf.is_config(config.x) else config.x]
    predictions = model.predict(inputs, data, batch_size=data.batch_size)
    for prediction in predictions:
        print(
            prediction
            if isinstance(prediction, str)
            else json.dumps(prediction, ensure_ascii=False)
        )
    return predictions
