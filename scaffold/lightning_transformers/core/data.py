"""The base class of data modules: from files or the hub to shuffled, padded batches."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import uuid4

from datasets import Dataset, DatasetDict, IterableDataset
from pydantic import Field, PositiveInt
from pytorch_lightning import Callback

from lightning_transformers.base.errors import NO_DATASET, ConfigurationError, joined
from lightning_transformers.base.hyperparameters import hyperparameters_of, set_hyperparameters
from lightning_transformers.base.types import Settings
from lightning_transformers.base.value_types import Seed, Workers
from lightning_transformers.core.former_forms import accepts_stage, warn_of_former_process_data
from lightning_transformers.core.raw_inputs import RawInputs
from lightning_transformers.data.cache import fingerprint, processor_digest
from lightning_transformers.data.cleaning import clean_columns
from lightning_transformers.data.complete import (
    Check,
    call_on_stream,
    complete_rows,
    complete_stream,
    located,
)
from lightning_transformers.data.loading import (
    SPLITS,
    AnyDataset,
    DatasetReader,
    column_names,
    cut_fold,
    hold_out,
    load_files,
    load_from_hub,
    named_splits,
    origins,
    spellings,
    with_types,
)
from lightning_transformers.data.notices import Notices
from lightning_transformers.data.prepared.record import (
    RECORD,
    complete_record,
    local_folder,
    open_prepared,
    recorded_settings,
    require_equal,
)
from lightning_transformers.data.reading.copies import Copies
from lightning_transformers.data.reading.dialect import ReadOptions, TextUnit
from lightning_transformers.data.reading.names import FileNames, is_url
from lightning_transformers.data.reading.reader import facts_on, with_places
from lightning_transformers.data.reading.report import OnBadRow
from lightning_transformers.data.reading.sources import split_folders
from lightning_transformers.former_paths import warn_of_former_methods
from lightning_transformers.training.formulas import FORMULAS

log = logging.getLogger(__name__)

SAMPLE = "sample"


class TransformerDataModule(RawInputs):
    """Data of a task, with a method to override for each step.

    The steps are `load_dataset`, `clean_row`, `split_dataset`, `select_samples`, `process_data`
    with `process_split`, and `collate_fn`. A subclass declares its hyperparameters as annotated
    class attributes, set by keyword arguments or YAML keys and recorded in checkpoints.
    `batch_size` and `num_workers` are per rank, `limit_*_samples` numbers of rows.

        from lightning_transformers import Backbone
        from lightning_transformers.task.nlp.text_classification import (
            TextClassificationDataModule,
        )

        class MyDataModule(TextClassificationDataModule):
            max_length: int | None = 128

        data = MyDataModule(Backbone("bert-base-uncased").load_tokenizer(), train_file="train.csv")

    Args:
        processor: the tokenizer or image processor of the backbone.
        hyperparameters: values of the declared hyperparameters.

    Raises:
        ConfigurationError: for an unknown, missing or invalid hyperparameter.
    """

    dataset_name: str | None = None
    """Id of a dataset on the hub, or `sample` for the bundled sample of the task."""
    dataset_config_name: str | None = None
    revision: str | None = None
    train_file: FileNames | None = None
    """Files, folders, globs or URLs, relative to the folder in which the command was run; a folder
    of `train`, `val` and `test` is these splits. Files take precedence over `dataset_name`."""
    validation_file: FileNames | None = None
    test_file: FileNames | None = None
    predict_file: FileNames | None = None
    prepared_dir: str | None = None
    """Folder of examples that the command `prepare` has written, in place of files or the hub."""
    delimiter: str | None = None
    """Character between the fields of a csv; None: inferred from each file."""
    encoding: str | None = None
    """Encoding of text files; None: UTF-8, or inferred from each file."""
    text_unit: TextUnit = "line"
    """The unit of text that is a row of a txt file."""
    on_bad_row: OnBadRow = "error"
    """Whether a row that cannot be read, or lacks a text or a label, is an error, dropped, or
    filled with empty texts."""
    train_subset_name: str | None = None
    """Name on the hub of the split to train on, if it is not `train`."""
    validation_subset_name: str | None = None
    test_subset_name: str | None = None
    predict_subset_name: str | None = None
    train_val_split: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the training set to hold out if there is no validation set."""
    fold: str | None = None
    """Which part of the training set is the validation set, such as `2/5`; stratified by class."""
    group_column: str | None = None
    """Column whose rows with the same value are in the same fold."""
    limit_train_samples: PositiveInt | None = None
    limit_val_samples: PositiveInt | None = None
    limit_test_samples: PositiveInt | None = None
    streaming: bool = False
    """Read and process rows on demand instead of beforehand."""
    batch_size: PositiveInt = 16
    num_workers: Workers = 0
    group_by_length: bool = True
    """Shuffle rows such that those of a batch have similar lengths, which saves padding."""
    preprocessing_num_workers: Annotated[int, Field(gt=0, le=256)] | None = None
    load_from_cache_file: bool = True
    cache_dir: str | None = None
    seed: Seed = 0
    """Seed of the held-out split and of shuffling."""

    sample_files: ClassVar[dict[str, str]]
    """The sample's file per split, as `pkg://…`."""
    can_prepare: ClassVar[bool] = False
    """Whether `prepare` works: each example depends on its rows alone, not on the whole set."""
    required_callbacks: ClassVar[tuple[type[Callback], ...]] = ()
    """Callbacks that a `TaskTransformer` adds to every run on these data."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        warn_of_former_methods(cls)
        warn_of_former_process_data(cls)

    def __init__(self, processor: Any, **hyperparameters: object) -> None:
        super().__init__()
        set_hyperparameters(self, TransformerDataModule, hyperparameters)
        self.save_hyperparameters(hyperparameters_of(self, TransformerDataModule), logger=False)
        self.processor = processor
        self.model_config: Any = None  # `attach_data` of the task sets it, and `formulas`
        self.formulas = FORMULAS
        self.dataset: DatasetDict | None = None
        self.raw_streams: dict[str, IterableDataset] = {}
        """The streams from `load_dataset`, cleaned, with the place of each row, by split."""
        self.notices = Notices()

    # -- from raw rows to examples

    def prepare_data(self) -> None:
        """Download and preprocess on one rank per node, which fills the cache for the others."""
        self.build_dataset()

    def setup(self, stage: str) -> None:
        """Build the dataset once, from the cache where `prepare_data` has filled it."""
        if self.dataset is None:
            self.dataset = self.build_dataset()

    def build_dataset(self) -> DatasetDict:
        """Return the processed splits, as far as they exist: train, validation, test, predict.

        Logs a warning if rows of the validation or test set are also in the training set.
        """
        if self.prepared_dir:
            return self.raw_dataset
        raw = self.select_samples(self.raw_dataset)
        processed = self.process_data(raw)
        for split in ("validation", "test"):
            if {"train", split} <= raw.keys():
                both, columns = (raw["train"], raw[split]), self.input_columns()
                self.notices.shared_rows(split, *both, columns, self.reader.folder)
        return processed

    @cached_property
    def raw_dataset(self) -> DatasetDict:
        """The splits before processing, or `prepared_dir`; an unlabelled test set is left out."""
        if self.prepared_dir:
            return self._prepared(local_folder(self.prepared_dir))
        dataset = self.split_dataset(self.loaded_dataset)
        if "test" not in dataset or not self.is_unlabelled(dataset["test"]):
            return dataset
        log.warning("the test set has no labels and is ignored: metrics are of the validation set")
        return DatasetDict({split: rows for split, rows in dataset.items() if split != "test"})

    @cached_property
    def loaded_dataset(self) -> DatasetDict:
        """The result of `load_dataset`, loaded once, with `clean_row` and `on_bad_row` applied."""
        loaded = self.load_dataset()
        if self._cleans:
            loaded = DatasetDict({split: self._cleaned(split, r) for split, r in loaded.items()})
        self._take_spelling(*next(iter(loaded.items())))
        return DatasetDict({split: self._complete(split, rows) for split, rows in loaded.items()})

    def prepared_settings(self) -> Settings:
        """Return the values that determine prepared examples, see `data.prepared.record`.

        Raises:
            ConfigurationError: if examples of this class cannot be prepared.
        """
        if not self.can_prepare:
            raise ConfigurationError(
                f"{type(self).__name__} cannot prepare its examples, language modeling can: remove "
                "dataset.prepared_dir, and train on the files, whose rows are cached"
            )
        template = getattr(self.processor, "chat_template", None)
        given = hyperparameters_of(self, TransformerDataModule)
        return recorded_settings(given, processor_digest(self.processor), template)

    def required_columns(self, split: str, rows: AnyDataset) -> Mapping[str, Check]:
        """Return the columns in which each row must have a text or a label, with their checks.

        The checks are those of `data.complete`; `on_bad_row` applies to rows that fail one.

        Args:
            split: `train`, `validation` or `test`.
            rows: its raw rows.
        """
        return {}

    def load_dataset(self) -> DatasetDict:
        """Load the raw splits from the user's files, the bundled sample or the hub, in this order.

        Raises:
            ConfigurationError: if no dataset is configured, or it cannot be loaded.
        """
        if files := self.named_files():
            return load_files(files, self.reader, self.read_options)
        if self.dataset_name is None:
            raise ConfigurationError(NO_DATASET)
        if self.dataset_config_name:
            log.info(
                "reading %s of %s: dataset.dataset_config_name=<name> selects another subset",
                *(self.dataset_config_name, self.dataset_name),
            )
        chosen = {split: getattr(self, f"{split}_subset_name") for split in SPLITS}
        hub = (self.dataset_name, self.dataset_config_name, self.revision)
        return named_splits(load_from_hub(*hub, self.reader), chosen)

    def samples(self) -> Mapping[str, str]:
        """Return the files of the bundled sample, as `pkg://…`, by split."""
        return self.sample_files

    def read_options(self, split: str) -> ReadOptions:
        """Return how to read the files of a split, where they do not tell it themselves."""
        return ReadOptions(
            delimiter=self.delimiter,
            encoding=self.encoding,
            text_unit=self.text_unit,
            # A prediction is made for each row of the file, see `runs.predict`.
            on_bad_row="fill" if split == "predict" else self.on_bad_row,
        )

    def named_files(self) -> Mapping[str, FileNames]:
        """Return the configured files by split, or those of the sample if it is chosen.

        A folder that consists of splits is replaced by its parts, see `split_folders`. Empty for a
        dataset on the hub.

        Raises:
            ConfigurationError: for a folder of splits without the one that is named.
        """
        files = {split: names for split in SPLITS if (names := getattr(self, f"{split}_file"))}
        if set(files) <= {"predict"} and self.dataset_name == SAMPLE:
            return {**self.samples(), **files}
        return split_folders(files, self.reader.copies)

    def files_of(self, split: str) -> list[str]:
        """Return all local files and folders that a split is read from, for the run's manifest.

        Empty for a dataset on the hub; the record of prepared examples, which has their digests.
        """
        if self.prepared_dir:
            return [str(local_folder(self.prepared_dir) / RECORD)]
        return [name for name in self._origins(split) if not is_url(name)]

    def urls_of(self, split: str) -> list[str]:
        """Return the URLs that a split is read from, for the run's manifest."""
        return [] if self.prepared_dir else [name for name in self._origins(split) if is_url(name)]

    @property
    def reader(self) -> DatasetReader:
        """The reader of files and datasets, with the cache folder, as a stream if requested."""
        return DatasetReader(self.cache_dir, self.streaming)

    def is_unlabelled(self, rows: AnyDataset) -> bool:
        """Return whether no row has a label; False unless a subclass has a label column."""
        return False

    @property
    def has_source(self) -> bool:
        """Whether files or a dataset are configured."""
        return bool(self.named_files() or self.dataset_name)

    def split_dataset(self, dataset: DatasetDict) -> DatasetDict:
        """Hold out `fold` or, without a validation set, `train_val_split` of the training set.

        Args:
            dataset: the raw splits.

        Raises:
            ConfigurationError: for a stream, an invalid fraction or fold, or too few training rows.
        """
        if self.fold and "train" in dataset and not self.validation_file:
            self.require_columns("train", dataset["train"], group_column=self.group_column)
            columns = (self.stratified_column(), self.group_column)
            return cut_fold(dataset, self.fold, self.seed, *columns)
        if "validation" in dataset or "train" not in dataset:
            return dataset
        return hold_out(dataset, self.train_val_split, self.seed, self.stratified_column())

    def stratified_column(self) -> str | None:
        """Return the column of classes that the held-out rows have as often as all; None: none."""
        return None

    def select_samples(self, dataset: DatasetDict) -> DatasetDict:
        """Return the first `limit_*_samples` rows of each split, all rows if it is None."""
        names = {"train": "train", "validation": "val", "test": "test"}
        limits = {split: getattr(self, f"limit_{name}_samples") for split, name in names.items()}
        kept = {s: r if limits.get(s) is None else r.take(limits[s]) for s, r in dataset.items()}
        return DatasetDict(kept)

    @accepts_stage
    def process_data(self, dataset: DatasetDict) -> DatasetDict:
        """Return the splits processed by `process_split`."""
        return DatasetDict(
            {split: self.process_split(split, rows) for split, rows in dataset.items()}
        )

    def process_split(self, split: str, rows: AnyDataset) -> AnyDataset:
        """Return the examples of a split; a subclass must define it, usually with `map_rows`.

        Args:
            split: `train`, `validation`, `test` or `predict`.
            rows: the raw rows; those of `predict` have no labels.

        Returns:
            A dataset with a row per example, whose columns `collate_fn` takes.

        Raises:
            NotImplementedError: in this base class.
            ConfigurationError: in a subclass, for rows that it cannot process.
        """
        raise NotImplementedError(f"{type(self).__name__} must define process_split")

    @property
    def model_data_kwargs(self) -> dict[str, Any]:
        """Values that the data determines, such as `num_labels`, for the argument of a task."""
        return {}

    def processor_to_export(self) -> Any:
        """Return the processor with which plain transformers computes what `predict` does."""
        return self.processor

    def known_config(self) -> Any:
        """Return the config of the model, or None before a task is attached.

        A subclass whose examples depend on it may load the config in that case.
        """
        return self.model_config

    # -- for subclasses

    def map_rows(
        self,
        split: str,
        rows: AnyDataset,
        function: Callable[..., object],
        rows_at_once: int = 1000,
        keep_columns: bool = False,
        **arguments: object,
    ) -> AnyDataset:
        """Replace batches of rows by the result of a function, with caching.

        Args:
            split: name of the split, for the progress bar.
            rows: the rows; those of a stream are processed when they are read, without cache.
            function: takes columns (lists of values by name) and `arguments`, returns columns. The
                cache key contains its code and that of first-party imports; for a method also
                hyperparameters, plain attributes and the model's config (`data.cache`).
            rows_at_once: maximal number of rows per call.
            keep_columns: keep the columns that the function omits, and all types except a stream's.
            arguments: keyword arguments of the function, part of the cache key.

        Returns:
            The new rows, a stream if `rows` is one.

        Raises:
            ConfigurationError: if the cache folder is not writable.
        """
        common = {
            "batched": True,
            "batch_size": rows_at_once,
            "remove_columns": [] if keep_columns else rows.column_names or column_names(rows),
        }
        if isinstance(rows, IterableDataset):
            call = partial(function, **arguments)
            if raw := self.raw_streams.get(split):
                call = partial(call_on_stream, function=call, split=split, raw=raw)
            return rows.map(call, **common)
        # Local rank 0 has just filled the cache for the others.
        others = self.trainer is not None and self.trainer.local_rank > 0
        workers = self.preprocessing_num_workers  # part of the key: each processes its own shard
        made_with = {**arguments, "rows_at_once": rows_at_once, "num_proc": workers}
        # Predictions on single inputs would fill the cache with entries that are never read.
        is_input = not rows.cache_files and split == "predict"
        made_of = (rows, function, made_with, TransformerDataModule)
        name = uuid4().hex if is_input else fingerprint(*made_of)
        in_memory = not rows.cache_files and not is_input
        try:
            return rows.map(
                function,
                **common,
                fn_kwargs=arguments,
                new_fingerprint=name,
                cache_file_name=self.reader.cache_file(name) if in_memory else None,
                num_proc=workers,
                load_from_cache_file=self.load_from_cache_file or others,
                desc=f"Processing {split}",
            )
        except ConfigurationError as error:
            call = partial(function, **arguments)
            raise located(error, split, rows, call, rows_at_once) from error
        except OSError as error:
            self.reader.raise_if_unwritable(error)
            raise

    def require_columns(self, split: str, rows: AnyDataset, **columns: str | None) -> None:
        """Check that the configured columns exist.

        Args:
            split: name of the split, for the message.
            rows: the rows.
            columns: column by hyperparameter; None is skipped.

        Raises:
            ConfigurationError: for the first missing column.
        """
        present = column_names(rows)
        facts = facts_on(rows) if isinstance(rows, Dataset) else ()
        taken = f"; read with {', '.join(facts)}" if facts else ""
        for hyperparameter, column in columns.items():
            if column is not None and column not in present:
                raise ConfigurationError(
                    f"the {split} set has no column '{column}' (its columns: "
                    f"{', '.join(present)}{taken}): set dataset.{hyperparameter}=<column>"
                )

    def _origins(self, split: str) -> list[str]:
        names = self.named_files().get(split, [])
        in_place = Copies(self.reader.folder, streaming=True)
        return origins(split, names, self.read_options(split).prefers_images, in_place)

    def _take_spelling(self, split: str, rows: AnyDataset) -> None:
        """Name columns as the rows do, such as `Label`, in the hyperparameters `*_column`."""
        columns = column_names(rows) if rows.column_names else []  # a stream is not read for it
        if found := spellings(columns, self.hparams):
            self.notices.inferred(f"the columns of the {split} set are {joined(columns)}", **found)
            self._infer(found)

    def _prepared(self, folder: Path) -> DatasetDict:
        record = complete_record(folder, self.fold)
        require_equal(folder, record["settings"], self.prepared_settings())
        self._infer(record["inferred"])
        return open_prepared(folder, record)

    def _infer(self, values: Mapping[str, object]) -> None:
        vars(self).update(values)
        self.hparams.update(values)

    def _complete(self, split: str, rows: AnyDataset) -> AnyDataset:
        checks = {} if split == "predict" else self.required_columns(split, rows)
        if isinstance(rows, Dataset):
            return complete_rows(split, rows, checks, self.on_bad_row)
        self.raw_streams[split] = rows
        return complete_stream(split, rows, checks, self.on_bad_row, not self._cleans)

    def _cleaned(self, split: str, rows: AnyDataset) -> AnyDataset:
        arguments: dict[str, Any] = {"keep_columns": True, "clean_row": self.clean_row}
        if isinstance(rows, IterableDataset):
            return with_types(self.map_rows(split, rows, clean_columns, **arguments), rows)
        cleaned = self.map_rows(split, with_places(rows), clean_columns, **arguments)
        if dropped := len(rows) - len(cleaned):
            self.notices.dropped(split, dropped, len(rows))
        return cleaned.select_columns(column_names(cleaned))
