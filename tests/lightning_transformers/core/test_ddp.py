"""Freezing and recipes on two ranks (gloo)."""

import pytest

from tests.conftest import Run
from tests.helpers.python_path import PATHS
from tests.helpers.rendered import suitable
from tests.helpers.slow import sampled

TWO_RANKS = ("python", "-m", "tests.helpers.ranks")


@pytest.mark.parametrize(
    ("hook", "trains", "message"),
    [("setup", True, "ranks agree"), ("on_fit_start", False, "unfrozen in on_fit_start")],
)
def test_freezing_in(hook: str, trains: bool, message: str, run: Run) -> None:
    done = run(*TWO_RANKS, "tests.helpers.ddp_example", hook, PYTHONPATH=PATHS)
    # After an error gloo may abort on exit: the status is 1 or that of a signal.
    assert (done.returncode == 0) == trains, done.stderr
    assert message in done.stdout + done.stderr


FREEZING = {"freeze_backbone", "freeze_embeddings", "lora"}
EVERY = suitable("language_modeling")


@pytest.mark.parametrize(
    "recipes",
    sampled([EVERY, [r for r in EVERY if r not in FREEZING]], [EVERY]),
    ids=["all", "nothing frozen"],
)
def test_ranks_agree_after_training_with(recipes: list[str], run: Run) -> None:
    done = run(*TWO_RANKS, "tests.helpers.ddp_recipes", *recipes, PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ranks agree") == 2
