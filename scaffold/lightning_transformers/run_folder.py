"""The files of a run folder."""

from pathlib import Path
from typing import Any, TypeAlias

import yaml

from lightning_transformers.errors import ConfigurationError

CONFIG = "config.yaml"
MANIFEST = "manifest.yaml"
METRICS = "metrics.csv"
WRITTEN_BEFORE_THE_RUN = {".hydra", CONFIG, MANIFEST}

Manifest: TypeAlias = dict[str, Any]
"""What a run depends on, and when it has come to its end, its `metrics`."""


def set_aside(file: Path) -> None:
    """Keep `metrics.csv` as `metrics-1.csv` and so on: a run that goes on begins a new one."""
    if file.is_file():
        file.rename(file.with_stem(f"{file.stem}-{len(earlier(file)) + 1}"))


def earlier(file: Path) -> list[Path]:
    """Return what `set_aside` has made of a file, oldest first."""
    found = file.parent.glob(f"{file.stem}-*{file.suffix}")
    return sorted(found, key=lambda path: int(path.stem.rpartition("-")[2]))


def read_manifest(file: Path) -> Manifest:
    """Return what a manifest holds; raises ConfigurationError if it is none."""
    try:
        manifest = yaml.safe_load(file.read_text())
    except yaml.YAMLError:
        manifest = None
    if not isinstance(manifest, dict):
        raise ConfigurationError(f"'{file}' cannot be read: it is no manifest of a run")
    return manifest


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Write a manifest, in the order of its keys."""
    file.write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100))


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
