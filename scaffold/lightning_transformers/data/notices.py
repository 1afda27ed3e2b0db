"""Log lines about the rows of a run: inferred values, and rows that are cut or repeated."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from pytorch_lightning.utilities import rank_zero_only

from lightning_transformers.base.digests import digest_of
from lightning_transformers.base.errors import ConfigurationError, joined
from lightning_transformers.data.loading import AnyDataset

log = logging.getLogger(__name__)

COMPARED_ROWS = 1_000_000
"""Rows of each split that are compared at most: a hash takes about 60 bytes and a microsecond."""
HASHED_AT_ONCE = 10_000


class Notices:
    """Logs each line once per data module, on rank 0."""

    def __init__(self) -> None:
        self._logged: set[str] = set()
        self._compared: set[str] = set()

    def inferred(self, reason: str, **values: object) -> None:
        """Log inferred hyperparameters as the overrides that would set them.

        Args:
            reason: what they were inferred from.
            values: the values by hyperparameter; None is not logged.
        """
        given = [f"dataset.{key}={to_override(v)}" for key, v in values.items() if v is not None]
        self._log_once(logging.INFO, f"inferred {' '.join(given)}: {reason}")

    def dropped(self, split: str, number: int, total: int) -> None:
        """Log how many rows of a split `clean_row` drops.

        Raises:
            ConfigurationError: if it drops all.
        """
        if number == total:
            raise ConfigurationError(
                f"clean_row drops all {total} rows of the {split} set: return those to keep"
            )
        self._log_once(logging.INFO, f"clean_row drops {number} of {total} rows of the {split} set")

    def similar_classes(self, names: Sequence[str]) -> None:
        """Warn of classes that differ in spelling only, such as `pos` and `Pos `, `1` and `1.0`."""
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(plain_spelling(name), []).append(repr(name))
        if similar := [" and ".join(group) for group in groups.values() if len(group) > 1]:
            self._log_once(
                logging.WARNING,
                f"classes that differ in spelling only: {joined(similar, '; ')}; merge them "
                "in the data or in clean_row, or list the classes in dataset.labels=[a,b]",
            )

    def absent_classes(self, names: Sequence[str]) -> None:
        """Warn of classes that no training row has."""
        if names:
            self._log_once(
                logging.WARNING,
                f"no training row has the class {joined(names)}, which cannot be learned: add "
                "rows, or leave it out of dataset.labels",
            )

    def truncated(
        self, split: str, rows: AnyDataset, length: int, key: str, column: str = "input_ids"
    ) -> None:
        """Log the share of inputs that are cut to a length in tokens.

        An input of exactly that length counts too: telling them apart would take another
        tokenization.

        Args:
            split: name of the split.
            rows: tokenized rows; a stream is ignored.
            length: maximum tokens in an input.
            key: the hyperparameter that sets it.
            column: the column of the tokens, a list or a list of lists per row.
        """
        if not isinstance(rows, Dataset) or column not in rows.column_names:
            return
        tokens = rows.data.column(column)
        while pa.types.is_nested(tokens.type.value_type):  # several inputs per row
            tokens = pc.list_flatten(tokens)
        if cut := pc.sum(pc.greater_equal(pc.list_value_length(tokens), length)).as_py():
            self._log_once(
                logging.INFO,
                f"{cut} of {len(tokens)} inputs of the {split} set ({cut / len(tokens):.1%}) reach "
                f"{length} tokens, where longer ones are cut: dataset.{key} sets the length",
            )

    @rank_zero_only
    def shared_rows(
        self,
        split: str,
        train: AnyDataset,
        evaluated: AnyDataset,
        columns: Iterable[str],
        folder: Path,
    ) -> None:
        """Warn of rows to evaluate on that are also in the training set.

        Args:
            split: `validation` or `test`.
            train: the raw rows to train on.
            evaluated: the raw rows of the split.
            columns: the columns to compare; those that a split lacks are ignored.
            folder: cache folder, which keeps the number.
        """
        if not (isinstance(train, Dataset) and isinstance(evaluated, Dataset)):
            return
        both = {*train.column_names} & {*evaluated.column_names}
        names = [column for column in columns if column in both]
        if not names or split in self._compared:
            return
        self._compared.add(split)
        compared = min(len(evaluated), COMPARED_ROWS)
        key = digest_of([train._fingerprint, evaluated._fingerprint, names])
        if shared := kept_number(
            folder / "shared_rows" / key, partial(count_shared, train, evaluated, names)
        ):
            self._log_once(
                logging.WARNING,
                f"{shared} of {compared} rows of the {split} set are also in the training set "
                f"(equal in {joined(names)}), so its metrics are too good: remove them in the "
                f"data, or set dataset.{split}_file=<file>",
            )

    @rank_zero_only
    def _log_once(self, level: int, line: str) -> None:
        if line not in self._logged:
            self._logged.add(line)
            log.log(level, line)


def count_shared(train: Dataset, evaluated: Dataset, columns: Sequence[str]) -> int:
    """Return the number of rows to evaluate on that are also in the training set."""
    compared = list(hashes(evaluated, columns))
    wanted = set(compared)
    seen = {number for number in hashes(train, columns) if number in wanted}
    return sum(number in seen for number in compared)


def kept_number(file: Path, count: Callable[[], int]) -> int:
    """Return the number in a file, or else of `count`, and write it there if that is possible."""
    with suppress(OSError, ValueError):
        return int(file.read_text())
    number = count()
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number))
    return number


def hashes(rows: Dataset, columns: Sequence[str]) -> Iterator[int]:
    """Yield a hash of each of the first `COMPARED_ROWS` rows, equal for equal values in columns."""
    first = rows.take(min(COMPARED_ROWS, len(rows))).select_columns(list(columns))
    for table in first.with_format("arrow").iter(HASHED_AT_ONCE):
        values = [column.to_pylist() for column in table.columns]
        yield from (hash(str(row)) for row in zip(*values, strict=True))


def plain_spelling(name: str) -> str:
    """Return a class name in lower case, without additional spaces; a number in one format."""
    text = " ".join(name.split()).casefold()
    try:
        return str(float(text))
    except ValueError:
        return text


def to_override(value: object) -> str:
    """Return a value as the command line would give it, a list cut to one line."""
    return f"[{joined(map(str, value))}]" if isinstance(value, list) else str(value)
