"""The sample for image classification: handwritten digits of eight by eight pixels."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, Features, Image
from PIL.Image import frombytes
from pyarrow.parquet import write_table

TRAIN_ROWS = 1400
VALIDATION_ROWS = 300
SIZE = (8, 8)
WHITE = 16  # in the source; 255 in an image
FEATURES = Features({"image": Image(), "label": ClassLabel(names=list("0123456789"))})


def write_digits(assets: Path, source: Path) -> None:
    """Write the first rows of `source`, each 64 gray values and the digit."""
    with gzip.open(source, "rt", encoding="ascii", newline="") as file:
        rows = [digit([int(float(value)) for value in line]) for line in csv.reader(file)]
    folder = assets / "image_classification"
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(folder / "train.parquet", rows[:TRAIN_ROWS])
    write_parquet(folder / "validation.parquet", rows[TRAIN_ROWS : TRAIN_ROWS + VALIDATION_ROWS])


def digit(values: Sequence[int]) -> dict[str, Any]:
    """Return a row of the sample, with `image`, a PNG, and `label`.

    Args:
        values: 64 gray values from 0 to 16, and the digit.
    """
    *greys, label = values
    png = BytesIO()
    frombytes("L", SIZE, bytes(grey * 255 // WHITE for grey in greys)).save(png, "PNG")
    return {"image": {"bytes": png.getvalue(), "path": None}, "label": label}


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with their features, compressed across images: a small PNG is mostly header."""
    table = Dataset.from_list(list(rows), FEATURES).data.table
    schema = table.schema.with_metadata(FEATURES.arrow_schema.metadata)
    write_table(table.cast(schema), path, compression="zstd")
