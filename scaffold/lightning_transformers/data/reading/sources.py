"""The files that a name stands for: folders, globs, lists, archives, URLs."""

import glob
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import fsspec
import pyarrow as pa

from lightning_transformers.base.digests import digest_of_file
from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.data.reading.copies import Copies, system_of
from lightning_transformers.data.reading.names import (
    FileNames,
    absolute,
    is_url,
    missing_file,
    names_in,
)

FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".conll", ".conllu")
CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
ZIP = ".zip"
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}
"""Split by the name of its folder or file."""


@dataclass(frozen=True)
class Source:
    """A file of rows.

    Attributes:
        path: absolute path, or URL of a stream.
        name: how the user named it, for messages.
        suffix: one of `FORMATS`.
        codec: compression, if any.
        origin: the file or URL that has the content: `path`, the archive, or what was downloaded.
    """

    path: str
    name: str
    suffix: str
    codec: str | None
    origin: str

    def open(self) -> IO[bytes]:
        """Open the decompressed content for reading."""
        stream: Any = fsspec.open(self.path, "rb").open()
        content: IO[bytes] = pa.CompressedInputStream(stream, self.codec) if self.codec else stream
        return content

    @property
    def identity(self) -> list[str | None]:
        """Format and content of the file, which determine its rows, wherever it is."""
        return [self.suffix, self.codec, digest_of_file(self.path)]


def source_of(path: str | Path, name: str, origin: str | Path) -> Source:
    """Return a file of rows, of the format that its name ends with; see `Source`."""
    return Source(str(path), name, *format_of(name), str(origin))


def archive_of(name: str) -> Path | None:
    """Return the local archive that a name stands for, or that contains it, if any."""
    path = absolute(name)
    return next((p for p in (path, *path.parents) if is_zip(p.name) and p.is_file()), None)


def place_of(name: str, copies: Copies) -> Path:
    """Return the path of a local name or of an archive, in its unpacked archive if it has one.

    Args:
        name: the name.
        copies: unpacks archives.

    Raises:
        ConfigurationError: if an archive cannot be unpacked.
    """
    if is_url(name):
        return root_of(copies.unpack(copies.download(name), name))
    archive, path = archive_of(name), absolute(name)
    if archive is None:
        return path
    folder, member = copies.unpack(str(archive), name), path.relative_to(archive)
    is_whole = member.parts and (folder / member).exists()
    place = (folder if is_whole else root_of(folder)) / member
    is_nested = is_zip(place.name) and place.is_file()
    return root_of(copies.unpack(str(place), name)) if is_nested else place


def root_of(folder: Path) -> Path:
    """Return the folder that contains all else in an unpacked archive, as a zipped folder does."""
    match visible(folder):
        case [only] if only.is_dir() and split_of(only.name) is None:
            return root_of(only)
    return folder


def find_sources(split: str, names: FileNames, copies: Copies) -> list[Source]:
    """Return the files that names stand for, sorted within each folder, glob and archive.

    Args:
        split: the split, for error messages.
        names: see `FileNames`.
        copies: downloads files of URLs and unpacks archives.

    Raises:
        ConfigurationError: for a name without files, a file of an unknown type, a folder, glob or
            archive with files of several types, or a URL or archive that cannot be read.
    """
    return [source for name in names_in(names) for source in _find(split, name, copies)]


def _find(split: str, name: str, copies: Copies) -> list[Source]:
    found = list((_remote if is_url(name) else _local)(split, name, copies))
    if not found and is_url(name) and glob.has_magic(name):
        raise ConfigurationError(
            f"no file matches the {split} file '{name}': correct the URL, or give a local file"
        )
    if not found:
        raise ConfigurationError(
            f"the {split} folder '{name}' contains no images and no files of rows: put files with "
            f"{', '.join(FORMATS)} into it"
        )
    known = [source for source in found if source.suffix in FORMATS]
    kinds = sorted({source.suffix for source in known})
    if not known:
        raise ConfigurationError(
            f"the {split} file '{name}' has the unknown extension '{found[0].suffix}': give one "
            f"with {', '.join(FORMATS)}, also compressed as {', '.join([*CODECS, ZIP])}"
        )
    if len(kinds) > 1:
        raise ConfigurationError(
            f"the {split} file '{name}' stands for files of several types ({', '.join(kinds)}): "
            f"name files of one type, such as '{known[0].name}'"
        )
    return known


def _local(split: str, name: str, copies: Copies) -> Iterator[Source]:
    place, archive = place_of(name, copies), archive_of(name)
    if place.is_dir():
        for file in files_below(place):
            shown = os.path.join(name, file.relative_to(place))
            if is_zip(shown):
                yield from _local(split, shown, copies)
            elif is_data(shown):
                yield source_of(file, shown, archive or file)
    elif place.is_file():
        yield source_of(place, name, archive or place)
    elif found := sorted(filter(os.path.isfile, glob.glob(str(absolute(name)), recursive=True))):
        for match in found:
            yield from _local(split, os.path.relpath(match, absolute("")), copies)
    else:
        raise missing_file(split, name)


def _remote(split: str, name: str, copies: Copies) -> Iterator[Source]:
    if name.startswith("http") and name.endswith("/"):
        raise ConfigurationError(
            f"the {split} file '{name}' is a folder on the web, which cannot be listed: give the "
            "URL of a file or of a zip archive"
        )
    try:
        for url in _urls(name):
            if is_zip(url):
                place = place_of(url, copies)
                for file in filter(is_data, map(str, files_below(place))):
                    yield source_of(file, os.path.join(url, os.path.relpath(file, place)), url)
            else:
                yield source_of(url if copies.streaming else copies.download(url), url, url)
    except ConfigurationError:
        raise
    except Exception as error:  # of any file system, its missing package, or `datasets` offline
        raise unreadable(split, name, error) from error


def _urls(name: str) -> Iterator[str]:
    system, path = system_of(name)
    if glob.has_magic(name) and "?" not in name:
        found = sorted(system.glob(path))
    elif not name.startswith("http") and system.isdir(path):
        found = sorted(system.find(path))
    else:
        found = [path]
    yield from (system.unstrip_protocol(file) for file in found)


def unreadable(split: str, name: str, error: Exception) -> ConfigurationError:
    """Return the error, to be raised, for a URL that cannot be read."""
    missing = getattr(error.__cause__, "name", None) if isinstance(error, ImportError) else None
    fix = f"pip install {missing}" if missing else "correct the URL, or give a local file"
    if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
        fix = "log in to the store (S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
    return ConfigurationError(f"cannot read the {split} file '{name}': {reason_of(error)}: {fix}")


def reason_of(error: BaseException) -> str:
    """Return the first line of an error; of a missing file of a URL, which has no other, why."""
    is_bare = isinstance(error, FileNotFoundError) and error.errno is None
    return first_line(error.__cause__ or FileNotFoundError("not found") if is_bare else error)


def format_of(path: str) -> tuple[str, str | None]:
    """Return the ending of a file name in lower case, and the codec of its compression.

    The ending is that of the decompressed file: `.csv` and `gzip` for `a.csv.gz`. The codec is None
    for a file that is not compressed.
    """
    name = PurePosixPath(path.lower().partition("?")[0] if is_url(path) else path.lower())
    codec = CODECS.get(name.suffix)
    return (name.with_suffix("") if codec else name).suffix, codec


def is_zip(name: str) -> bool:
    """Return whether a file name or URL has the ending of an archive."""
    return name.lower().partition("?")[0].endswith(ZIP)


def is_data(name: str) -> bool:
    """Return whether a file name has the ending of a known format, or of an archive."""
    return is_zip(name) or format_of(name)[0] in FORMATS


def files_below(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders, sorted, without hidden ones."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted((f for f in files if not is_hidden(f.relative_to(folder))), key=str)


def visible(folder: Path) -> list[Path]:
    """Return the entries of a folder, sorted, without hidden ones."""
    return sorted(entry for entry in folder.iterdir() if not is_hidden(Path(entry.name)))


def is_hidden(path: Path) -> bool:
    """Return whether a part of a relative path is hidden, or made by a program: `__MACOSX`."""
    return any(part.startswith((".", "__", "_SUCCESS")) for part in path.parts)


def split_of(name: str) -> str | None:
    """Return the split that a folder or file is named after, or None."""
    return SPLIT_NAMES.get(re.split("[._-]", name.lower())[0])


def split_folders(files: Mapping[str, FileNames], copies: Copies) -> dict[str, FileNames]:
    """Return the files by split, with a folder that consists of splits replaced by its parts.

    The folder of the training set gives all splits that are not named otherwise.

    Args:
        files: the configured files by split.
        copies: unpacks archives, which count as folders.

    Raises:
        ConfigurationError: for a folder of splits without the one that is named.
    """
    result = dict(files)
    for split, name in files.items():
        parts = {} if split == "predict" else parts_of(split, name, copies)
        if not parts:
            continue
        if split not in parts:
            raise ConfigurationError(
                f"the folder '{name}' has no {split} split (it has: {', '.join(parts)}): set "
                f"dataset.{split}_file=<file>"
            )
        result[split] = parts[split]
        if split == "train":
            result = {**parts, **result}
    return result


def parts_of(split: str, name: FileNames, copies: Copies) -> dict[str, FileNames]:
    """Return the files by split of a folder that consists of splits; else an empty mapping.

    It has a subfolder or a file named `train`, and all others with data are named as splits, too.
    Subfolders precede files.

    Args:
        split: the split that it is configured for, for error messages.
        name: see `FileNames`.
        copies: unpacks archives.
    """
    if not isinstance(name, str):
        return {}
    in_place = is_url(name) and not is_zip(name)
    entries = _remote_entries(split, name) if in_place else _local_entries(place_of(name, copies))
    for are_folders in (True, False):
        parts: dict[str, list[str]] = {}
        for entry in (entry for entry, is_folder in entries if is_folder == are_folders):
            parts.setdefault(split_of(entry) or "", []).append(os.path.join(name, entry))
        if "train" in parts and "" not in parts:
            named = {split: parts[split] for split in SPLIT_NAMES.values() if split in parts}
            return {split: names[0] if len(names) == 1 else names for split, names in named.items()}
    return {}


def _local_entries(folder: Path) -> list[tuple[str, bool]]:
    """Return the names in a folder that have data, and whether they are folders."""
    entries = visible(folder) if folder.is_dir() else []
    return [(entry.name, entry.is_dir()) for entry in entries if has_data(entry)]


def _remote_entries(split: str, url: str) -> list[tuple[str, bool]]:
    """Return the names in a folder of a URL that may have data, and whether they are folders."""
    if url.startswith("http") or glob.has_magic(url):
        return []
    try:
        system, path = system_of(url)
        entries = system.ls(path, detail=True) if system.isdir(path) else []
    except Exception as error:  # of any file system, or its missing package
        raise unreadable(split, url, error) from error
    named = ((PurePosixPath(each["name"]).name, each["type"] == "directory") for each in entries)
    return sorted(entry for entry in named if entry[1] or is_data(entry[0]))


def has_data(path: Path) -> bool:
    """Return whether a path is a file of rows, or a folder with such files or subfolders."""
    if path.is_file():
        return is_data(path.name)
    return any(entry.is_dir() or is_data(entry.name) for entry in path.iterdir())
