"""Write the report of the present run, with what only its process knows."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import Dataset
from omegaconf import DictConfig

from lightning_transformers.base.errors import first_line
from lightning_transformers.data.summary import summary

if TYPE_CHECKING:
    from lightning_transformers.core import TransformerDataModule
    from lightning_transformers.reports.parts import Thumbnail
    from lightning_transformers.reports.run_files import RunFiles
    from lightning_transformers.reports.sections import Thumbnails

SIZE = 96
"""Longer side of a thumbnail, in pixels."""

log = logging.getLogger(__name__)


def report_run(
    config: DictConfig,
    data: TransformerDataModule,
    metrics: Mapping[str, float],
    environment: Mapping[str, Any] | None = None,
) -> None:
    """Write `report.html` into the run folder; a failure is a warning, since the run is complete.

    Args:
        config: the composed config.
        data: the data of the run.
        metrics: the last values.
        environment: stands in for the manifest that an evaluation does not have.
    """
    # The first step of a training does not wait for these.
    from lightning_transformers.reports.run_files import RunFiles
    from lightning_transformers.reports.run_report import write_report

    run = RunFiles(Path(config.training.run_dir), environment or {})
    try:
        pictured = thumbnails(data, run) if hasattr(data, "image_column") else None
        lines = [*summary(data.dataset or {}, getattr(data, "labels", None))]
        write_report(run, metrics, lines, pictured)
    except Exception as error:
        log.warning("no report: %s", first_line(error) or repr(error), exc_info=True)


def thumbnails(data: TransformerDataModule, run: RunFiles) -> Thumbnails | None:
    """Return a function from the index of an evaluated row to its image, small.

    Args:
        data: the data of the evaluation.
        run: the files of the run, with the evaluated split.

    Returns:
        None without evaluated rows, or for a stream.
    """
    from lightning_transformers.reports.parts import Thumbnail
    from lightning_transformers.task.vision.image_classification.reading import read_image

    found = run.evaluation
    rows = data.select_samples(data.raw_dataset).get(found.about["split"]) if found else None
    if not isinstance(rows, Dataset):
        return None

    def thumbnail(number: int) -> Thumbnail | None:
        image = read_image(rows[number][data.image_column])  # type: ignore[attr-defined]
        image.thumbnail((SIZE, SIZE))
        content = BytesIO()
        image.save(content, "PNG")
        return Thumbnail(f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}")

    return thumbnail
