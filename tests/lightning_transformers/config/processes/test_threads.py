"""A run computes with the processors that it may use, and its idle threads sleep."""

import os
from pathlib import Path

import pytest
import torch

from lightning_transformers import cli
from lightning_transformers.config.processes.threads import available_processors, use_available

FILES = {
    "none": ({}, 8),
    "no limit": ({"cpu.max": "max 100000\n"}, 8),
    "version 2": ({"cpu.max": "350000 100000\n"}, 3),
    "less than one": ({"cpu.max": "20000 100000\n"}, 1),
    "more than there are": ({"cpu.max": "6400000 100000\n"}, 8),
    "version 1": ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
    "version 1, no limit": (
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        8,
    ),
}


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # restored, also where it is not set
    monkeypatch.delenv("OMP_NUM_THREADS")


@pytest.mark.parametrize("case", FILES)
def test_processors_are_those_of_affinity_and_container(case: str, tmp_path: Path) -> None:
    files, expected = FILES[case]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_processors(tmp_path) == expected


def test_ranks_share_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    use_available(1)
    assert not chosen, "the user's choice stays"
    monkeypatch.delenv("OMP_NUM_THREADS")
    use_available(3)
    assert chosen == [2]
    assert os.environ["OMP_NUM_THREADS"] == "2", "for the ranks that Lightning starts"
    monkeypatch.delenv("OMP_NUM_THREADS")
    use_available(1)
    assert chosen == [2], "torch's own number is as low"


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_idle_threads_sleep(
    given: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    cli.check_installation(None)
    assert os.environ["OMP_WAIT_POLICY"] == expected
