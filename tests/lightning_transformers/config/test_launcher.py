"""Processes and environment variables after a job with processes started by Lightning."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from omegaconf import OmegaConf

from lightning_transformers.config import launcher
from lightning_transformers.config.exit_status import is_interrupt
from lightning_transformers.config.launcher import JOB_FILE, launch_scope

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return a function that starts a process as Lightning does, with variables and a watch."""
    monkeypatch.setattr(launcher, "TIMEOUT_S", 1.0)

    def start(code: str) -> subprocess.Popen[bytes]:
        os.environ.update(LOCAL_RANK="0", WORLD_SIZE="2", MASTER_PORT="12345")
        process = subprocess.Popen([sys.executable, "-c", code])
        _ChildProcessObserver(os.getpid(), [process], sleep_period=60).start()
        return process

    return start


def ends(error: BaseException, begin: Callable[[], subprocess.Popen[bytes]]) -> int:
    """Return the exit status of a process of a job that ends with an error in the first one."""
    begun = []
    with suppress(type(error)), launch_scope():
        begun.append(begin())
        raise error
    return int(begun[0].returncode)


def test_the_others_have_the_times_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `${now:%H-%M-%S}`, which a config composed anew has another second of."""
    setup_globals()
    config = OmegaConf.create({"name": "${now:%f}", "later": "${name}", "run": "${hydra:job.num}"})
    hydra_config = OmegaConf.structured({"hydra": HydraConf()})
    hydra_config.hydra.job.num = 3
    monkeypatch.setattr(HydraConfig.instance(), "cfg", hydra_config)
    with launcher.share_job(config):
        handed = Path(os.environ[JOB_FILE]).read_bytes()
    with launcher._hydra_state(handed) as taken:
        assert taken.later == config.name
        assert taken.run == 3
        assert taken is not config
    assert OmegaConf.create({"name": "${now:%f}"}).name != config.name
    assert JOB_FILE not in os.environ


def test_configs_are_handed_over_without_classes_that_pickle_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those of Hydra's plugins in a worker of Ray, which imports their modules twice."""

    @dataclass
    class Settings:
        number: int = 7

    hydra_config = OmegaConf.structured({"hydra": {"job": Settings()}})
    with pytest.raises(AttributeError, match="Settings"):
        pickle.dumps(hydra_config)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", hydra_config)
    with launcher.share_job(OmegaConf.create({"trainer": Settings()})):
        _, (config, _) = pickle.loads(Path(os.environ[JOB_FILE]).read_bytes())
    assert config == {"trainer": {"number": 7}}


def test_environment_and_processes_are_as_before(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASTER_PORT", "1")
    with launch_scope():
        process = start("")
    assert process.returncode == 0
    assert os.environ["MASTER_PORT"] == "1"
    assert not {"LOCAL_RANK", "WORLD_SIZE"} & os.environ.keys()


def test_failure_of_another_process_is_an_error(start: Start) -> None:
    with (
        pytest.raises(RuntimeError, match="process 1 of the run ended with status 7"),
        launch_scope(),
    ):
        start("raise SystemExit(7)")


def test_process_that_does_not_end_is_killed(start: Start) -> None:
    with (
        pytest.raises(RuntimeError, match="process 1 of the run ended with status -9"),
        launch_scope(),
    ):
        start("import time; time.sleep(60)")


def test_processes_end_with_the_first_that_fails(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "TIMEOUT_S", 60.0)
    assert ends(ZeroDivisionError(), lambda: start("import time; time.sleep(60)")) == -9


def test_processes_have_time_to_end_in_order(start: Start) -> None:
    assert ends(SystemExit(), lambda: start("import time; time.sleep(0.3)")) == 0


def test_ctrl_c_is_known_behind_other_errors() -> None:
    """Lightning exits with status 1; an interrupted `torch.save` complains of its file."""
    error = RuntimeError("unexpected pos")
    error.__context__ = KeyboardInterrupt()
    assert is_interrupt(error)
    assert not is_interrupt(RuntimeError())
