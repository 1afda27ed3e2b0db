"""A sweep with Hydra's launcher for Ray, which hands config and task function to its workers."""

import os
import subprocess
from pathlib import Path

import pytest

from build_tools.release_templates import ROOT
from lightning_transformers.base.run_folder import MANIFEST, read_manifest
from tests.helpers.projects import new_task
from tests.helpers.venvs import python_with

pytestmark = pytest.mark.clusters

ENVIRONMENT = {
    "PYTHONPATH": str(ROOT / "scaffold"),
    "RAY_worker_niceness": "0",  # its workers have the lowest priority
    "RAY_AUTH_MODE": "disabled",  # no token in the user's home
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python with the launcher, its older cloudpickle, and the packages of this one."""
    return python_with(tmp_path_factory.mktemp("ray"), "hydra-ray-launcher")


def test_a_sweep_runs_in_the_workers_of_ray(python: Path, project: Path) -> None:
    new_task(project, "mine", "text_classification")
    words = ("+task=nlp/mine", "experiment=smoke", "trainer.max_steps=2", "training.seed=1,2")
    launcher = ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2", "hydra.sweep.dir=ray")
    done = subprocess.run(
        [python, "train.py", "-m", *words, *launcher],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifests = [read_manifest(project / "ray" / each / MANIFEST) for each in "01"]
    assert [manifest["status"] for manifest in manifests] == ["finished", "finished"]
    assert [manifest["seeds"]["training"] for manifest in manifests] == [1, 2]
