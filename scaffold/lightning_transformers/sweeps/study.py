"""The trials of a study: whose turn it is, with which values, and how each ended.

A study is a journal in a folder, which several processes share. All that it draws depends on its
seed and on the trials before, so a study that is killed at any point and continued by one process
equals one that was not. Who works on a trial holds a lock: without it, the trial is continued by
the next process that asks.
"""

import itertools
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import optuna
from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.run_lock import is_locked, run_lock
from lightning_transformers.base.seeding import seed_of
from lightning_transformers.sweeps.space import Space, Value, size, values

JOURNAL = "study.journal"
WORKERS = "workers"
NAME = "sweep"
ATTEMPTS = 20
"""How often to draw for values that no trial has tried, before combinations are enumerated."""
WORKER, PRUNED = "worker", "pruned"
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = (None, "median", "halving")
Direction: TypeAlias = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Trial:
    """A trial to run.

    Attributes:
        number: its number in the study, from 0.
        params: the value of each key.
        resumes: whether a process that is gone has begun it.
    """

    number: int
    params: dict[str, Value]
    resumes: bool


class JournalLock(JournalFileOpenLock):
    """Lock of a journal that the system releases if its process is killed, unlike Optuna's."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.lock = FileLock(f"{journal}.lock")

    def acquire(self) -> bool:
        """Wait for the lock, and remove the part of a line that a killed process has written."""
        self.lock.acquire()
        content = self.journal.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(self.journal, content.rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Release the lock."""
        self.lock.release()


def load_study(folder: Path, direction: Direction, pruner: str | None) -> optuna.Study:
    """Open the study in a folder, or create it.

    Args:
        folder: the folder.
        direction: "minimize" or "maximize".
        pruner: one of `PRUNERS`.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / JOURNAL
    storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=JournalLock(journal)))
    pruners = {
        "median": optuna.pruners.MedianPruner(n_startup_trials=4),
        "halving": optuna.pruners.SuccessiveHalvingPruner(),
        None: optuna.pruners.NopPruner(),
    }
    return optuna.create_study(
        storage=storage,
        study_name=NAME,
        direction=direction,
        pruner=pruners[pruner],
        load_if_exists=True,
    )


class Study:
    """A study, and this process as one of those that work on it: use it as a context manager.

    Args:
        folder: the folder of the study.
        space: what to sample from.
        sampler: one of `SAMPLERS`.
        seed: seed of the sampler.
        direction: "minimize" or "maximize".
        pruner: one of `PRUNERS`.

    Raises:
        ConfigurationError: if a grid has an interval of real numbers.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        *,
        sampler: str = "tpe",
        seed: int = 0,
        direction: Direction = "minimize",
        pruner: str | None = None,
    ) -> None:
        self.folder = folder
        self.space = space
        self.sampler = sampler
        self.seed = seed
        self.study = load_study(folder, direction, pruner)
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._held = ExitStack()
        if sampler == "grid" and (
            continuous := [k for k, each in space.items() if not values(each)]
        ):
            raise ConfigurationError(
                f"{continuous[0]} is an interval of real numbers, which a grid cannot enumerate: "
                "write its values with commas, or range(start,stop,step)"
            )

    def __enter__(self) -> "Study":
        self._held.enter_context(run_lock(self.folder / WORKERS / self.worker))
        return self

    def __exit__(self, *error: object) -> None:
        self._held.close()
        (self.folder / WORKERS / self.worker).rmdir()

    def ask(self, limit: int | None) -> Trial | None:
        """Return the next trial for this process, first one that a process left when it was killed.

        Args:
            limit: the number of trials of the study; None: as many as there are combinations.

        Returns:
            The trial; None if there are `limit`, or all combinations were tried.
        """
        with FileLock(self.folder / "ask.lock"):
            known = self.study.get_trials(deepcopy=False)
            for trial in known:
                if trial.state == TrialState.RUNNING and self._is_left(trial):
                    return self._take(trial, resumes=WORKER in trial.user_attrs)
            drawn = [trial for trial in known if trial.state != TrialState.WAITING]
            if len(drawn) >= min(size(self.space), float("inf") if limit is None else limit):
                return None
            if len(drawn) == len(known):
                params = self._draw(known)
                if params is None:
                    return None
                self.study.enqueue_trial(params)  # in one step: a kill leaves all values, or none
            number = self.study.ask(self.space).number
            return self._take(self.study.get_trials(deepcopy=False)[number], resumes=False)

    def _is_left(self, trial: FrozenTrial) -> bool:
        worker = trial.user_attrs.get(WORKER)
        return worker != self.worker and not (worker and is_locked(self.folder / WORKERS / worker))

    def _take(self, frozen: FrozenTrial, resumes: bool) -> Trial:
        trial = optuna.trial.Trial(self.study, frozen._trial_id)
        for name, distribution in self.space.items():
            trial._suggest(name, distribution)  # what a killed process had not stored yet
        trial.set_user_attr(WORKER, self.worker)
        return Trial(trial.number, trial.params, resumes)

    def _draw(self, known: list[FrozenTrial]) -> dict[str, Value] | None:
        """Return values that no trial has tried, None if there are none."""
        tried = [trial.params for trial in known]
        drawn = iter(()) if self.sampler == "grid" else self._drawn(known)
        candidates = itertools.chain(drawn, self._combinations())
        return next((params for params in candidates if params not in tried), None)

    def _combinations(self) -> Iterator[dict[str, Value]]:
        """Yield all combinations, none if a key has an interval of real numbers."""
        for row in itertools.product(*map(values, self.space.values())):
            yield dict(zip(self.space, row, strict=True))

    def _drawn(self, known: list[FrozenTrial]) -> Iterator[dict[str, Value]]:
        for attempt in range(ATTEMPTS):
            seed = seed_of(self.seed, len(known), attempt) % 2**32
            sampler = (
                optuna.samplers.TPESampler(seed=seed, constant_liar=True)
                if self.sampler == "tpe"
                else optuna.samplers.RandomSampler(seed=seed)
            )
            # A copy in memory: the journal gets all values of a trial at once.
            copy = optuna.create_study(direction=self.study.direction, sampler=sampler)
            copy.add_trials(known)
            yield copy.ask(self.space).params

    def tell(self, number: int, score: float | None) -> None:
        """Record how a trial has ended.

        Args:
            number: its number.
            score: its score; None if it has failed. A trial that reported to be pruned counts as
                pruned, with the last value it reported.
        """
        trial = self.study.get_trials(deepcopy=False)[number]
        if trial.user_attrs.get(PRUNED):
            self.study.tell(number, state=TrialState.PRUNED)
        elif score is None:
            self.study.tell(number, state=TrialState.FAIL)
        else:
            self.study.tell(number, score)

    def counts(self) -> dict[str, int]:
        """Return how many trials have ended, by state: complete, pruned, fail."""
        ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        found = [trial.state for trial in self.study.get_trials(deepcopy=False)]
        return {state.name.lower(): found.count(state) for state in ended if state in found}

    def best(self) -> FrozenTrial | None:
        """Return the complete trial with the best score, if there is one."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.study.best_trial if complete else None


def reporter(settings: dict[str, Any]) -> tuple[optuna.trial.Trial, str]:
    """Return the trial that the environment of a job names, and the metric to report to it.

    Args:
        settings: `folder`, `number`, `direction`, `pruner` and `monitor`.
    """
    study = load_study(Path(settings["folder"]), settings["direction"], settings["pruner"])
    frozen = study.get_trials(deepcopy=False)[settings["number"]]
    return optuna.trial.Trial(study, frozen._trial_id), settings["monitor"]
