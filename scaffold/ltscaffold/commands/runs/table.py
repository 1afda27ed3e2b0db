"""The run folders below a folder: how each ended, its score, its overrides, its size on disk."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lightning_transformers.base import run_folder
from lightning_transformers.base.errors import ConfigurationError
from ltscaffold.commands.runs.queue import queued
from ltscaffold.errors import ScaffoldError, unknown

OVERRIDES = ".hydra/overrides.yaml"
PER_RUN = ("hydra.", "resume")
"""Start of the overrides that say where a run is, not what it does."""


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        folder: its folder, from the working directory.
        status: one of `STATUSES` of the run folder.
        manifest: the content of its `manifest.yaml`; empty for a job that has not started.
        overrides: those of its command, by key.
        job: the id of the job of SLURM that `cluster=slurm` submitted.
    """

    folder: Path
    status: str
    manifest: Mapping[str, Any]
    overrides: Mapping[str, str]
    job: str | None = None

    @property
    def best(self) -> Mapping[str, Any]:
        """`monitor`, `mode`, `score`, `step` and `checkpoint` of the best checkpoint, or empty."""
        return self.manifest.get("best") or {}

    @cached_property
    def changed(self) -> datetime:
        """When the manifest was written last: at the end of the run, or at its start.

        Of a job that has not started, when it was submitted.
        """
        name = run_folder.MANIFEST if self.manifest else run_folder.JOB
        written = (self.folder / name).stat().st_mtime
        return datetime.fromtimestamp(written).astimezone()

    @cached_property
    def size(self) -> int:
        """Bytes of its files; a file with several names counts once."""
        return size_of(self.folder)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The resolved config."""
        if not self.manifest:
            return {}
        text = (self.folder / run_folder.CONFIG).read_text(encoding="utf-8")
        return yaml.safe_load(text) or {}

    def value(self, key: str) -> object:
        """Return the value of a key of `--sort` or `--where`, None if the run lacks it.

        Args:
            key: `date`, `status`, `size` or `score`, a metric, or a dotted key of the config.
        """
        own = {"date": "changed", "status": "status", "size": "size"}
        if key in own:
            return getattr(self, own[key])
        metrics = {**(self.manifest.get("metrics") or {})}
        if self.best:
            metrics |= {"score": self.best["score"], str(self.best["monitor"]): self.best["score"]}
        if key in metrics:
            return metrics[key]
        found: Any = self.config
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


def find_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """Return the runs below a folder, or in it, oldest first.

    A run that a later one has moved to `former/` counts as part of the later one.

    Args:
        folder: the folder.

    Returns:
        The runs, and a line for each run folder that cannot be read.

    Raises:
        ScaffoldError: if the folder does not exist.
    """
    if not folder.is_dir():
        raise ScaffoldError(f"'{folder}' is not a folder; give the one that contains your runs")
    found, problems = [], []
    for path in _run_folders(folder):
        try:
            found.append(_read(path))
        except ConfigurationError as error:
            problems.append(str(error))
    return sorted(with_jobs(found), key=lambda run: run.changed), problems


def _run_folders(folder: Path) -> Iterator[Path]:
    for path, below, files in os.walk(folder):
        here = Path(path)
        if run_folder.is_run(here) or (
            # The job of a repeat has a run folder for each part.
            run_folder.JOB in files and not any(run_folder.is_run(here / name) for name in below)
        ):
            below.clear()
            yield here
        below[:] = sorted(name for name in below if not name.startswith("."))


def _read(folder: Path) -> Run:
    manifest: Mapping[str, Any] = {}
    status = run_folder.UNKNOWN
    if run_folder.is_run(folder):
        manifest = run_folder.read_manifest(folder / run_folder.MANIFEST)
        status = run_folder.status_of(folder)
    job = run_folder.read_job(folder)["id"] if (folder / run_folder.JOB).is_file() else None
    recorded = folder / OVERRIDES  # of a sweep, the command has them for all runs
    listed = yaml.safe_load(recorded.read_text("utf-8")) if recorded.is_file() else None
    words = (w.lstrip("+~").partition("=") for w in listed or manifest.get("command", [])[1:])
    overrides = {key: value for key, equals, value in words if equals}
    kept = {key: value for key, value in overrides.items() if not key.startswith(PER_RUN)}
    return Run(folder, status, manifest, kept, job)


def with_jobs(runs: Sequence[Run]) -> list[Run]:
    """Return runs with the status of the job of each that has not ended, as SLURM knows it."""
    ended = (run_folder.FINISHED, run_folder.STOPPED, run_folder.FAILED)
    jobs = [run.job for run in runs if run.job and run.status not in ended]
    states = queued(jobs) if jobs else {}
    return [
        replace(run, status=states[run.job]) if run.job in states and run.job in jobs else run
        for run in runs
    ]


def select(
    runs: Iterable[Run], statuses: Sequence[str], conditions: Sequence[str], sort: str, best: bool
) -> list[Run]:
    """Return the runs that fulfil all conditions, sorted.

    Args:
        runs: the runs.
        statuses: the statuses to keep; all if empty.
        conditions: `key=value`, as `Run.value` reads the key; `*` in the value matches any text.
        sort: key to sort by, as `Run.value` reads it; with `-` in front in descending order. Runs
            without a value come last.
        best: keep only the run with the best score.

    Raises:
        ScaffoldError: if a status is unknown, a condition has no `=`, no run has the key to sort
            by, or if `best` is set and the runs select by different metrics, or none has a score.
    """
    for status in statuses:
        if status not in run_folder.STATUSES:
            raise unknown(
                "status", status, run_folder.STATUSES, f"choose {', '.join(run_folder.STATUSES)}"
            )
    kept = [run for run in runs if not statuses or run.status in statuses]
    for condition in conditions:
        key, equals, pattern = condition.partition("=")
        if not equals:
            raise ScaffoldError(f"'{condition}' has no '='; write --where key=value")
        kept = [run for run in kept if _matches(run.value(key), pattern)]
    if best and kept:
        return [best_run(kept)]
    key, descending = sort.removeprefix("-"), sort.startswith("-")
    present = [run for run in kept if run.value(key) is not None]
    if kept and not present:
        raise ScaffoldError(
            f"no run has '{key}'; sort by date, status, size, score, a metric or a key of the "
            "config"
        )
    present.sort(key=_order(key, present), reverse=descending)
    return [*present, *(run for run in kept if run.value(key) is None)]


def best_run(runs: Sequence[Run]) -> Run:
    """Return the run with the best score; raises ScaffoldError if they cannot be compared."""
    scored = [run for run in runs if run.best]
    monitors = sorted({str(run.best["monitor"]) for run in scored})
    if len(monitors) != 1:
        reason = f"select by {' and '.join(monitors)}" if monitors else "have no best checkpoint"
        raise ScaffoldError(f"these {len(runs)} runs {reason}; filter them with --where, or --sort")
    choose = max if mode(scored[0]) == "max" else min
    return choose(scored, key=lambda run: float(run.best["score"]))


def mode(run: Run) -> str:
    """Return "min" or "max", whichever score of a run is better."""
    if "mode" in run.best:
        return str(run.best["mode"])
    # Manifests of earlier versions do not name it.
    callbacks = (run.config.get("callbacks") or {}).values()
    monitors = {each["monitor"]: each.get("mode") for each in callbacks if "monitor" in each}
    return monitors.get(run.best["monitor"]) or "min"


def differing(runs: Sequence[Run]) -> set[str]:
    """Return the keys of the overrides that not all of several runs share; of one run, all."""
    keys = {key for run in runs for key in run.overrides}
    if len(runs) < 2:
        return keys
    return {key for key in keys if len({run.overrides.get(key) for run in runs}) > 1}


def size_of(*paths: Path) -> int:
    """Return the bytes of files, and of all files in folders; a file with several names once."""
    found = {}
    for path in paths:
        for file in [path, *path.rglob("*")]:
            if file.is_file() and not file.is_symlink():
                state = file.stat()
                found[state.st_dev, state.st_ino] = state.st_size
    return sum(found.values())


def _order(key: str, runs: Iterable[Run]) -> Callable[[Run], Any]:
    """Return the function to sort by: values of different types compare as text."""
    types = {type(run.value(key)) for run in runs}
    if types <= {int, float} or len(types) == 1:
        return lambda run: run.value(key)
    return lambda run: _text(run.value(key))


def _matches(value: object, pattern: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(pattern) == value  # 1e-4 and 0.0001 are one number
        except ValueError:
            pass
    return fnmatchcase(_text(value), pattern)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(yaml.safe_dump(value)).split("\n")[0]
