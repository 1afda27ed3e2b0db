"""Rows of W&B's files are read as they were written, and those of its server through its client."""

import struct
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lightning_transformers.runs.results.wandb_rows import BLOCK, PIECE_HEADER, records, wandb_rows

ROW = {
    "trainer/global_step": 3,
    "train/loss": 0.5,
    "x": "NaN",
    "t": {"a": 1},
    "_step": 7,
    "_runtime": 1.5,
}


def as_log(contents: list[bytes]) -> bytes:
    """Return a file with some records."""
    log = b":W&B\xe1\xbe\x00"
    for content in contents:
        first, ended = True, False
        while not ended:
            left = BLOCK - len(log) % BLOCK
            if left < PIECE_HEADER:
                log += bytes(left)
                continue
            piece, content = content[: left - PIECE_HEADER], content[left - PIECE_HEADER :]
            ended = not content
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}
            log += struct.pack("<IHB", 0, len(piece), kind[first, ended]) + piece
            first = False
    return log


CONTENTS = [b"a" * size for size in (5, BLOCK - 7 - 7 - 5 - 7 - 3, 1, 3 * BLOCK, 0, 9)]


def test_records_may_span_blocks() -> None:
    assert list(records(as_log(CONTENTS))) == CONTENTS


@pytest.mark.parametrize("cut", [1, 8, 9, 16, 20, 2 * BLOCK])
def test_a_cut_record_ends_the_file(cut: int) -> None:
    found = list(records(as_log(CONTENTS)[:-cut]))
    assert found == CONTENTS[: len(found)]
    assert len(found) < len(CONTENTS)


def test_rows_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(path: str) -> Any:
        asked.append(path)
        return SimpleNamespace(scan_history=lambda: iter([ROW, {"_step": 8, "mine": 1}]))

    package = ModuleType("wandb")
    vars(package)["Api"] = lambda: SimpleNamespace(run=run)
    monkeypatch.setitem(sys.modules, "wandb", package)
    online = SimpleNamespace(offline=False, path="team/project/id")
    ((step, metrics),) = wandb_rows(online)  # type: ignore[arg-type]
    assert (step, str(metrics)) == (3, "{'train/loss': 0.5, 'x': nan}")
    assert asked == ["team/project/id"]
