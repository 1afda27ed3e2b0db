"""Freezing on two processes (gloo)."""

import pytest

from release_templates import ROOT
from tests.conftest import Run


@pytest.mark.parametrize(
    ("hook", "status", "message"),
    [("setup", 0, "ranks agree"), ("on_fit_start", 1, "frozen or unfrozen in on_fit_start")],
)
def test_freezing_in(hook: str, status: int, message: str, run: Run) -> None:
    done = run("python", "-m", "tests.runtime.ddp_example", hook, PYTHONPATH=str(ROOT))
    assert done.returncode == status, done.stderr
    assert message in done.stdout + done.stderr
