"""Setup of all tests: no network, private caches, and projects to work in."""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import warm
from tests.helpers.json_output import check_output

CACHE = tempfile.mkdtemp(prefix="ltscaffold-tests-")
ISOLATED = {
    "XDG_STATE_HOME": f"{CACHE}/state",
    "XDG_CACHE_HOME": CACHE,
    "XDG_CONFIG_HOME": f"{CACHE}/config",
    "COPIER_CACHE_DIR": f"{CACHE}/copier",
    "HF_HOME": f"{CACHE}/huggingface",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # A process that is forked off has no threads of its parent's, and would wait for them.
    "OMP_NUM_THREADS": "1",
    "GIT_AUTHOR_NAME": "A. User",
    "GIT_AUTHOR_EMAIL": "user@example.org",
    "GIT_COMMITTER_NAME": "A. User",
    "GIT_COMMITTER_EMAIL": "user@example.org",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}
# Before any import of the tests: some libraries read these once.
os.environ.update(ISOLATED)
gc.disable()  # no imported module is garbage: until all are loaded, collections cost two seconds

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(optionalhook=True)  # for -p no:xdist
def pytest_xdist_auto_num_workers() -> int:
    """Return three workers for two cores: a third of the time, a worker waits for a command."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_finish() -> None:
    """Collect garbage from here on, but seldom, and not among what was imported."""
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


@pytest.fixture(autouse=True)
def no_former_run() -> Iterator[None]:
    """Forget Hydra's run after a test: a later one would read its paths from that run's folder."""
    yield
    if module := sys.modules.get("hydra.core.hydra_config"):
        module.HydraConfig.instance().cfg = None


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the working directory."""
    folder = tmp_path / "my-project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(project: Path) -> Run:
    """Return a function that runs a command in the project and returns what it did.

    The output of `--json` must match its published schema.
    """

    def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
        done = warm.run(command, project, os.environ | environment)
        if command[0] == "ltscaffold" and "--json" in command and done.stdout:
            check_output([*map(str, command[1:])], done.stdout)
        return done

    return run
