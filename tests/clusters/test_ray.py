"""A sweep with Hydra's launcher for Ray, whose workers pickle the config that they have."""

import subprocess
import sys
from pathlib import Path

import pytest

from lightning_transformers.base.run_folder import MANIFEST, read_manifest
from tests.helpers.projects import new_task

pytestmark = pytest.mark.clusters


def test_a_sweep_runs_in_the_workers_of_ray(project: Path) -> None:
    pytest.importorskip("ray", reason="no Ray: pip install hydra-ray-launcher")
    new_task(project, "mine", "text_classification")
    words = ("+task=nlp/mine", "experiment=smoke", "trainer.max_steps=2", "training.seed=1,2")
    launcher = ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2", "hydra.sweep.dir=ray")
    done = subprocess.run(
        [sys.executable, "train.py", "-m", *words, *launcher], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [read_manifest(project / "ray" / each / MANIFEST)["status"] for each in "01"] == [
        "finished",
        "finished",
    ]
