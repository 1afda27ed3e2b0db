"""Ranks learn that another one was killed or has failed, and the lowest that lives says so."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lightning_transformers.config.processes import lost_ranks
from lightning_transformers.config.processes.lost_ranks import (
    FolderNotes,
    Ranks,
    RankWatch,
    is_of_network,
)

SIZE = 3


def ranks_of(folder: Path, rank: int) -> Ranks:
    return Ranks(FolderNotes(folder), rank, range(SIZE))


def start(folder: Path, rank: int, act: Callable[[Ranks], object]) -> int:
    """Start a rank that watches the others, acts, and then waits; return its process id."""
    child = os.fork()
    if child == 0:
        sys.stderr = (folder / f"out-{rank}").open("w")
        ranks = ranks_of(folder, rank)
        while not all((folder / f"process-{each}").exists() for each in range(SIZE)):
            time.sleep(0.01)
        RankWatch(ranks).start()
        act(ranks)
        time.sleep(60)
        os._exit(0)
    return child


def outcomes(folder: Path, acts: dict[int, Callable[[Ranks], object]]) -> list[tuple[int, str]]:
    """Return exit status and output of ranks of which some act, the others wait for these."""
    ids = [start(folder, rank, acts.get(rank, bool)) for rank in range(SIZE)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in ids]
    texts = [(folder / f"out-{rank}").read_text() for rank in range(SIZE)]
    return list(zip(statuses, texts, strict=True))


def die(_: Ranks) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_ranks, "POLL_S", 0.05)


@pytest.mark.parametrize(("dead", "lowest"), [(0, 1), (1, 0), (2, 0)])
def test_the_lowest_rank_reports_a_killed_one(dead: int, lowest: int, tmp_path: Path) -> None:
    found = outcomes(tmp_path, {dead: die})
    assert found.pop(dead)[0] == -signal.SIGKILL
    assert [status for status, _ in found] == [2, 2]
    lines = (tmp_path / f"out-{lowest}").read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: rank {dead} (process ")
    assert "was killed" in lines[0]
    assert "".join(text for _, text in found).count("error:") == 1


def test_the_third_rank_reports_two_killed_ones(tmp_path: Path) -> None:
    *_, (status, text) = outcomes(tmp_path, {0: die, 1: die})
    assert status == 2
    assert text.count("error: rank") == 1


def test_the_failure_of_a_rank_is_reported_with_its_error(tmp_path: Path) -> None:
    def fail(ranks: Ranks) -> None:
        ranks.end("rank 1 has failed: ValueError: x")
        os._exit(1)

    (status, text), (failed, own), _ = outcomes(tmp_path, {1: fail})
    assert (status, text) == (2, "error: rank 1 has failed: ValueError: x\n")
    assert (failed, own) == (1, "")


def test_a_rank_that_has_ended_by_itself_is_not_lost(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        ranks_of(tmp_path, 1).end()
        os._exit(0)
    os.waitpid(child, 0)
    assert ranks_of(tmp_path, 0).lost() == {}


def test_a_rank_may_end_by_itself_first(tmp_path: Path) -> None:
    """Rank 0 then records the failure."""
    ranks = ranks_of(tmp_path, 0)
    ranks.notes.put("failure", "1 rank 1 has failed: x")
    watch = RankWatch(ranks, grace_s=60)
    watch.start()
    time.sleep(0.2)
    watch.stopped.set()
    watch.join(5)
    assert not watch.is_alive()


def test_errors_of_communication() -> None:
    gloo = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:1")
    assert is_of_network(gloo)
    outer = ValueError("x")
    outer.__cause__ = gloo
    assert is_of_network(outer)
    assert not is_of_network(RuntimeError("size mismatch"))


def nodes_of(folder: Path, rank: int) -> Ranks:
    """Return one of two ranks, each on a machine of its own."""
    return Ranks(FolderNotes(folder), rank, range(rank, rank + 1), size=2)


def test_a_rank_of_another_machine_that_gives_no_sign_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(lost_ranks, "time", SimpleNamespace(monotonic=lambda: now[0]))
    here, there = nodes_of(tmp_path, 0), nodes_of(tmp_path, 1)
    now[0] += 2 * lost_ranks.SILENCE_S
    assert here.lost() == {}, "it has not started"
    for _ in range(3):
        there.give_sign()
        assert here.lost() == {}
        now[0] += 0.9 * lost_ranks.SILENCE_S
    now[0] += 0.2 * lost_ranks.SILENCE_S
    assert here.lost() == {1: lost_ranks.silent(1)}
    there.end()
    there.notes.put("failure", "")
    assert here.lost() == {}, "it has ended by itself"


def test_the_first_machine_is_lost_if_its_notes_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lost_ranks, "SILENCE_S", 0.2)
    child = os.fork()
    if child == 0:
        ranks = nodes_of(tmp_path, 1)

        def refuse(*_: str) -> Any:
            raise RuntimeError("the store is gone")

        ranks.notes.get = ranks.notes.put = refuse  # type: ignore[method-assign]
        RankWatch(ranks).start()
        time.sleep(20)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert capfd.readouterr().err.count("error: rank 0 does not respond") == 1
