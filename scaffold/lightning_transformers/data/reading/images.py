"""Folders of images: a subfolder per class, images only, or images with a metadata file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Image
from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.cache import digest_of
from lightning_transformers.data.reading.sources import (
    FORMATS,
    FileNames,
    Source,
    absolute,
    files_below,
    is_url,
    state_of,
)

IMAGE_ENDINGS = set(ImageFolder.EXTENSIONS)
METADATA = ImageFolder.METADATA_FILENAMES
"""Names of a file with columns of the images, of which `file_name` is the path."""


def image_folder(names: FileNames, prefers_images: bool) -> tuple[Path, list[Path]] | None:
    """Return the folder of images that a name stands for, and its images.

    Args:
        names: see `FileNames`.
        prefers_images: read images even if the folder has other files of rows.

    Returns:
        The folder and the sorted paths of its images; None for any other name, and for a folder
        without images or with files of rows that are read instead.
    """
    if not isinstance(names, str) or is_url(names) or not (folder := absolute(names)).is_dir():
        return None
    files = files_below(folder)
    images = [file for file in files if file.suffix.lower() in IMAGE_ENDINGS]
    has_rows = not prefers_images and any(file.suffix in FORMATS for file in files)
    return (folder, images) if images and not has_rows else None


def read_images(split: str, images: Sequence[Path]) -> Dataset:
    """Return images as `image`, with the name of their folder as `label` if these are classes.

    Args:
        split: the split; images of `predict` need no classes.
        images: the paths.

    Raises:
        ConfigurationError: for fewer than two classes, or folders on several levels.
    """
    classes = sorted({image.parent.name for image in images})
    if len(classes) > 1 and len({len(image.parts) for image in images}) == 1:
        labels = {"label": [image.parent.name for image in images]}
        features = Features({"image": Image(), "label": ClassLabel(names=classes)})
    elif split == "predict":
        labels, features = {}, Features({"image": Image()})
    else:
        raise ConfigurationError(
            f"the {split} folder has images in {', '.join(classes)}: put them into a subfolder per "
            "class, at least 2, on one level"
        )
    rows = Dataset.from_dict({"image": list(map(str, images)), **labels}, features)
    return Dataset(rows.data, rows.info, fingerprint=digest_of_images(rows, images))


def read_metadata(folder: Path, read: Callable[[Sequence[Source]], Dataset]) -> Dataset | None:
    """Return the rows of a folder's metadata file, with the images that they list as `image`.

    Args:
        folder: the folder.
        read: reads the metadata file.

    Returns:
        The rows, or None without such a file or without `file_name` in it.
    """
    file = next((folder / name for name in METADATA if (folder / name).is_file()), None)
    rows = file and read([Source(str(file), str(file), file.suffix)])
    if not rows or "file_name" not in rows.column_names:
        return None
    images = [folder / name for name in rows["file_name"]]
    table = rows.remove_columns("file_name").add_column("image", list(map(str, images)))
    typed = table.cast_column("image", Image())
    return Dataset(typed.data, typed.info, fingerprint=digest_of_images(rows, images))


def digest_of_images(rows: Dataset, images: Sequence[Path]) -> str:
    """Return a cache key of rows that changes with each replaced image."""
    states = [(str(image), state_of(image)) for image in images if image.is_file()]
    return digest_of([rows._fingerprint, states])
