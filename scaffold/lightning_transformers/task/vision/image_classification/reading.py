"""Read images from files and bytes."""

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from datasets import Image as ImageFeature
from PIL import Image, ImageOps

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.types import Columns
from lightning_transformers.data.reading.rows import FILE


def absolute_paths(columns: Columns, *, column: str, bases: Sequence[str]) -> Columns:
    """Return columns with paths made absolute, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows, with the number of each one's file as `FILE`.
        column: column of the paths; other values than texts are unchanged.
        bases: by file, the folder to which paths are relative; "": they are unchanged.
    """
    paths = [
        os.path.join(bases[file], value) if isinstance(value, str) else value
        for value, file in zip(columns[column], columns[FILE], strict=True)
    ]
    return {**columns, column: paths}


def read_image(value: Any) -> Image.Image:
    """Return an image in RGB, rotated according to its EXIF orientation.

    Args:
        value: an image, its path, its bytes, or a mapping with `path` or `bytes`.

    Raises:
        ConfigurationError: for a missing or unreadable image.
    """
    if isinstance(value, Image.Image):
        return to_rgb(value)
    fields = value if isinstance(value, Mapping) else {"path": value, "bytes": value}
    content, path = fields.get("bytes"), fields.get("path")
    if isinstance(content, bytes):
        source: BytesIO | str = BytesIO(content)
    elif isinstance(path, str):
        source = require_file(Path(path))
    else:
        raise ConfigurationError(
            f"{value!r} is not an image or a path: remove the row, or set "
            "dataset.image_column=<column>"
        )
    try:
        with Image.open(source) as image:
            return to_rgb(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        name = f"'{path}'" if isinstance(path, str) else f"of {len(content or b'')} bytes"
        raise ConfigurationError(
            f"cannot read the image {name}: {first_line(error)} (replace it, or remove its row)"
        ) from error


def stored_image(value: Any) -> Any:
    """Return an image to predict on as `datasets` stores it: `bytes` and `path`."""
    if not isinstance(value, Image.Image):
        return ImageFeature().encode_example(value)
    content = BytesIO()
    to_rgb(value).save(content, "png", compress_level=0)  # compression would take most of the time
    return {"bytes": content.getvalue(), "path": None}


def missing_image(value: Any) -> str | None:
    """Return the fault of a missing image or of a path without a file, else None."""
    path = value.get("path") if isinstance(value, Mapping) and not value.get("bytes") else value
    if isinstance(path, str) and not Path(path).is_file():
        return f"an image that does not exist, '{path}',"
    return "no image" if value is None else None


def unreadable_image(value: Any) -> str | None:
    """Return the fault of an image or a path that cannot be decoded, else None."""
    try:
        read_image(value)
    except ConfigurationError as error:
        return missing_image(value) or f"an unreadable image ({error})"
    return None


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image in RGB, rotated according to its EXIF orientation."""
    image = ImageOps.exif_transpose(image)
    # `convert` clips 16-bit values at 255; mode I may hold 8-bit values, too.
    if image.mode.startswith("I;16") or (
        image.mode == "I" and cast(float, image.getextrema()[1]) > 255
    ):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode == "P":  # a palette may have transparent colors
        image = image.convert("RGBA")
    return image.convert("RGB")


def require_file(path: Path) -> str:
    """Return the path of a file; raises ConfigurationError if it does not exist."""
    if not path.is_file():
        raise ConfigurationError(f"image '{path}' does not exist: correct the path")
    return str(path)
