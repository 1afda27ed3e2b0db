"""Folders of images: a subfolder per class, images only, or images with a metadata file."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Image
from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

from lightning_transformers.base.digests import digest_of, digest_of_file
from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.data.reading.copies import Copies, system_of
from lightning_transformers.data.reading.names import FileNames, is_url
from lightning_transformers.data.reading.sources import (
    FORMATS,
    Source,
    files_below,
    is_data,
    is_zip,
    place_of,
    source_of,
    unreadable,
)

IMAGE_ENDINGS = set(ImageFolder.EXTENSIONS)
METADATA = ImageFolder.METADATA_FILENAMES
"""Names of a file with columns of the images, of which `file_name` is the path."""


def image_folder(
    split: str, names: FileNames, prefers_images: bool, copies: Copies
) -> tuple[Path, list[Path]] | None:
    """Return the folder of images that a name stands for, and its images.

    Args:
        split: the split, for error messages.
        names: see `FileNames`.
        prefers_images: read images even if the folder has other files of rows, and copy those of a
            URL.
        copies: unpacks archives, which count as folders.

    Returns:
        The folder and the sorted paths of its images; None for any other name, and for a folder
        without images or with files of rows that are read instead.

    Raises:
        ConfigurationError: for a URL or archive that cannot be read.
    """
    if not isinstance(names, str):
        return None
    if not is_url(names) or is_zip(names):
        folder = place_of(names, copies)
    elif prefers_images and not names.startswith("http"):  # a web server lists no folders
        folder = copied_images(split, names, copies)
    else:
        return None
    files = files_below(folder) if folder.is_dir() else []
    images = list(filter(is_image, files))
    has_rows = not prefers_images and any(file.suffix in FORMATS for file in files)
    return (folder, images) if images and not has_rows else None


def copied_images(split: str, url: str, copies: Copies) -> Path:
    """Return a folder with copies of the images below a URL, and of files of rows beside them.

    It is empty if the URL is not a folder with images.

    Raises:
        ConfigurationError: for a URL that cannot be read.
    """
    try:
        system, path = system_of(url)
        found = system.find(path, detail=True) if system.isdir(path) else {}
        images = {name: info for name, info in found.items() if is_image(Path(name))}
        rows = {name: info for name, info in found.items() if images and is_data(name)}
        return copies.copy_files(url, images | rows)
    except Exception as error:  # of any file system, or its missing package
        raise unreadable(split, url, error) from error


def is_image(path: Path) -> bool:
    """Return whether a file name has the ending of an image."""
    return path.suffix.lower() in IMAGE_ENDINGS


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
            "class, at least 2, on one level, or list them in metadata.csv (file_name, label)"
        )
    rows = Dataset.from_dict({"image": list(map(str, images)), **labels}, features)
    return Dataset(rows.data, rows.info, fingerprint=digest_of_images(rows, images))


def read_metadata(
    name: str, folder: Path, read: Callable[[Sequence[Source]], Dataset]
) -> Dataset | None:
    """Return the rows of a folder's metadata file, with the images that they list as `image`.

    It is one of `METADATA`, or the only file of rows beside images that are not in subfolders.

    Args:
        name: the name of the folder, for messages.
        folder: the folder.
        read: reads the metadata file.

    Returns:
        The rows, or None without such a file or without `file_name` in it.
    """
    file = next((folder / known for known in METADATA if (folder / known).is_file()), None)
    beside = [path for path in sorted(folder.iterdir()) if path.suffix in FORMATS]
    if len(beside) == 1 and not any(path.is_dir() for path in folder.iterdir()):
        file = beside[0]
    rows = file and read([source_of(file, os.path.join(name, file.name), file)])
    if not rows or "file_name" not in rows.column_names:
        return None
    images = [image and str(folder / image) for image in rows["file_name"]]
    table = rows.add_column("image", images).remove_columns("file_name")
    typed = table.cast_column("image", Image())
    return Dataset(typed.data, typed.info, fingerprint=digest_of_images(rows, images))


def digest_of_images(rows: Dataset, images: Sequence[str | Path | None]) -> str:
    """Return a cache key of rows with the paths and the content of their images."""
    found = [[str(i), digest_of_file(i)] for i in images if i is not None and os.path.isfile(i)]
    return digest_of([rows._fingerprint, found])
