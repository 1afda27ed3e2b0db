"""Processes that work on a study of Optuna, with a function in place of the training."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from lightning_transformers.sweeps.space import Space
from lightning_transformers.sweeps.study import Study, load_study

LIMIT = 8


def work(folder: Path, space: Space, limit: int = LIMIT, **settings: Any) -> None:
    """Run the trials of a study until it has `limit`; the score depends on the values alone."""
    with Study(folder, space, **settings) as study:
        while trial := study.ask(limit):
            study.tell(trial.number, score(trial.params))


def score(params: dict[str, Any]) -> float:
    """Return a score of a trial."""
    return (params["lr"] - 0.3) ** 2 + params["layers"] + len(str(params["name"]))


def facts(folder: Path) -> list[tuple[object, ...]]:
    """Return number, state, values and score of all trials of a study."""
    found = load_study(folder, "minimize", None).get_trials()
    return [(trial.number, trial.state, trial.params, trial.value) for trial in found]


def start(*arguments: Any, kill_at: int | None = None, **settings: Any) -> int | None:
    """Run `work` in a process of its own, and return its exit status.

    Args:
        arguments: those of `work`.
        kill_at: number of the write to the journal at which the process is killed; None: never.
        settings: those of `work`.
    """
    process = multiprocessing.get_context("fork").Process(
        target=_work, args=arguments, kwargs={"kill_at": kill_at, **settings}
    )
    process.start()
    process.join()
    return process.exitcode


def _work(*arguments: Any, kill_at: int | None, **settings: Any) -> None:
    writes, append = 0, JournalFileBackend.append_logs

    def append_and_count(self: JournalFileBackend, logs: list[dict[str, Any]]) -> None:
        nonlocal writes
        if writes == kill_at:
            # Half of the line, as a disk that is full or a kill at the wrong moment leaves it.
            with Path(self._file_path).open("ab") as file:
                file.write(b'{"op_code"')
                file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        writes += 1
        append(self, logs)

    JournalFileBackend.append_logs = append_and_count  # type: ignore[method-assign]
    work(*arguments, **settings)
