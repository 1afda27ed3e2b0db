"""Resuming a killed run is bit-exact; `benchmarks/resume.py` kills at every step."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lightning_transformers.training import resume
from tests.conftest import Run
from tests.helpers.python_path import PATHS
from tests.helpers.resume_runs import BATCHES, Case, differences, killed_and_resumed, uninterrupted
from tests.helpers.slow import sampled

RECIPES = ("weight_noise", "ema_weights", "gradual_unfreezing")
OWN = {"every": BATCHES, "own_hooks": True}
CASES = {
    "map, random masks, 2 workers, mid-step": (Case("map", workers=2, accumulate=3), 13),
    "images, random transforms, 2 workers": (Case("images", workers=2), 13),
    "packed, recipes, mid-step": (Case("packed", accumulate=3, recipes=RECIPES), 21),
    "stream": (Case("streaming"), 8),
    "stream of images, random transforms": (Case("image stream"), 19),
    "stream of images, random transforms, 2 workers": (Case("image stream", workers=2), 19),
    "stream of several shards, 2 workers, mid-step": (Case("shards", workers=2, accumulate=3), 19),
    "SIGTERM, mid-step": (Case("packed", accumulate=3, told=True), 13),
    "SIGTERM, before a validation": (Case("packed", told=True, at="validation"), 4),
    "SIGTERM, before the last validation": (
        Case("packed", told=True, at="validation", every=BATCHES, by_steps=True),
        2 * BATCHES - 1,
    ),
    "SIGTERM, in a validation": (Case("packed", told=True, in_validation=True), 0),
    "validation, mid-step": (Case("packed", accumulate=3, at="validation"), 7),
    "batch before a validation": (Case("packed", validates=True), 8),
    "own hooks, mid-step": (Case("packed", accumulate=3, own_hooks=True), 13),
    "overfitting": (Case("packed", arguments={"overfit_batches": BATCHES}), 8),
    "batches in a step by epoch": (Case("packed", scheduled=True), 19),
    "manual optimization, mid-step": (Case("packed", manual=True), 8),
    "schedule by a metric, last validation of an epoch": (
        Case("packed", at="validation", every=BATCHES, plateau=True),
        17,
    ),
    "schedule by a metric, mid-epoch": (Case("packed", plateau=True), 8),
    "last batch of an epoch": (Case("packed", **OWN), 17),
    "last batch of an epoch of a stream": (Case("streaming", **OWN), 17),
    "last validation of an epoch": (Case("packed", at="validation", **OWN), 17),
    "end of an epoch": (Case("packed", at="epoch", **OWN), 17),
    "end of an epoch of a stream": (Case("streaming", at="epoch", **OWN), 17),
    "end of an epoch, max_steps": (Case("packed", at="epoch", by_steps=True, **OWN), 17),
    "in the write": (Case("packed", in_write=True), 8),
    "in the write, in the background": (Case("packed", in_write=True, background=True), 8),
    "in the background, mid-step": (
        Case("packed", accumulate=3, recipes=RECIPES, background=True),
        21,
    ),
    "SIGTERM, in the background": (Case("packed", told=True, background=True), 8),
}


SAMPLE = {
    "map, random masks, 2 workers, mid-step",
    "packed, recipes, mid-step",
    "stream of images, random transforms, 2 workers",
    "SIGTERM, in a validation",
    "own hooks, mid-step",
    "in the write, in the background",
}


@pytest.mark.parametrize("name", sampled(CASES, SAMPLE))
def test_killed_run_ends_as_the_one_that_was_not(name: str, tmp_path: Path) -> None:
    case, kill_at = CASES[name]
    expected = uninterrupted(case, tmp_path / "whole")
    assert not differences(killed_and_resumed(case, tmp_path / "killed", kill_at), expected)


@pytest.mark.slow  # it runs nothing of this project
def test_plain_loader_goes_on_with_other_samples(tmp_path: Path) -> None:
    case = Case("packed", plain=True)
    expected = uninterrupted(case, tmp_path / "whole")
    found = differences(killed_and_resumed(case, tmp_path / "killed", 8), expected)
    assert found == ["order of the samples", "parameters", "optimizer", "validations"]


def test_two_processes_go_on_as_they_would_have(run: Run) -> None:
    done = run("python", "-m", "tests.helpers.ranks", "tests.helpers.ddp_resume", PYTHONPATH=PATHS)
    assert done.returncode == 0, done.stderr
    # Both ranks print, possibly on one line.
    assert done.stdout.count("ddp: equal") == 2, done.stdout
    assert done.stdout.count("sharded: equal") == 2, done.stdout


@pytest.mark.parametrize(("rank", "loss"), [(0, 0.0), (1, 1.0), (2, 0.0)])
def test_each_rank_has_its_own_unlogged_loss(
    rank: int, loss: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rank that the checkpoint lacks takes the state of another."""
    monkeypatch.setattr(resume, "restore_logged_metrics", lambda trainer, metrics: None)
    states = [{"unlogged_loss": torch.tensor(float(saved))} for saved in range(2)]
    task: Any = SimpleNamespace(
        trainer=SimpleNamespace(global_rank=rank), device=torch.device("cpu")
    )
    resume.restore_results(task, states)
    assert task.unlogged_loss == loss


def test_gradients_of_a_step_are_averaged_for_another_number_of_ranks() -> None:
    parameter, rare = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))
    totals: list[float] = []
    task: Any = SimpleNamespace(
        trainer=SimpleNamespace(world_size=1, global_rank=0, callbacks=[]),
        named_parameters=lambda: [("weight", parameter), ("rare", rare)],
        weighting=SimpleNamespace(resume_step=lambda total, *_: totals.append(total)),
        device=torch.device("cpu"),
    )
    before = torch.get_rng_state()
    parts = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])]
    states: list[Any] = [
        {"random": {}, "gradients": {"weight": part}, "targets": 5.0} for part in parts
    ]
    states[1]["gradients"]["rare"] = torch.ones(2)
    resume.restore_state(task, states)
    assert parameter.grad is not None
    assert parameter.grad.tolist() == [2.0, 4.0]
    assert rare.grad is not None
    assert rare.grad.tolist() == [0.5, 0.5], "the other rank had no gradient"
    assert totals == [5.0]
    assert torch.equal(torch.get_rng_state(), before)
