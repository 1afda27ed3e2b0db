"""The files that a name stands for: folders, globs, lists, archives, URLs."""

import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import fsspec
import pyarrow as pa
from hydra.utils import to_absolute_path

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.package_data import local_path

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

FileNames = str | list[str]
"""A file, folder, glob or URL, or a list of these."""


@dataclass(frozen=True)
class Source:
    """A file of rows.

    Attributes:
        path: absolute path or URL, for a member of an archive that of the archive.
        name: how the user named it, for messages.
        suffix: one of `FORMATS`.
        codec: compression, if any.
        member: path in a zip archive, if any.
    """

    path: str
    name: str
    suffix: str
    codec: str | None = None
    member: str | None = None

    def open(self) -> IO[bytes]:
        """Open the decompressed content for reading."""
        stream: Any = fsspec.open(self.path, "rb").open()
        if self.member is not None:
            stream = ZipFile(stream).open(self.member)  # noqa: SIM115  (the caller closes it)
        content: IO[bytes] = pa.CompressedInputStream(stream, self.codec) if self.codec else stream
        return content

    @property
    def identity(self) -> list[str | None]:
        """Format and content of the file, which determine its rows, wherever it is."""
        return [self.suffix, self.codec, self.member, digest_of_file(self.path)]


def digest_of_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    return _digest(os.fspath(path), state_of(path))


def state_of(path: str | Path) -> tuple[int, ...]:
    """Return values that change with each change of a file's content."""
    found = os.stat(path)
    # A file that is replaced has another inode or change time, whatever its modification time is.
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@cache
def _digest(path: str, state: tuple[int, ...]) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def absolute(name: str) -> Path:
    """Return the absolute path of a local name.

    Args:
        name: a path, which may be relative to the folder in which the command was run or start with
            `~`, or `pkg://…`.
    """
    return Path(to_absolute_path(os.path.expanduser(local_path(name))))


def is_url(name: str) -> bool:
    """Return whether a name is a URL, such as `https://…` or `s3://…`."""
    return "://" in name and not name.startswith("pkg://")


def names_in(names: FileNames) -> list[str]:
    """Return a name or a list of names as a list."""
    return [names] if isinstance(names, str) else list(names)


def find_sources(
    split: str, names: FileNames, download: Callable[[str], str] | None = None
) -> list[Source]:
    """Return the files that names stand for, sorted within each folder, glob and archive.

    Args:
        split: the split, for error messages.
        names: see `FileNames`.
        download: returns the path of a local copy of a URL; None: read URLs directly.

    Raises:
        ConfigurationError: for a name without files, a file of an unknown type, a folder, glob or
            archive with files of several types, or a URL or archive that cannot be read.
    """
    return [source for name in names_in(names) for source in _find(split, name, download)]


def _find(split: str, name: str, download: Callable[[str], str] | None) -> list[Source]:
    paths = list(_remote_paths(split, name) if is_url(name) else _local_paths(split, name))
    found: list[Source] = []
    for path in paths:
        shown = name if paths == [path] else path if is_url(path) else os.path.relpath(path)
        try:
            copy = download(path) if download and is_url(path) else path
        except Exception as error:  # of any file system, or of `datasets` offline
            raise unreadable(split, name, error) from error
        is_archive = path.lower().endswith(ZIP)
        found += _members(copy, shown) if is_archive else [Source(copy, shown, *format_of(path))]
    if not found:
        raise ConfigurationError(
            f"the {split} folder '{name}' contains no images and no files of rows: put files with "
            f"{', '.join(FORMATS)} into it"
        )
    known = [source for source in found if source.suffix in FORMATS]
    kinds = sorted({source.suffix for source in known})
    if not known:
        ending = next((source.suffix for source in found), "")
        raise ConfigurationError(
            f"the {split} file '{name}' has the unknown extension '{ending}': give one with "
            f"{', '.join(FORMATS)}, also compressed as {', '.join([*CODECS, ZIP])}"
        )
    if len(kinds) > 1:
        advice = "extract the archives and name" if any(x.member for x in known) else "name"
        raise ConfigurationError(
            f"the {split} file '{name}' stands for files of several types ({', '.join(kinds)}): "
            f"{advice} files of one type, such as '{known[0].name}'"
        )
    return known


def format_of(path: str) -> tuple[str, str | None]:
    """Return the ending of a file name in lower case, and the codec of its compression.

    The ending is that of the decompressed file: `.csv` and `gzip` for `a.csv.gz`. The codec is None
    for a file that is not compressed.
    """
    name = PurePosixPath(path.lower().partition("?")[0] if is_url(path) else path.lower())
    codec = CODECS.get(name.suffix)
    return (name.with_suffix("") if codec else name).suffix, codec


def _members(path: str, name: str) -> Iterator[Source]:
    try:
        with fsspec.open(path, "rb") as stream, ZipFile(stream) as archive:
            members = sorted(one.filename for one in archive.infolist() if not one.is_dir())
    except (BadZipFile, OSError, ValueError) as error:  # a server may not read parts of a file
        raise ConfigurationError(
            f"cannot read '{name}': {error}: replace the archive, or extract it"
        ) from error
    for member in members:
        if not is_hidden(PurePosixPath(member)):
            yield Source(path, f"{name}/{member}", *format_of(member), member)


def _local_paths(split: str, name: str) -> Iterator[str]:
    path = absolute(name)
    if path.is_dir():
        files = map(str, files_below(path))
        yield from (file for file in files if is_data(file))
    elif path.is_file():
        yield str(path)
    elif found := sorted(filter(os.path.isfile, glob.glob(str(path), recursive=True))):
        yield from found
    else:
        raise ConfigurationError(
            f"the {split} file '{name}' does not exist (looked for {path}): correct the path"
        )


def _remote_paths(split: str, name: str) -> Iterator[str]:
    try:
        system, path = fsspec.url_to_fs(name)
        if glob.has_magic(name) and "?" not in name:
            found = sorted(system.glob(path))
        elif not name.startswith("http") and system.isdir(path):
            found = sorted(system.find(path))
        else:
            found = [path]
        yield from (system.unstrip_protocol(file) for file in found)
    except Exception as error:  # of any file system, or its missing package
        raise unreadable(split, name, error) from error


def unreadable(split: str, name: str, error: Exception) -> ConfigurationError:
    """Return the error, to be raised, for a URL that cannot be read."""
    return ConfigurationError(
        f"cannot read the {split} file '{name}': {first_line(error)}: correct the URL, or give a "
        "local file"
    )


def is_data(path: str) -> bool:
    """Return whether a file name has the ending of a known format, or of an archive."""
    return path.lower().endswith(ZIP) or format_of(path)[0] in FORMATS


def files_below(folder: Path) -> list[Path]:
    """Return the files of a folder and its subfolders, sorted, without hidden ones."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted((f for f in files if not is_hidden(f.relative_to(folder))), key=str)


def is_hidden(path: Path | PurePosixPath) -> bool:
    """Return whether a part of a relative path is hidden, or made by a program: `__MACOSX`."""
    return any(part.startswith((".", "__", "_SUCCESS")) for part in path.parts)


def split_folders(files: Mapping[str, FileNames]) -> dict[str, FileNames]:
    """Return the files by split, with a folder that consists of splits replaced by its parts.

    The folder of the training set gives all splits that are not named otherwise.

    Args:
        files: the configured files by split.

    Raises:
        ConfigurationError: for a folder of splits without the one that is named.
    """
    result = dict(files)
    for split, name in files.items():
        parts = {} if split == "predict" else parts_of(name)
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


def parts_of(name: FileNames) -> dict[str, FileNames]:
    """Return the files by split of a folder that consists of splits; else an empty mapping.

    It has a subfolder or a file named `train`, and all others are named as splits, too. Folders of
    images are splits if they have subfolders, since `train` may also be the name of a class.
    """
    if not isinstance(name, str) or is_url(name) or not (folder := absolute(name)).is_dir():
        return {}
    entries = sorted(entry for entry in folder.iterdir() if not is_hidden(Path(entry.name)))
    parts: dict[str, list[str]] = {}
    for entry in [e for e in entries if e.is_dir()] or [e for e in entries if is_data(str(e))]:
        split = SPLIT_NAMES.get(re.split(r"[.-]", entry.name.lower())[0])
        if split is None:
            return {}
        parts.setdefault(split, []).append(os.path.join(name, entry.name))
    if not any(map(_has_data, map(absolute, parts.get("train", [])))):
        return {}
    return {split: names[0] if len(names) == 1 else names for split, names in parts.items()}


def _has_data(part: Path) -> bool:
    """Return whether a part has data files, or folders, as a split of images has."""
    entries = [part] if part.is_file() else part.iterdir()
    return any(entry.is_dir() or is_data(str(entry)) for entry in entries)
