"""Runs on two ranks over a stream of many files, and what holds wherever the files lie."""

import json
from pathlib import Path
from typing import Any

from tests.conftest import Run
from tests.helpers.python_path import PATHS

TRAIN = {
    f"train/{file}.txt": "".join(f"text {file} {row}\n" for row in range(3 + 2 * file))
    for file in range(5)
}
VALIDATION = "".join(f"row {number}\n" for number in range(9))
Found = list[dict[str, Any]]
"""The record of each rank, see `ddp_stream`."""


def read_on_two_ranks(
    run: Run, python: str, name: str, settings: dict[str, Any], **environment: str
) -> Found:
    """Train on two ranks, and return the rows that each has read.

    Args:
        run: runs a command in the project.
        python: the interpreter.
        name: `whole`, or `resumed` after it.
        settings: hyperparameters of the data.
        environment: variables of the command.
    """
    helpers = ("tests.helpers.ranks", "tests.helpers.ddp_stream")
    command = (python, "-m", *helpers, name, json.dumps(settings))
    done = run(*command, PYTHONPATH=PATHS, **environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(Path(f"{name}-{rank}.json").read_text()) for rank in range(2)]


def check_epochs(whole: Found) -> None:
    """Check that each rank has files of its own, in another order in each epoch."""
    for epoch in range(3):
        batches = [[b for b in rank["trained"] if b[0] == epoch] for rank in whole]
        assert len(batches[0]) == len(batches[1]) >= 4
        texts = [[text for batch in each for text in batch[2]] for each in batches]
        first, second = ({text.split()[1] for text in each} for each in texts)
        assert first
        assert second
        assert not first & second
        assert len({*texts[0], *texts[1]}) == len(texts[0] + texts[1])
    orders = [[b[2] for b in whole[0]["trained"] if b[0] == epoch] for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2]


def check_evaluation(whole: Found) -> None:
    """Check that both ranks together evaluate each row once, in equally many batches."""
    evaluated = [rank["evaluated"] for rank in whole]
    assert [len(each) for each in evaluated] == [2, 2]
    texts = [text for rank in evaluated for batch in rank for text in batch]
    assert sorted(texts) == VALIDATION.splitlines()


def check_resume(whole: Found, resumed: Found) -> None:
    """Check that a run which continues within its second epoch ends as the uninterrupted one."""
    for before, after in zip(whole, resumed, strict=True):
        assert after["trained"] == [b for b in before["trained"] if (b[0], b[1]) >= (1, 3)]
        assert after["weights"] == before["weights"]
