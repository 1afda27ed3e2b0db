"""Format predictions."""

from typing import Any


def round_floats(prediction: Any, digits: int) -> Any:
    """Return a prediction with its floats rounded and runs of whitespace in its texts collapsed.

    Args:
        prediction: a text, a number, or nested lists and mappings, as `predict` returns them.
        digits: number of decimals.
    """
    if isinstance(prediction, dict):
        return {key: round_floats(value, digits) for key, value in prediction.items()}
    if isinstance(prediction, list | tuple):
        return [round_floats(value, digits) for value in prediction]
    if isinstance(prediction, float):
        return round(prediction, digits)
    return " ".join(prediction.split()) if isinstance(prediction, str) else prediction
