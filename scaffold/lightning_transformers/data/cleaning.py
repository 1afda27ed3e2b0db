"""Clean raw rows and prediction inputs one by one."""

from collections.abc import Callable, Iterable
from typing import Any

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns, Row
from lightning_transformers.data.reading.rows import FILE, LINE


def clean_columns(columns: Columns, *, clean_row: Callable[[Row], Row | None]) -> Columns:
    """Return cleaned rows, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        clean_row: takes a row, and returns it cleaned, or None to drop it.

    Returns:
        All columns of the rows before and after; a value that `clean_row` removes is None.
    """
    rows = []
    for values in zip(*columns.values(), strict=True):
        given = dict(zip(columns, values, strict=True))
        place = {name: given.pop(name) for name in (FILE, LINE) if name in given}
        if (cleaned := clean_row(given)) is not None:
            rows.append({**cleaned, **place})
    names = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    return {name: [row.get(name) for row in rows] for name in names}


def usable_inputs(
    inputs: Iterable[Any],
    clean: Callable[[Any], Any],
    accept: Callable[[list[Any]], object] = len,
    needs_one: bool = True,
) -> tuple[list[Any], dict[int, str]]:
    """Clean prediction inputs, and tell apart those that cannot have a prediction.

    Args:
        inputs: the raw inputs.
        clean: returns an input cleaned; raises ConfigurationError to drop it.
        accept: takes a list of cleaned inputs; raises ConfigurationError for an unusable one. By
            default all are usable.
        needs_one: whether it is an error if none is usable.

    Returns:
        The usable inputs, cleaned, and for each other index the reason.

    Raises:
        ConfigurationError: if there are inputs, but no usable one, with the first reason; unless
            `needs_one` is False.
    """
    usable: list[Any] = []
    reasons: dict[int, str] = {}
    for index, value in enumerate(inputs):
        try:
            cleaned = clean(value)
            accept([cleaned])
            usable.append(cleaned)
        except ConfigurationError as error:
            if not reasons:
                first = error
            reasons[index] = str(error).partition(": give ")[0]  # without advice
    if reasons and not usable and needs_one:
        raise first
    return usable, reasons
