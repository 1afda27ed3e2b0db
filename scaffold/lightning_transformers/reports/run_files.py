"""The files of a run folder as a report reads them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from lightning_transformers.base.run_folder import (
    CONFIG,
    MANIFEST,
    METRICS,
    PREDICTIONS,
    PROBABILITY,
    archived,
    logged_cells,
    read_manifest,
)
from lightning_transformers.reports.picture import Point

ABOUT = "lightning_transformers"
"""Key of the facts in the metadata of `predictions.parquet`, as JSON."""
OWN = ("label", "prediction", "score", "loss", "exact_match", "f1", "targets", "prompt")
"""Columns that an evaluation adds to those of the data."""


@dataclass(frozen=True)
class RunFiles:
    """A run folder; what a killed run has not written is empty.

    Attributes:
        folder: the folder.
        environment: some keys of a manifest, for a folder without one.
    """

    folder: Path
    environment: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest."""
        file = self.folder / MANIFEST
        return read_manifest(file) if file.is_file() else self.environment

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config, with interpolations of environment variables as they are written."""
        file = self.folder / CONFIG
        return (yaml.safe_load(file.read_text("utf-8")) or {}) if file.is_file() else {}

    @cached_property
    def curves(self) -> dict[str, list[Point]]:
        """The finite logged values of each metric by step, those of a resumed run joined."""
        found: dict[str, dict[int, float]] = {}
        for table in (*archived(self.folder / METRICS), self.folder / METRICS):
            for step, name, value in logged_cells(table):
                if math.isfinite(number := float(value)):
                    found.setdefault(name, {})[step] = number
        return {name: sorted(points.items()) for name, points in found.items() if name != "epoch"}

    @cached_property
    def evaluation(self) -> "Evaluation | None":
        """The recorded predictions."""
        file = self.folder / PREDICTIONS
        return Evaluation(pq.read_table(file)) if file.is_file() else None


@dataclass(frozen=True)
class Evaluation:
    """The rows of `predictions.parquet`."""

    table: pa.Table

    @cached_property
    def about(self) -> dict[str, Any]:
        """`split`, `step` and `task` of the evaluation."""
        metadata = self.table.schema.metadata or {}
        about: dict[str, Any] = json.loads(metadata.get(ABOUT.encode(), b"{}"))
        return about

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.table.column_names)

    @property
    def classes(self) -> list[str]:
        """The classes that have a column of probabilities."""
        return [n.removeprefix(PROBABILITY) for n in self.names if n.startswith(PROBABILITY)]

    @property
    def inputs(self) -> list[str]:
        """The columns of the data."""
        return [n for n in self.names if n not in OWN and not n.startswith(PROBABILITY)]

    def column(self, name: str) -> list[Any]:
        """Return the values of a column."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    def has(self, *names: str) -> bool:
        """Return whether all of some columns exist."""
        return set(names) <= set(self.names)

    def rows(self, numbers: list[int]) -> list[dict[str, Any]]:
        """Return some rows, by their indices."""
        indices = pa.array(numbers, pa.int64())  # without numbers, Arrow would infer no type
        rows: list[dict[str, Any]] = self.table.take(indices).to_pylist()
        return rows
