"""Processes that `srun` starts have the variables of torchrun, and the others keep theirs."""

import os
import socket

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.processes.srun import first_node, join_step

STEP = {
    **{"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NODELIST": "n[3-4]"},
    **{"SLURM_JOB_ID": "123456", "SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_NODEID": "1"},
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the environment after a test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node1", "node1"),
        ("gpu[03-07,9],login", "gpu03"),
        ("a,b[1-2]", "a"),
        ("r[1-2]-n3", "r1-n3"),
    ],
)
def test_the_first_of_a_list_of_nodes(nodes: str, first: str) -> None:
    assert first_node(nodes) == first


def test_a_step_of_several_processes_is_one_run() -> None:
    os.environ.update(STEP)
    join_step()
    assert {name: os.environ[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")} == {
        "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1",
    }  # fmt: skip
    assert (os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]) == ("n3", "23456")
    assert os.environ["LOCAL_WORLD_SIZE"] == "2"


def test_rank_zero_hosts_the_store_of_the_others() -> None:
    with socket.socket() as free:
        free.bind(("", 0))
        port = str(free.getsockname()[1])
    os.environ.update(STEP | {"SLURM_PROCID": "0", "MASTER_PORT": port, "MASTER_ADDR": "localhost"})
    join_step()
    socket.create_connection(("localhost", int(port)), timeout=5).close()


@pytest.mark.parametrize(
    "changed",
    [{"SLURM_STEP_NUM_TASKS": "1"}, {"TORCHELASTIC_RUN_ID": "of srun torchrun"}],
)
def test_a_single_process_and_those_of_torchrun_stay_as_they_are(changed: dict[str, str]) -> None:
    os.environ.update(STEP | changed)
    join_step()
    assert "RANK" not in os.environ


def test_uneven_steps_are_one_line() -> None:
    os.environ.update(STEP | {"SLURM_STEP_NUM_TASKS": "3"})
    with pytest.raises(ConfigurationError, match="srun started 3 processes on 2 nodes: give each"):
        join_step()
