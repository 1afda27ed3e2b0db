"""Images from files and bytes."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from PIL import Image, ImageOps

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.types import Columns


def absolute_paths(columns: Columns, *, column: str, base: str) -> Columns:
    """Return a column of paths as absolute ones, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        column: the one that holds paths; what is no text stays as it is.
        base: the folder that the paths are relative to.

    Raises:
        ConfigurationError: naming the first where there is no file.
    """
    values = columns[column]
    return {column: [require_file(Path(base, v)) if isinstance(v, str) else v for v in values]}


def read_image(value: Any) -> Image.Image:
    """Return an image in RGB, turned as its camera was held.

    Args:
        value: an image, its path, its bytes, or a mapping with `path` or `bytes`.

    Raises:
        ConfigurationError: naming the image that is missing or broken.
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
            f"{value!r} is no image and no path to one: leave out such a row, or set "
            "dataset.image_column=<column>"
        )
    try:
        with Image.open(source) as image:
            return to_rgb(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        name = f"'{path}'" if isinstance(path, str) else f"of {len(content or b'')} bytes"
        raise ConfigurationError(f"cannot read the image {name}: {first_line(error)}") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image in RGB, turned as its camera was held."""
    image = ImageOps.exif_transpose(image)
    # Of 16 bits, which convert cuts off at 255; mode I may hold 8 as well.
    if image.mode.startswith("I;16") or (
        image.mode == "I" and cast(float, image.getextrema()[1]) > 255
    ):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode == "P":  # a palette may have transparent colours
        image = image.convert("RGBA")
    return image.convert("RGB")


def require_file(path: Path) -> str:
    """Return the path of a file; raises ConfigurationError if there is none."""
    if not path.is_file():
        raise ConfigurationError(f"there is no image '{path}'")
    return str(path)
