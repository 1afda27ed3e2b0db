"""Shards are mapped into memory, and give their pages back."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, DatasetInfo

from lightning_transformers.data.prepared.shards import (
    MappedShard,
    open_shards,
    shards_of,
    write_shard,
)
from lightning_transformers.data.sampling import tokens
from lightning_transformers.data.sampling.tokens import TokenReader

ROWS, LENGTH = 2_000, 1_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    ids = pa.array(np.arange(ROWS * LENGTH, dtype=np.int32))
    rows = pa.ListArray.from_arrays(pa.array(range(0, ROWS * LENGTH + 1, LENGTH), pa.int32()), ids)
    paths = [tmp_path / "0.arrow", tmp_path / "1.arrow"]
    for path in paths:
        write_shard(path, pa.table({"input_ids": rows}))
    return paths


def resident(file: Path) -> int:
    """Return the kilobytes of a mapped file that count as memory of this process."""
    maps = Path("/proc/self/smaps").read_text()
    return sum(map(int, re.findall(rf"{re.escape(str(file))}\n(?:.*\n){{3}}Rss: +(\d+)", maps)))


def opened(files: list[Path]) -> Dataset:
    rows = Dataset(open_shards(files), DatasetInfo(), fingerprint="0")
    return rows.with_format("torch")


def test_a_reader_gives_pages_back(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    rows, size = opened(files), ROWS * LENGTH * 4 // 1024
    assert len(rows) == 2 * ROWS
    reader = TokenReader(rows)
    for start in range(0, 2 * ROWS, 16):
        reader([*range(start, start + 16)])
    assert resident(files[0]) > size / 2
    monkeypatch.setattr(tokens, "RELEASED_BYTES", 400_000)
    reader = TokenReader(rows)
    for start in range(0, 2 * ROWS, 16):
        found = reader([*range(start, start + 16)])
    assert resident(files[0]) + resident(files[1]) < size / 2
    assert found[-1]["input_ids"].tolist() == [*range((ROWS - 1) * LENGTH, ROWS * LENGTH)]


def test_copies_map_the_same_files(files: list[Path]) -> None:
    rows = opened(files)
    for again in (copy.deepcopy(rows), pickle.loads(pickle.dumps(rows))):
        assert again[ROWS]["input_ids"].tolist() == rows[ROWS]["input_ids"].tolist()
        assert [type(shard) for shard in shards_of(again.data)] == [MappedShard] * 2
    assert len(pickle.dumps(rows)) < 10_000
