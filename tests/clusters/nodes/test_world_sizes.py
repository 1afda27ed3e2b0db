"""A run that resumes on other numbers of ranks has the same rows and losses in each step."""

import re

import pytest

from build_tools.release_templates import ROOT
from tests.conftest import Run
from tests.helpers.python_path import PATHS

STEPS = 12
"""Of 8 rows; an epoch has five, the last with 5 rows."""

pytestmark = pytest.mark.clusters


def losses(run: Run, ranks: int, *arguments: object) -> tuple[dict[int, float], str]:
    """Return the loss of each step of a run on some ranks, and its output."""
    torchrun = ("torchrun", "--standalone", "--nproc-per-node", ranks)
    script = ROOT / "tests/helpers/world_sizes.py"
    done = run("timeout", "300", *torchrun, script, *arguments, PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^step (\d+) (\S+)$", done.stdout, re.MULTILINE)
    return {int(step): float(loss) for step, loss in found}, done.stdout + done.stderr


def test_losses_are_those_of_one_run_on_two_then_one_then_four_ranks(run: Run) -> None:
    """The second resume begins within a step, whose gradients all ranks share."""
    whole, _ = losses(run, 2, "ddp", 4, 1, STEPS)
    assert [*whole] == [*range(1, STEPS + 1)]
    assert len({round(loss, 6) for loss in whole.values()}) == STEPS
    one, output = losses(run, 1, "ddp", 4, 2, 7, "at-4.ckpt")
    assert "resuming on 1 ranks a run of 2: the rows of each step are the same" in output
    assert [*one] == [5, 6, 7]
    four, _ = losses(run, 4, "ddp", 1, 2, STEPS, "within.ckpt")
    assert [*four] == [*range(7, STEPS + 1)]
    for step, loss in [*one.items(), *[pair for pair in four.items() if pair[0] > 7]]:
        assert loss == pytest.approx(whole[step], abs=1e-6), step
