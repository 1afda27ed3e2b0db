"""The lock of a run folder is that of a process, and ends with it."""

import os
import signal
import time
from pathlib import Path

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_lock import LOCK, is_locked, run_lock
from tests.conftest import Run


def test_a_second_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    child = os.fork()
    if child == 0:
        with run_lock(folder):
            time.sleep(60)
    while not (folder / LOCK).is_file() or not (folder / LOCK).read_text():
        time.sleep(0.01)
    assert is_locked(folder)
    with pytest.raises(
        ConfigurationError, match=f"is in use by process {child} on .*: wait for it"
    ):
        run_lock(folder).__enter__()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not is_locked(folder)
    with run_lock(folder):
        assert f"process {os.getpid()} " in (folder / LOCK).read_text()
    assert list(folder.iterdir()) == []


def test_a_refused_command_leaves_the_config_of_the_run(project: Path, run: Run) -> None:
    (project / "run/.hydra").mkdir(parents=True)
    (project / "run/.hydra/overrides.yaml").write_text("- theirs\n")
    command = ("pl-transformers-train", "task=nlp/language_modeling", "experiment=smoke")
    with run_lock(project / "run"):
        done = run(*command, "hydra.run.dir=run")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: run is in use by process {os.getpid()} on ")
    assert (project / "run/.hydra/overrides.yaml").read_text() == "- theirs\n"
    assert [path.name for path in (project / "run/.hydra").iterdir()] == ["overrides.yaml"]
