"""The inputs of `predict`, which a data module cleans and converts like the rows of files."""

import reprlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from datasets import Dataset
from torch.utils.data import DataLoader

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Batch, Row
from lightning_transformers.core.loaders import DataLoaders
from lightning_transformers.data.loading import AnyDataset


class RawInputs(DataLoaders):
    """The methods of `TransformerDataModule` from raw inputs to batches."""

    @abstractmethod
    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the examples of a split, see `TransformerDataModule.process_split`."""

    def clean_row(self, row: Row) -> Row | None:
        """Return a cleaned raw row, or None to drop it; by default the row itself.

        It cleans the rows of all splits and the inputs of `predict`, before classes and columns are
        inferred.

        Args:
            row: values by column; a row to predict on may have no label.
        """
        return row

    @property
    def _cleans(self) -> bool:
        return type(self).clean_row is not RawInputs.clean_row

    def input_columns(self) -> Sequence[str]:
        """Return the columns of a model's input; rows that are equal in all are duplicates."""
        return ()

    def input_row(self, value: Any) -> Any:
        """Return a raw input to predict on as a row for `clean_row`; by default unchanged."""
        return value

    def clean_input(self, value: Any) -> Any:
        """Return a raw input cleaned; raises ConfigurationError if `clean_row` drops it."""
        if not self._cleans:
            return value
        if (cleaned := self.clean_row(self.input_row(value))) is None:
            raise ConfigurationError(
                f"clean_row drops the input {reprlib.repr(value)}: give one that it keeps"
            )
        return cleaned

    def predict_rows(self, inputs: Sequence[Any]) -> list[Row]:
        """Convert raw inputs to rows as in the files, without labels.

        Args:
            inputs: mappings from columns to values; a subclass may accept other types, such as
                texts.

        Raises:
            ConfigurationError: for an input that cannot have a prediction.
        """
        return [dict(value) for value in inputs]

    def predict_dataset(self, inputs: Sequence[object]) -> Dataset:
        """Convert raw inputs to a dataset, see `predict_rows`; values of a column may be mixed."""
        return Dataset.from_list(self.predict_rows(inputs), on_mixed_types="use_json")

    def predict_batches(self, inputs: Sequence[object], batch_size: int) -> Iterator[Batch]:
        """Yield batches of raw inputs for `TaskTransformer.predict_step`, in order.

        Args:
            inputs: raw inputs, see `predict_rows`.
            batch_size: examples per batch.

        Yields:
            Batches, each tensor `(batch, …)`, on the CPU, without labels; only those of language
            modeling have `labels`, which are the inputs.

        Raises:
            ConfigurationError: for an invalid input.
        """
        examples = self.process_split("predict", self.predict_dataset(inputs))
        yield from DataLoader(examples, batch_size=batch_size, collate_fn=self.collate_fn)
