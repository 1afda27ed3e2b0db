"""A line per split about the rows that a run trains and evaluates on."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

from lightning_transformers.base.errors import joined, quoted
from lightning_transformers.data.loading import AnyDataset

LENGTHS = "input_ids"
CLASSES = "labels"


def summary(dataset: Mapping[str, AnyDataset], names: Sequence[str] | None) -> Iterator[str]:
    """Yield rows, lengths in tokens and class counts of each split, as one line each.

    Args:
        dataset: the processed splits; a stream has no counts.
        names: the classes in the order of their ids, None if the labels are not classes.
    """
    for split, rows in dataset.items():
        if not isinstance(rows, Dataset):
            yield f"{split} set: a stream"
            continue
        facts = [f"{len(rows):,} rows", *_lengths(rows), *_classes(rows, names)]
        yield f"{split} set: {'; '.join(facts)}"


def _lengths(rows: Dataset) -> Iterator[str]:
    if LENGTHS not in rows.column_names or not len(rows):
        return
    tokens = rows.data.column(LENGTHS)
    while pa.types.is_nested(tokens.type.value_type):  # several inputs per row
        tokens = pc.list_flatten(tokens)
    lengths = pc.list_value_length(tokens)
    low, middle, high = pc.quantile(lengths, [0, 0.5, 1], interpolation="lower").to_pylist()
    yield f"{low} to {high} tokens, median {middle}"


def _classes(rows: Dataset, names: Sequence[str] | None) -> Iterator[str]:
    if names is None or CLASSES not in rows.column_names:
        return
    ids = rows.data.column(CLASSES)
    if pa.types.is_integer(ids.type):
        counts = {pair["values"]: pair["counts"] for pair in pc.value_counts(ids).to_pylist()}
        shown = (f"{quoted(name)} {counts.get(number, 0):,}" for number, name in enumerate(names))
        yield f"classes {joined(shown)}"
