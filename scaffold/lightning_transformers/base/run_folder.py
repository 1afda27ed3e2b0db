"""The files of a run folder."""

import csv
import logging
import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NotRequired, TypeAlias, TypedDict

import yaml

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.base.run_lock import is_locked

log = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
SHARDED_REST = "meta.pt"
"""File of a sharded checkpoint, a folder, with all but its tensors, as Lightning names it."""
CONFIG = "config.yaml"
MANIFEST = "manifest.yaml"
METRICS = "metrics.csv"
PREDICTIONS = "predictions.parquet"
REPORT = "report.html"
JOB = "job.yaml"
JOB_LOG = "LTSCAFFOLD_JOB_LOG"
"""Variable of the environment with the path of the log, in a job that `cluster=slurm` submitted."""
PICTURES = "report_pictures"
SENT = "sent-"
"""Start of the name of a record of the rows that a logger has got."""
PROBABILITY = "probability_"
"""Start of the name of a column with the probability of a class."""
STACK = (
    "python",
    "ltscaffold",
    "torch",
    "pytorch-lightning",
    "transformers",
    "datasets",
    "tokenizers",
    "peft",
)
"""Packages that a manifest names first among its versions."""
INITIAL_FILES = {".hydra", CONFIG, MANIFEST}
RUNNING, FINISHED, STOPPED, INTERRUPTED, FAILED, KILLED, PENDING, UNKNOWN = STATUSES = (
    *("running", "finished", "stopped early", "interrupted", "failed", "killed"),
    *("pending", "unknown"),  # of a job, which its scheduler knows
)
Digests: TypeAlias = dict[str, str | None]


def is_checkpoint(path: Path) -> bool:
    """Return whether a path is a file, or a complete sharded checkpoint."""
    return path.is_file() or (path / SHARDED_REST).is_file()


class Manifest(TypedDict):
    """Everything a run depends on, and how it ended.

    `changed` has the default and the value of each setting that differs, by key. `status` is one of
    `STATUSES`, `reason` says what ended the run or is the error, `best` names the best checkpoint,
    `loggers` has the version or id of each logger's run, by its name in the config. A run that has
    ended, by itself or early, has `metrics`, the last values. `job` names the job of SLURM, its
    nodes and its log.
    """

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
    changed: NotRequired[dict[str, list[Any]]]
    status: NotRequired[str]
    reason: NotRequired[str]
    loggers: NotRequired[dict[str, str | int]]
    best: NotRequired[dict[str, str | float]]
    metrics: NotRequired[dict[str, float]]
    job: NotRequired[dict[str, str | int | None]]


REQUIRED_KEYS = [part for part in Manifest.__annotations__ if part in Manifest.__required_keys__]
"""Keys of every manifest, of an unfinished run too."""


def archive(file: Path) -> None:
    """Rename `manifest.yaml` to the next of `manifest-1.yaml` …, if it exists.

    A resumed run then writes its own.
    """
    if file.is_file():
        number = max(map(_number, archived(file)), default=0) + 1
        file.rename(file.with_stem(f"{file.stem}-{number}"))


def archived(file: Path) -> list[Path]:
    """Return the files to which `archive` has renamed `file` so far, oldest first."""
    found = file.parent.glob(f"{file.stem}-*{file.suffix}")
    return sorted((path for path in found if _number(path)), key=_number)


def _number(path: Path) -> int:
    """Return the number that `archive` gave a file, 0 for any other file."""
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def archive_former_run(folder: Path, start: str | None = None) -> None:
    """Move the files of a previous run to `former/` (`former-2/` …) before a new run starts.

    The new folder is a run folder too, and can be rerun.

    Args:
        folder: the run folder.
        start: the checkpoint that the new run starts from. If it belongs to the previous run it is
            copied, since other ranks still read it.
    """
    tables = [*archived(folder / METRICS), folder / METRICS]
    manifests = [*archived(folder / MANIFEST), folder / MANIFEST]
    checkpoints = sorted((folder / CHECKPOINTS).glob("*"))
    sent = sorted(folder.glob(f"{SENT}*"))
    found = [path for path in (*tables, *manifests, *checkpoints, *sent) if path.exists()]
    if not found:
        return
    former = free_name(folder / "former")
    (former / CHECKPOINTS).mkdir(parents=True)
    for path in (*found, *(folder / name for name in (CONFIG, PREDICTIONS, REPORT, PICTURES))):
        place = former / path.relative_to(folder)
        if start and Path(start).resolve().is_relative_to(path.resolve()):
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, place)
        elif path.exists() or path.is_symlink():
            path.rename(place)
    log.info("moved the files of the previous run in %s to %s", folder, former.name)


def rebase_paths(value: Any, former: str, folder: str) -> Any:
    """Return a copy of a value with all paths in one folder moved to another.

    Args:
        value: dicts and lists, nested, of any values. Strings, keys too, that are `former` or
            start with it and a slash change.
        former: path of the old folder.
        folder: path of the new folder.
    """
    if isinstance(value, dict):
        pairs = value.items()
        return {rebase_paths(k, former, folder): rebase_paths(v, former, folder) for k, v in pairs}
    if isinstance(value, list):
        return [rebase_paths(part, former, folder) for part in value]
    if isinstance(value, str) and (value == former or value.startswith(f"{former}/")):
        return folder + value.removeprefix(former)
    return value


def free_name(folder: Path) -> Path:
    """Return the first of `<folder>`, `<folder>-2` and so on that does not exist."""
    names = (f"{folder.name}{f'-{n}' if n > 1 else ''}" for n in count(1))
    return next(path for path in map(folder.with_name, names) if not path.exists())


def discard_if_empty(folder: Path, *logs: str) -> bool:
    """Remove a run folder that contains only `INITIAL_FILES`.

    Args:
        folder: the run folder.
        logs: names of further files that do not count, such as the log of the command.

    Returns:
        Whether the folder was removed.
    """
    if not folder.is_dir() or {p.name for p in folder.iterdir()} - {*INITIAL_FILES, *logs}:
        return False
    shutil.rmtree(folder)
    return True


def read_manifest(file: Path) -> Manifest:
    """Read a manifest; raises ConfigurationError if it is malformed or a key is missing."""
    try:
        manifest: Manifest = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"'{file}' is not valid YAML ({first_line(error)}): restore it, or repeat the run"
        ) from error
    if not isinstance(manifest, dict):
        raise ConfigurationError(
            f"'{file}' contains no keys of a manifest: restore it, or repeat the run"
        )
    if lacking := [part for part in REQUIRED_KEYS if part not in manifest]:
        raise ConfigurationError(
            f"'{file}' has no '{lacking[0]}': restore it if it was edited, or install the version "
            "of this package that wrote it"
        )
    return manifest


def read_job(folder: Path) -> dict[str, Any]:
    """Return the `job.yaml` of a run folder, with `id`, `log`, `code`, `git` and `cluster`.

    Raises:
        ConfigurationError: if the file is malformed.
    """
    try:
        job = yaml.safe_load((folder / JOB).read_text(encoding="utf-8"))
        return {"id": str(job["id"]), **job}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"'{folder / JOB}' does not name a job: delete it, or submit the run again"
        ) from error


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Write a manifest atomically, in the order of its keys."""
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    with write_atomically(file) as beside:
        beside.write_text(text, encoding="utf-8")


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run folder."""
    return all(os.path.isfile(folder / name) for name in (CONFIG, MANIFEST))


def require_run(folder: Path, expected: str = "a run folder") -> None:
    """Check that a path is a run folder; the error suggests a run folder around it or in it.

    Args:
        folder: the path.
        expected: the path to give instead, in words, if there is none to suggest.

    Raises:
        ConfigurationError: if it is not a run folder.
    """
    if is_run(folder):
        return
    absolute = Path(os.path.abspath(folder))
    runs = filter(is_run, [*absolute.parents, *sorted(absolute.glob("*"))])
    hint = next((f"did you mean '{run}'?" for run in runs), f"give {expected}")
    fact = f"has no {CONFIG} and {MANIFEST} of a run" if folder.exists() else "does not exist"
    raise ConfigurationError(f"'{folder}' {fact}: {hint}")


def finished_run(folder: Path) -> Manifest:
    """Return the manifest of a finished run.

    Raises:
        ConfigurationError: if the folder is not a run folder, its manifest is malformed, or the run
            has not finished.
    """
    require_run(folder)
    manifest = read_manifest(folder / MANIFEST)
    if "metrics" not in manifest:
        raise ConfigurationError(
            f"the run in '{folder}' has not finished ({status_of(folder)}): complete it with its "
            f"command and resume=auto hydra.run.dir={folder}"
        )
    return manifest


def status_of(folder: Path) -> str:
    """Return the status of the run in a run folder: `killed` if its process ended without one."""
    manifest = read_manifest(folder / MANIFEST)
    known = manifest.get("status") or (FINISHED if "metrics" in manifest else RUNNING)
    return KILLED if known == RUNNING and not is_locked(folder) else known


def logged_cells(table: Path) -> Iterator[tuple[int, str, str]]:
    """Yield step, name and value of each cell of a `metrics.csv`, which may be missing."""
    if not table.is_file():
        return
    with table.open(newline="") as stream:
        for row in csv.DictReader(stream):
            step = int(row.pop("step"))
            yield from ((step, name, value) for name, value in row.items() if value)
