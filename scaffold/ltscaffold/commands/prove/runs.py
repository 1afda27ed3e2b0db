"""The recorded runs of a component, and how to repeat one."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lightning_transformers.base import run_folder
from lightning_transformers.base.errors import ConfigurationError
from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Component
from ltscaffold.record.component_types import CALLBACK, DATASET

SMOKE_STEPS = 20
"""Steps of the run of a component that has recorded none."""
LONG_S = 3600.0
"""Seconds from which on both repetitions of a run need `--steps`."""
OVERRIDES = ".hydra/overrides.yaml"
CONFIG = ".hydra/config.yaml"
REPLACED = {"cluster", "hydra", "logger", "resume"}
"""Keys and groups that say where a run trains, and where it writes to."""
FOLDERS = ("dirpath", "save_dir", "default_root_dir")
"""Keys of callbacks and the trainer with a folder that they write to."""
FILES = ("file", "path")
"""Keys of callbacks with a file that they may write to."""


@dataclass(frozen=True)
class Run:
    """A run to repeat.

    Attributes:
        overrides: those of its command.
        folder: its folder; None for a smoke run.
        directory: where its command was typed, relative to the project.
        script: the path of its script in the project; None: `-m lightning_transformers`.
        steps: the optimizer steps to repeat; None: all.
    """

    overrides: Sequence[str]
    folder: Path | None = None
    directory: Path = Path()
    script: str | None = "train.py"
    steps: int | None = None

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest, empty for a smoke run."""
        if self.folder is None:
            return {}
        return {**run_folder.read_manifest(self.folder / run_folder.MANIFEST)}

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config as it was composed, with interpolations; empty if there is none."""
        file = self.folder / CONFIG if self.folder else None
        return yaml.safe_load(file.read_text("utf-8")) or {} if file and file.is_file() else {}

    @cached_property
    def cells(self) -> list[tuple[int, str, str]]:
        """Step, name and text of each value in its metrics."""
        table = run_folder.METRICS
        return [*run_folder.logged_cells(self.folder / table)] if self.folder else []

    @property
    def threads(self) -> int | None:
        """The number of threads of the run, on which the last bits of sums depend."""
        return (self.manifest.get("training") or {}).get("threads")

    @property
    def seconds(self) -> float | None:
        """The time that a repetition takes with its start, from the times of the run's files."""
        if self.folder is None or not self.cells:
            return None
        first, last = (self._written(name) for name in (run_folder.CONFIG, run_folder.METRICS))
        is_timed = (self.folder / OVERRIDES).is_file()
        start = first - self._written(OVERRIDES) if is_timed else 0.0
        total = max(step for step, _, _ in self.cells) + 1
        return max(start, 0.0) + max(last - first, 0.0) * min((self.steps or total) / total, 1.0)

    def _written(self, name: str) -> float:
        """Return when a file of the run folder was written."""
        assert self.folder is not None
        return (self.folder / name).stat().st_mtime

    def obstacles(self) -> Iterator[str]:
        """Yield why the run cannot be repeated, with the fix."""
        training = self.manifest.get("training") or {}
        processes = training.get("processes", 1) * training.get("nodes", 1)
        if processes != 1:
            yield f"it used {processes} processes; choose a run of one process with --run"
        if any(word.lstrip("+").startswith("repeat.") for word in self.overrides):
            yield "it is part of a repeat over seeds or folds; choose a single run with --run"
        typed = dict(word.lstrip("+").split("=", 1) for word in self.overrides if "=" in word)
        written = {**dict(written_folders(self.config)), **dict(written_folders(typed))}
        for key, folder in written.items():
            yield f"it may write to {folder} ({key}); choose another run with --run"
        if self.steps is None and self.seconds and 2 * self.seconds > LONG_S:
            hours = 2 * self.seconds / 3600
            last = max(step for step, _, _ in self.cells) + 1
            yield (
                f"repeating its {last} steps before and after takes about {hours:.1f} hours; add "
                f"--steps N for the first N, or --steps {last} for all"
            )

    def remarks(self) -> Iterator[str]:
        """Yield what a reader of the result must know about the run."""
        if self.folder and run_folder.archived(self.folder / run_folder.MANIFEST):
            yield "the run was resumed; it is repeated in one go from its first step"
        if self.folder and not self.cells:
            yield "the run has recorded no metrics.csv; its former state is repeated as the base"


def recorded_run(project: Path, folder: Path, steps: int | None) -> Run:
    """Return the run of a folder.

    Args:
        project: the folder of the project.
        folder: the run folder.
        steps: the optimizer steps to repeat; None: all.

    Raises:
        ScaffoldError: if the folder is not that of a finished run.
    """
    try:
        manifest = run_folder.finished_run(folder)
    except ConfigurationError as error:
        raise ScaffoldError(str(error)) from None
    recorded = folder / OVERRIDES
    listed = yaml.safe_load(recorded.read_text("utf-8")) if recorded.is_file() else None
    words = list(manifest["command"][1:] if listed is None else listed)
    overrides = [word for word in words if not (word.startswith("-") or is_replaced(word))]
    typed = Path(manifest["directory"])
    root = project.resolve()
    directory = typed.relative_to(root) if typed.is_relative_to(root) else Path()
    script = Path(manifest["command"][0])
    is_script = script.suffix == ".py" and "lightning_transformers" not in script.parts
    return Run(
        overrides,
        folder.resolve(),
        directory,
        script_in(root, typed, script) if is_script else None,
        steps,
    )


def script_in(root: Path, typed: Path, script: Path) -> str:
    """Return the path of a run's script in the project.

    The copy in the run folder of a job, and a project that has moved since, stand for the project.

    Args:
        root: the project's folder, without links.
        typed: the folder in which the command was typed.
        script: the script as it was typed.
    """
    for path in ((typed / script).resolve(), (root / script).resolve()):
        is_copy = any(run_folder.is_run(folder) for folder in path.parents)
        if path.is_file() and path.is_relative_to(root) and not is_copy:
            return path.relative_to(root).as_posix()
    return script.name


def is_replaced(override: str) -> bool:
    """Return whether an override says where a run trains or writes to."""
    key = override.lstrip("+~").partition("=")[0]
    return key == "training.run_dir" or re.split("[./@]", key)[0] in REPLACED


def written_folders(config: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, str]]:
    """Yield key and value of each file and folder that a run writes to besides its run folder.

    Args:
        config: the config, in which the run folder is an interpolation; or the overrides by key.
        group: the key of this part of the config, with a dot at its end.
    """
    for key, value in config.items():
        if isinstance(value, dict):
            yield from written_folders(value, f"{group}{key}.")
        elif isinstance(value, str) and is_written(f"{group}{key}"):
            is_other = value not in ("", "null") and not value.strip("\"'").startswith("${")
            if is_other:
                yield f"{group}{key}", value


def is_written(key: str) -> bool:
    """Return whether a run may write to the file or folder that a dotted key names."""
    name = key.rpartition(".")[2]
    is_file = key.startswith("callbacks.") and name in FILES
    return (name in FOLDERS or is_file) and not is_replaced(key)


def imports(run: Run, project: Path, files: Collection[str]) -> bool:
    """Return whether a run has imported one of some files of a project.

    Args:
        run: the run.
        project: the folder of the project.
        files: paths in the project.
    """
    root = project.resolve()
    typed = Path(run.manifest["directory"])  # a job names files by their path in the project
    found = {base / name for name in run.manifest["code"] for base in (typed, root)}
    return not found.isdisjoint(root / file for file in files)


def newest_run(
    project: Path, files: Collection[str], steps: int | None, below: str = "outputs"
) -> Run | None:
    """Return the newest finished run that has imported one of some files, or None.

    Args:
        project: the folder of the project.
        files: the Python files of a component.
        steps: the optimizer steps to repeat; None: all.
        below: the folder of runs.
    """
    found: list[tuple[float, Path]] = []
    for place, folders, _ in os.walk(project / below):
        if run_folder.is_run(Path(place)):
            folders.clear()
            found.append(((Path(place) / run_folder.MANIFEST).stat().st_mtime, Path(place)))
    for _, folder in sorted(found, reverse=True):
        try:
            run = recorded_run(project, folder, steps)
        except ScaffoldError:
            continue
        if imports(run, project, files):
            return run
    return None


def smoke_run(component: Component, steps: int | None) -> Run:
    """Return a run of the tiny model on the embedded sample, for a component without a run.

    It ends after its steps with a validation, so that its evaluation is compared, too.
    """
    if component.type == CALLBACK.name:
        chosen = ["task=nlp/text_classification", f"callbacks={component.name}"]
    elif component.type == DATASET.name:
        task = f"{component.group}/{component.base}"
        chosen = [f"task={task}", f"dataset={task}/{component.name}"]
    else:
        chosen = [f"task={component.group}/{component.name}"]
    number = steps or SMOKE_STEPS
    return Run([*chosen, "experiment=smoke", f"trainer.max_steps={number}"], steps=number)
