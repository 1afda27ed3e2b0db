"""Runs and tests repeated in a workspace; their results are kept in the user's cache."""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from getpass import getuser
from importlib.metadata import distributions
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory, gettempdir
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import yaml

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.run_folder import JOB_LOG, MANIFEST
from lightning_transformers.base.traces.format import TRACE, Trace, TraceRequest
from ltscaffold.commands.prove.processes import run_in_group
from ltscaffold.commands.prove.runs import Run
from ltscaffold.commands.prove.workspace import Contents, digest_of_workspace, make_workspace
from ltscaffold.project.interpreter import last_line
from ltscaffold.project.python_code import sources
from ltscaffold.templating.cache import cache_root

PYTEST = ("-m", "pytest", "--quiet", "--tb=no", "-rfE", "-p", "no:cacheprovider")
VARIABLES = ("CUDA_", "HF_", "MKL_", "OMP_")
"""Starts of the variables of the environment that may change the numbers of a run."""
COMPILED = "TORCHINDUCTOR_CACHE_DIR"
"""The variable with torch's cache of compiled models, by default below `TMPDIR`: it is kept."""
GUARD = ("-m", "lightning_transformers.base.traces.guard")
"""Runs a command that must not write to the project."""
TRAIN = ("-m", "lightning_transformers", "train")
QUIET = {
    "PYTHONDONTWRITEBYTECODE": "1",  # a linked folder belongs to the project
    "PYTHONUTF8": "1",
    "WANDB_MODE": "disabled",
}


@dataclass
class Repetition:
    """The result of the repetition of a run.

    Attributes:
        trace: its values.
        error: the last line of its output if it failed, else empty.
        manifest: the manifest that it wrote.
    """

    trace: Trace = field(default_factory=Trace)
    error: str = ""
    manifest: dict[str, Any] = field(default_factory=dict)


@dataclass
class Repeater:
    """Repeats runs of a project, one after the other.

    Attributes:
        project: the folder of the project.
        python: the interpreter whose packages a run uses.
        path: the folders in which that finds its packages.
        started: the number of runs that were not in the cache.
    """

    project: Path
    python: str = sys.executable
    path: Sequence[str] = field(default_factory=lambda: sys.path)
    started: int = 0

    def repeat(
        self,
        run: Run,
        contents: Contents,
        expected: Trace | None = None,
        until: int | None = None,
        again: bool = False,
    ) -> Repetition:
        """Repeat a run with other contents of some files.

        Args:
            run: the run.
            contents: the files that differ from the project.
            expected: a trace to compare with; the repetition stops at the first difference.
            until: the number of entries of `expected` after which it stops.
            again: whether this is a second repetition, for a comparison with the first.
        """
        words = [(word, state_of(self.project / run.directory, word)) for word in run.overrides]
        compared = asdict(expected) if expected else None
        place = [words, str(run.directory), run.script, run.steps, run.threads]
        kept = self._kept("run", contents, [*place, compared, until, again])
        with suppress(OSError, ValueError):  # not kept, or damaged
            content = json.loads(kept.read_text(encoding="utf-8"))
            return Repetition(Trace.read(kept.with_suffix(".trace")), "", content)
        with TemporaryDirectory(prefix="ltscaffold-prove-") as folder:
            found = self._run(Path(folder), run, contents, expected, until)
        self.started += 1
        if not found.error:
            kept.parent.mkdir(parents=True, exist_ok=True)
            found.trace.write(kept.with_suffix(".trace"))
            with write_atomically(kept) as beside:
                beside.write_text(json.dumps(found.manifest, default=str), encoding="utf-8")
        return found

    def _run(
        self, folder: Path, run: Run, contents: Contents, expected: Trace | None, until: int | None
    ) -> Repetition:
        workspace, into, trace = folder / "project", folder / "run", folder / "trace.json"
        make_workspace(self.project, workspace, contents, run.directory, run.overrides)
        entries = None if expected is None else expected.entries
        TraceRequest(str(trace), run.steps, entries, until).write(folder / "request.json")
        environment = {
            TRACE: str(folder / "request.json"),
            "TMPDIR": str(folder),  # a run that is killed removes none of its files there
            COMPILED: compile_cache(),
            JOB_LOG: os.devnull,  # a config with cluster=slurm would submit the run
        }
        if run.threads:
            environment["OMP_NUM_THREADS"] = str(run.threads)
        command = [str(workspace / run.script)] if run.script else TRAIN
        overrides = [with_absolute_path(word, self.project, run) for word in run.overrides]
        words = [*command, *overrides, "logger=csv", f"hydra.run.dir={into}"]
        done = self._python(workspace / run.directory, words, environment)
        manifest = into / MANIFEST
        recorded = yaml.safe_load(manifest.read_text("utf-8")) if manifest.is_file() else {}
        if done.returncode or not trace.is_file():
            reason = last_line(done.stderr or done.stdout).removeprefix("error: ")
            return Repetition(error=reason, manifest=recorded)
        return Repetition(Trace.read(trace), "", recorded)

    def failed_tests(self, contents: Contents, test: str) -> str:
        """Return the first failure of a test file of the project, empty if it passes.

        Args:
            contents: the files that differ from the project.
            test: the path of the test file.
        """
        kept = self._kept("test", contents, [test])
        if kept.is_file():
            return ""
        with TemporaryDirectory(prefix="ltscaffold-prove-") as folder:
            workspace = Path(folder) / "project"
            make_workspace(self.project, workspace, contents)
            done = self._python(workspace, [*PYTEST, test], {"TMPDIR": folder})
        lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if done.returncode == 0:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text('"passed"\n', encoding="utf-8")
            return ""
        return lines[0] if lines else last_line(done.stderr or done.stdout)

    def _python(
        self, folder: Path, words: list[str], environment: Mapping[str, str]
    ) -> CompletedProcess[str]:
        command = [self.python, *GUARD, str(self.project.resolve()), *words]
        return run_in_group(command, folder, {**QUIET, **environment})

    def _kept(self, name: str, contents: Contents, parts: Sequence[object]) -> Path:
        """Return the file of a result in the cache, named by a digest of what it depends on.

        These are the sources and data of the project, the packages, the machine, and the variables
        of the environment that choose devices, threads and caches.

        Args:
            name: what has the result.
            contents: the files that differ from the project.
            parts: what else it depends on.
        """
        state = [
            name,
            digest_of_workspace(self.project, contents),
            *parts,
            package_states(self.path),
            platform.node(),
            sorted(pair for pair in os.environ.items() if pair[0].startswith(VARIABLES)),
        ]
        key = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]
        return cache_root() / "proofs" / f"{key}.json"


def compile_cache() -> str:
    """Return the folder of the kernels that torch has compiled, which all runs share."""
    try:
        user = getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return os.environ.get(COMPILED, f"{gettempdir()}/torchinductor_{user}")


def state_of(directory: Path, override: str) -> tuple[int, int] | None:
    """Return size and time of the file or folder that an override names, None if it names none."""
    try:
        status = (directory / path_in(override)).stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def path_in(override: str) -> str:
    """Return the value of an override, without quotes."""
    return override.partition("=")[2].strip("'\"")


def with_absolute_path(override: str, project: Path, run: Run) -> str:
    """Return an override whose path leads to the same file in a copy of the project.

    Args:
        override: the override; a relative path that leaves the project is made absolute.
        project: the folder of the project.
        run: the run that it belongs to.
    """
    root, value = project.resolve(), path_in(override)
    path = Path(os.path.normpath(root / run.directory / value))
    if not value.startswith("../") or path.is_relative_to(root) or not path.exists():
        return override
    return f"{override.partition('=')[0]}='{path}'"


def installed(path: Sequence[str]) -> dict[str, str]:
    """Return the version of each package in the folders that an interpreter searches."""
    found: dict[str, str] = {}
    for each in distributions(path=[*path]):
        found.setdefault(each.metadata["Name"], each.version)
    return dict(sorted(found.items()))


def package_states(path: Sequence[str]) -> dict[str, list[object]]:
    """Return version, origin and edited files of each package that an interpreter finds."""
    found: dict[str, list[object]] = {}
    for each in distributions(path=[*path]):
        origin = json.loads(each.read_text("direct_url.json") or "{}")
        state = [each.version, origin, *_edited_files(origin)]
        found.setdefault(each.metadata["Name"], state)
    return dict(sorted(found.items()))


def _edited_files(origin: Mapping[str, Any]) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of each source of an editable package."""
    if not origin.get("dir_info", {}).get("editable"):
        return
    folder = Path(url2pathname(urlsplit(origin["url"]).path))
    for path in sources(folder) if folder.is_dir() else ():
        status = (folder / path).stat()
        yield path, status.st_size, status.st_mtime_ns
