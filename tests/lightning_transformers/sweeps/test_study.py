"""A study that is killed and continued, at any write, equals one that was not."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.sweeps.study import Study
from tests.helpers.slow import sampled
from tests.helpers.studies import LIMIT, facts, score, start, work

SPACE = {
    "lr": FloatDistribution(0.01, 1.0, log=True),
    "layers": IntDistribution(1, 3),
    "name": CategoricalDistribution(["a", None, True, 2]),
}
EVERY = os.environ.get("LTSCAFFOLD_EVERY_KILL") == "1"


@pytest.mark.parametrize("sampler", sampled(["tpe", "random"], ["tpe"]))
def test_a_killed_study_equals_one_that_was_not(tmp_path: Path, sampler: str) -> None:
    work(tmp_path / "whole", SPACE, sampler=sampler)
    expected = facts(tmp_path / "whole")
    assert [fact[1] for fact in expected] == [TrialState.COMPLETE] * LIMIT
    writes = len((tmp_path / "whole/study.journal").read_text().splitlines())
    killed = 0
    for kill_at in range(1, writes, 1 if EVERY else 7):
        folder = tmp_path / str(kill_at)
        killed += start(folder, SPACE, kill_at=kill_at, sampler=sampler) == -signal.SIGKILL
        assert start(folder, SPACE, sampler=sampler) == 0
        assert facts(folder) == expected
    assert killed > writes / (2 if EVERY else 14)


def test_another_seed_gives_other_trials(tmp_path: Path) -> None:
    for seed in (0, 1):
        work(tmp_path / str(seed), SPACE, seed=seed)
    assert facts(tmp_path / "0")[0] != facts(tmp_path / "1")[0]


def test_a_study_can_be_extended(tmp_path: Path) -> None:
    work(tmp_path / "whole", SPACE)
    work(tmp_path / "parts", SPACE, limit=3)
    assert len(facts(tmp_path / "parts")) == 3
    work(tmp_path / "parts", SPACE)
    assert facts(tmp_path / "parts") == facts(tmp_path / "whole")


def test_several_processes_lose_and_double_no_trial(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(tmp_path, SPACE, 24)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = facts(tmp_path)
    assert [fact[:2] for fact in found] == [(n, TrialState.COMPLETE) for n in range(24)]
    assert len({str(fact[2]) for fact in found}) == 24
    assert not list((tmp_path / "workers").iterdir())


def test_a_trial_of_a_process_that_lives_is_left_to_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    asked, go_on = context.Event(), context.Event()

    def slow() -> None:
        with Study(tmp_path, SPACE) as study:
            trial = study.ask(2)
            assert trial is not None
            asked.set()
            go_on.wait()
            study.tell(trial.number, score(trial.params))

    other = context.Process(target=slow)
    other.start()
    asked.wait()
    work(tmp_path, SPACE, 2)
    assert [fact[1] for fact in facts(tmp_path)] == [TrialState.RUNNING, TrialState.COMPLETE]
    other.kill()
    other.join()
    with Study(tmp_path, SPACE) as study:
        left = study.ask(2)
        assert left is not None
        assert (left.number, left.resumes) == (0, True)


def test_a_grid_has_each_combination_once(tmp_path: Path) -> None:
    space = {"a": CategoricalDistribution(["x", "y"]), "b": FloatDistribution(0.1, 0.3, step=0.1)}
    with Study(tmp_path, space, sampler="grid") as study:
        found = []
        while trial := study.ask(None):
            found.append(tuple(trial.params.values()))
            study.tell(trial.number, 1.0)
    assert found == [(a, b) for a in "xy" for b in (0.1, 0.2, 0.3)]


def test_a_space_without_new_values_ends_the_study(tmp_path: Path) -> None:
    space = SPACE | {"lr": FloatDistribution(0.1, 0.2, step=0.1), "layers": IntDistribution(1, 2)}
    work(tmp_path, space, limit=100)
    assert len(facts(tmp_path)) == 2 * 2 * 4


def test_a_grid_of_real_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lr is an interval of real numbers, which a grid"):
        Study(tmp_path, SPACE, sampler="grid")


def test_failed_and_pruned_trials_count(tmp_path: Path) -> None:
    with Study(tmp_path, SPACE, pruner="median") as study:
        first, second = study.ask(2), study.ask(2)
        assert first is not None
        assert second is not None
        study.tell(first.number, None)
        trial = study.study.get_trials()[second.number]
        study.study._storage.set_trial_user_attr(trial._trial_id, "pruned", True)
        study.tell(second.number, 0.5)
        assert study.counts() == {"pruned": 1, "fail": 1}
        assert study.best() is None
        assert study.ask(2) is None
