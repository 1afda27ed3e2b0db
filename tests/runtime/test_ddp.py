"""Freezing on two processes (gloo)."""

import pytest

from release_templates import ROOT
from tests.conftest import Run


@pytest.mark.parametrize(
    ("hook", "trains", "message"),
    [("setup", True, "ranks agree"), ("on_fit_start", False, "unfrozen in on_fit_start")],
)
def test_freezing_in(hook: str, trains: bool, message: str, run: Run) -> None:
    done = run("python", "-m", "tests.runtime.ddp_example", hook, PYTHONPATH=str(ROOT))
    # After an error gloo may abort as the processes end: the status is 1 or that of a signal.
    assert (done.returncode == 0) == trains, done.stderr
    assert message in done.stdout + done.stderr
