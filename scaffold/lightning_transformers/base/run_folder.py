"""The files of a run folder."""

import logging
import shutil
from itertools import count
from pathlib import Path
from typing import Any, NotRequired, TypeAlias, TypedDict

import yaml

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.errors import ConfigurationError

log = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
CONFIG = "config.yaml"
MANIFEST = "manifest.yaml"
METRICS = "metrics.csv"
INITIAL_FILES = {".hydra", CONFIG, MANIFEST}
Digests: TypeAlias = dict[str, str | None]


class Manifest(TypedDict):
    """What a run depends on, and when it has come to its end, its `metrics`."""

    command: list[str]
    directory: str
    config: str | None
    seeds: dict[str, int]
    versions: dict[str, str | None]
    machine: dict[str, str]
    training: dict[str, str | int]
    git: dict[str, str | None] | None
    code: Digests
    inputs: Digests
    data: dict[str, dict[str, str | int | None]]
    metrics: NotRequired[dict[str, float]]


REQUIRED_KEYS = [part for part in Manifest.__annotations__ if part in Manifest.__required_keys__]
"""What each manifest has."""


def archive(file: Path) -> None:
    """Keep `metrics.csv` as `metrics-1.csv` and so on: a run that goes on begins a new one."""
    if file.is_file():
        number = max(map(_number, archived(file)), default=0) + 1
        file.rename(file.with_stem(f"{file.stem}-{number}"))


def archived(file: Path) -> list[Path]:
    """Return what `archive` has made of a file, oldest first."""
    found = file.parent.glob(f"{file.stem}-*{file.suffix}")
    return sorted((path for path in found if _number(path)), key=_number)


def _number(path: Path) -> int:
    """Return the number that `archive` has given to a file, 0 for a file of other origin."""
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def archive_former_run(folder: Path, start: str | None = None) -> None:
    """Move what a run has left in a folder to `former` in it: another run begins there.

    The folder `former`, or `former-2` and so on, is that of a run: it can be trained again, unless
    it began from a checkpoint that is another one now.

    Args:
        folder: the run folder.
        start: the checkpoint that the other run begins from. If it is one of the former run, it
            is in both places, for the processes that still have to read it.
    """
    tables = [*archived(folder / METRICS), folder / METRICS]
    manifests = [*archived(folder / MANIFEST), folder / MANIFEST]
    checkpoints = sorted((folder / CHECKPOINTS).glob("*"))
    found = [path for path in (*tables, *manifests, *checkpoints) if path.exists()]
    if not found:
        return
    former = free_name(folder / "former")
    (former / CHECKPOINTS).mkdir(parents=True)
    for path in (*found, folder / CONFIG):
        place = former / path.relative_to(folder)
        if start and Path(start).resolve().is_relative_to(path.resolve()):
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, place)
        elif path.exists() or path.is_symlink():
            path.rename(place)
    log.info("what a former run has left in %s is in %s now", folder, former.name)


def rebase_paths(value: Any, former: str, folder: str) -> Any:
    """Return plain values with paths of a folder, and of what is in it, as those of another one."""
    if isinstance(value, dict):
        pairs = value.items()
        return {rebase_paths(k, former, folder): rebase_paths(v, former, folder) for k, v in pairs}
    if isinstance(value, list):
        return [rebase_paths(part, former, folder) for part in value]
    if isinstance(value, str) and (value == former or value.startswith(f"{former}/")):
        return folder + value.removeprefix(former)
    return value


def free_name(folder: Path) -> Path:
    """Return the first of `<folder>`, `<folder>-2` and so on that is not there."""
    names = (f"{folder.name}{f'-{n}' if n > 1 else ''}" for n in count(1))
    return next(path for path in map(folder.with_name, names) if not path.exists())


def discard_if_empty(folder: Path, *logs: str) -> bool:
    """Remove a run folder that holds nothing but what is written before the run.

    Args:
        folder: the run folder.
        logs: names of files that count as nothing, too.

    Returns:
        Whether it is gone.
    """
    if not folder.is_dir() or {p.name for p in folder.iterdir()} - {*INITIAL_FILES, *logs}:
        return False
    shutil.rmtree(folder)
    return True


def read_manifest(file: Path) -> Manifest:
    """Return what a manifest holds; raises ConfigurationError if it is none, or lacks a part."""
    manifest: Manifest | None
    try:
        manifest = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        manifest = None
    if not isinstance(manifest, dict):
        raise ConfigurationError(f"'{file}' cannot be read: it is no manifest of a run")
    if lacking := [part for part in REQUIRED_KEYS if part not in manifest]:
        raise ConfigurationError(
            f"'{file}' has no '{lacking[0]}': it was edited, or another version of this package "
            "has written it, which can repeat the run"
        )
    return manifest


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Write a manifest, in the order of its keys: all of it, or nothing."""
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    with write_atomically(file) as beside:
        beside.write_text(text, encoding="utf-8")


def finished_run(folder: Path) -> Manifest:
    """Return the manifest of a run folder.

    Raises:
        ConfigurationError: if it is none, or the run has not come to its end.
    """
    if not folder.exists():
        raise ConfigurationError(f"there is no folder '{folder}': give that of a run")
    if not (folder / MANIFEST).is_file() or not (folder / CONFIG).is_file():
        below = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
        above = [parent for parent in folder.parents if (parent / MANIFEST).is_file()]
        hint = f" (did you mean '{[*above, *below][0]}'?)" if above or below else ""
        kind = "holds no" if folder.is_dir() else "is a file: give the folder of a run, with its"
        raise ConfigurationError(f"'{folder}' {kind} {MANIFEST} and {CONFIG}{hint}")
    manifest = read_manifest(folder / MANIFEST)
    if "metrics" not in manifest:
        raise ConfigurationError(
            f"the run in '{folder}' has not come to its end: its own command with resume=auto, "
            f"and hydra.run.dir={folder}, completes it"
        )
    return manifest
