"""Processes that `srun` starts have the variables of torchrun, and the others keep theirs."""

import os
import socket

import pytest

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.processes.srun import first_node, host_store, join_step

STEP = {
    **{"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NODELIST": "n[3-4]"},
    **{"SLURM_STEP_TASKS_PER_NODE": "2(x2)", "SLURM_GTIDS": "2,3", "SLURM_STEP_ID": "0"},
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


def test_steps_of_a_job_do_not_meet() -> None:
    os.environ.update(STEP | {"SLURM_STEP_ID": "1"})
    join_step()
    assert os.environ["MASTER_PORT"] == "24453"
    assert os.environ["TORCHELASTIC_RUN_ID"] == "slurm-123456.1"


def start_rank_zero(port: int) -> None:
    first = {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_GTIDS": "0,1"}
    os.environ.update(STEP | first | {"MASTER_PORT": str(port), "MASTER_ADDR": "localhost"})
    host_store.cache_clear()
    join_step()


def test_rank_zero_hosts_the_store_of_the_others() -> None:
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    start_rank_zero(port)
    socket.create_connection(("localhost", port), timeout=5).close()


def test_a_port_in_use_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} of .* is in use: set MASTER"):
            start_rank_zero(port)


@pytest.mark.parametrize(
    "changed",
    [{"SLURM_STEP_NUM_TASKS": "1"}, {"TORCHELASTIC_RUN_ID": "of srun torchrun"}],
)
def test_a_single_process_and_those_of_torchrun_stay_as_they_are(changed: dict[str, str]) -> None:
    os.environ.update(STEP | changed)
    join_step()
    assert "RANK" not in os.environ


def test_one_process_a_node_may_be_of_a_cyclic_step() -> None:
    one = {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_GTIDS": "1"}
    os.environ.update(STEP | one | {"SLURM_PROCID": "1", "SLURM_DISTRIBUTION": "cyclic"})
    join_step()
    assert os.environ["LOCAL_WORLD_SIZE"] == "1"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"SLURM_STEP_TASKS_PER_NODE": "3,1"}, "srun started 4 processes on 2 nodes: give each"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2,1(x2)"}, "give each node the same number"),
        ({"SLURM_GTIDS": "1,3"}, "gave node 1 the ranks 1,3, .*: give srun --distribution=block"),
    ],
)
def test_other_layouts_are_one_line(changed: dict[str, str], line: str) -> None:
    os.environ.update(STEP | changed)
    with pytest.raises(ConfigurationError, match=line):
        join_step()
