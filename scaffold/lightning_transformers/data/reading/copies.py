"""Local copies of what lies elsewhere: files and folders of a URL, members of a zip archive."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import BadZipFile, ZipFile

import fsspec
from datasets import DownloadConfig, DownloadManager
from fsspec import AbstractFileSystem

from lightning_transformers.base.digests import digest_of, digest_of_file
from lightning_transformers.base.errors import ConfigurationError, first_line

VERSIONS = ("ETag", "etag", "Last-Modified", "mtime", "created")
"""Facts of file systems about a file, of which the first known one serves as its version."""


@dataclass(frozen=True)
class Copies:
    """Downloaded files and unpacked archives in a cache folder.

    Attributes:
        folder: the cache folder.
        streaming: read URLs in place, except for archives and folders of images.
    """

    folder: Path
    streaming: bool = False

    def download(self, url: str) -> str:
        """Return the path of a downloaded file; it is downloaded again when it changes."""
        config = DownloadConfig(
            cache_dir=str(self.folder / "downloads"),
            disable_tqdm=True,
            # `datasets` knows a file without an ETag by its URL only.
            force_download={"ETag", "etag"}.isdisjoint(info_of(url)),
        )
        return str(DownloadManager(download_config=config).download(url))

    def copy_files(self, url: str, files: Mapping[str, Mapping[str, Any]]) -> Path:
        """Return a folder with copies of files below a URL; they are copied again when they change.

        Args:
            url: the folder of the files.
            files: facts on each file by its path, see `find` of `fsspec`.
        """
        system, path = system_of(url)
        states = [[name, info.get("size"), version_in(info)] for name, info in files.items()]
        folder = self.folder / "folders" / digest_of([url, states])
        if not folder.is_dir():
            with new_folder(folder) as unfinished:
                places = [str(unfinished / os.path.relpath(name, path)) for name in files]
                system.get([*files], places)
        return folder

    def unpack(self, archive: str, name: str) -> Path:
        """Return a folder with the members of a zip archive.

        Args:
            archive: its path.
            name: its name, for error messages.

        Raises:
            ConfigurationError: if it cannot be unpacked.
        """
        folder = self.folder / "archives"
        try:
            folder /= digest_of_file(archive)
            if not folder.is_dir():
                with ZipFile(archive) as content, new_folder(folder) as unfinished:
                    content.extractall(unfinished)
        except (BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:
            fix = ": set dataset.cache_dir=<folder>" if isinstance(error, OSError) else ""
            raise ConfigurationError(f"cannot read '{name}': {first_line(error)}{fix}") from error
        return folder


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder`, unless the block raises.

    If another process is faster, its folder stays.
    """
    unfinished = folder.with_name(f"{folder.name}-{uuid4().hex}")
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        with suppress(OSError):
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def system_of(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, without what it has cached, and the path in it."""
    system, path = fsspec.url_to_fs(url)
    system.invalidate_cache()
    return system, path


def info_of(url: str) -> dict[str, Any]:
    """Return the facts that the file system of a URL knows about the file."""
    system, path = system_of(url)
    found: dict[str, Any] = system.info(path)
    return found


def version_of(url: str) -> str | None:
    """Return the version of the file of a URL, such as its ETag; None if it is unknown."""
    try:
        return version_in(info_of(url))
    except Exception:  # of any file system
        return None


def version_in(info: Mapping[str, Any]) -> str | None:
    """Return the version of a file among the facts on it, None if it is unknown."""
    return next((str(info[name]) for name in VERSIONS if info.get(name)), None)
