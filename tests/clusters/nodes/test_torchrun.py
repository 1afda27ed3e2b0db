"""A training on two nodes: one run folder, one log; SIGTERM, and a worker that is killed."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from tests.helpers.nodes import TRAIN, Nodes, outputs, two_nodes
from tests.helpers.tree import RUN_FILES

pytestmark = pytest.mark.clusters

ON_TWO = (
    *(TRAIN, "task=nlp/language_modeling", "experiment=smoke", "trainer=ddp"),
    *("trainer.accelerator=cpu", "trainer.devices=1", "trainer.num_nodes=2"),
    *("trainer.max_epochs=1", "trainer.limit_val_batches=2", "training.batch_size=4"),
    *("hydra.run.dir=run", "callbacks.autosave.minutes=60"),
)
SHORT = ("trainer.limit_train_batches=4",)
LONG = ("trainer.limit_train_batches=null", "trainer.max_epochs=200")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with two_nodes() as nodes:
        yield nodes


def wait_for_training(log: Path, timeout_s: float = 120) -> None:
    """Wait until a run has trained some steps."""
    end = time.monotonic() + timeout_s
    while "training starts" not in (log.read_text() if log.is_file() else ""):
        assert time.monotonic() < end, "no step was trained"
        time.sleep(0.5)
    time.sleep(5)


def workers(process: int) -> list[int]:
    """Return the processes that torchrun has started, whose process id is given."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    children = [int(child) for child in listed]
    commands = {child: Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return [child for child, command in commands.items() if TRAIN.name in command]


def test_two_nodes_have_one_run_folder_and_one_log(nodes: Nodes, project: Path) -> None:
    found = outputs([nodes.start(node, project, *ON_TWO, *SHORT) for node in (0, 1)])
    assert {path.name for path in project.iterdir()} == {"run"}, found
    names = {path.name for path in (project / "run").iterdir()}
    assert names == RUN_FILES - {"train.log"} | {f"{TRAIN.name}.log"}
    assert [output.count("Run folder:") for output in found] == [1, 0]
    manifest = yaml.safe_load((project / "run/manifest.yaml").read_text())
    assert manifest["status"] == "finished"
    content = torch.load(project / "run/checkpoints/last.ckpt", weights_only=True)
    assert content["global_step"] == 4
    assert len(content["exact_resume"]) == 2, "a state for each rank"


@pytest.mark.parametrize("node", [0, 1])
def test_sigterm_on_a_node_saves_and_ends_the_run(node: int, nodes: Nodes, project: Path) -> None:
    started = [nodes.start(each, project, *ON_TWO, *LONG) for each in (0, 1)]
    wait_for_training(project / f"run/{TRAIN.name}.log")
    os.kill(started[node].pid, signal.SIGTERM)
    found = outputs(started)
    manifest = yaml.safe_load((project / "run/manifest.yaml").read_text())
    assert manifest["status"] == "interrupted", found
    steps = torch.load(project / "run/checkpoints/last.ckpt", weights_only=True)["global_step"]
    assert steps > 0
    limit = f"trainer.max_steps={steps + 2}"
    outputs([nodes.start(e, project, *ON_TWO, *LONG, "resume=auto", limit) for e in (0, 1)])
    resumed = torch.load(project / "run/checkpoints/last.ckpt", weights_only=True)
    assert resumed["global_step"] == steps + 2


@pytest.mark.parametrize("node", [0, 1])
def test_a_killed_worker_ends_the_run_with_one_line(node: int, nodes: Nodes, project: Path) -> None:
    started = [nodes.start(each, project, *ON_TWO, *LONG) for each in (0, 1)]
    wait_for_training(project / f"run/{TRAIN.name}.log")
    (victim,) = workers(started[node].pid)
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    found = outputs(started)
    assert time.monotonic() - killed < 60
    assert all(process.returncode for process in started)
    line = f"error: rank {node} does not respond"
    assert [output.count(line) for output in found] == [int(node == 1), int(node == 0)], found
    assert found[1 - node].count("error: ") == 1
