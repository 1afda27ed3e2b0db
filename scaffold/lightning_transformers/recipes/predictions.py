"""Format predictions."""

from typing import Any


def round_floats(prediction: Any, digits: int) -> Any:
    """Return a prediction with its floats rounded.

    Args:
        prediction: a number, a text, or nested lists and mappings, as `predict` returns them.
        digits: number of decimals.
    """
    if isinstance(prediction, dict):
        return {key: round_floats(value, digits) for key, value in prediction.items()}
    if isinstance(prediction, list | tuple):
        return [round_floats(value, digits) for value in prediction]
    return round(prediction, digits) if isinstance(prediction, float) else prediction
