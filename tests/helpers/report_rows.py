"""Rows of `predictions.parquet` without a model."""

from typing import Any

CLASSES = ("bug", "idea", "praise")


def tickets() -> list[dict[str, Any]]:
    """Return forty classified rows, with a column of three values."""
    rows = []
    for n in range(40):
        label, predicted = CLASSES[n % 3], CLASSES[n % 3 if n % 4 else (n + 1) % 3]
        score = 0.4 + 0.59 * (n % 7) / 7
        rest = (1 - score) / 2
        rows.append(
            {
                "title": f"<b>ticket</b> number {n} {'again ' * (n % 9)}",
                "channel": ("mail", "web", "phone")[n % 5 % 3],
                "label": label,
                "prediction": predicted,
                "score": score,
                **{f"probability_{c}": score if c == predicted else rest for c in CLASSES},
                "loss": 0.1 * n,
            }
        )
    return rows
