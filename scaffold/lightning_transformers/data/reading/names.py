"""Names of files, as a config gives them; imports nothing that takes time."""

import glob
import os
from pathlib import Path

from hydra.utils import to_absolute_path

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.package_data import local_path

FileNames = str | list[str]
"""A file, folder, archive, glob or URL, or a list of these."""


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


def check_exists(split: str, name: str) -> None:
    """Check that a local name stands for something; raises ConfigurationError otherwise.

    Args:
        split: the split, for the error message.
        name: a name as in `FileNames`; an archive's member is not looked for.
    """
    if is_url(name):
        return
    path = absolute(name)
    is_member = any(parent.is_file() for parent in path.parents)
    if not is_member and not path.exists() and not glob.glob(str(path), recursive=True):
        raise missing_file(split, name)


def missing_file(split: str, name: str) -> ConfigurationError:
    """Return the error, to be raised, for a file of a split that does not exist."""
    return ConfigurationError(
        f"the {split} file '{name}' does not exist (looked for {absolute(name)}): correct the path"
    )
