"""What becomes of a prediction before it is shown."""

from typing import Any


def round_floats(prediction: Any, digits: int) -> Any:
    """Return a prediction with its numbers rounded and the space in its texts made single.

    Args:
        prediction: text, number, or lists and mappings of these, as `predict` returns them.
        digits: after the decimal point.
    """
    if isinstance(prediction, dict):
        return {key: round_floats(value, digits) for key, value in prediction.items()}
    if isinstance(prediction, list | tuple):
        return [round_floats(value, digits) for value in prediction]
    if isinstance(prediction, float):
        return round(prediction, digits)
    return " ".join(prediction.split()) if isinstance(prediction, str) else prediction
