"""The lock of a run folder is that of a process, and ends with it."""

import os
import signal
import time
from pathlib import Path

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_lock import LOCK, is_locked, run_lock


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
