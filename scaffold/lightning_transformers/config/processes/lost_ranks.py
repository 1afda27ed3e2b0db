"""Ranks that end while others wait for them: each rank learns of it, and the lowest reports it.

A collective operation of the others would fail with an error of the network, or wait for minutes.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import gethostname
from typing import Any, Protocol

from lightning_transformers.base.errors import causes

POLL_S = 1.0
"""Time between two checks of the other ranks."""
GRACE_S = 10.0
"""Time in which rank 0 may end by itself, and record the failure, before the watch ends it."""
SILENCE_S = 30.0
"""Time without a sign of life after which a rank of another machine counts as lost."""
NETWORK = ("gloo", "nccl", "connection closed by peer", "connection reset", "broken pipe")
"""Parts of messages about a rank that is gone."""


class Notes(Protocol):
    """Texts by key that all ranks of a job read and write."""

    def put(self, key: str, text: str) -> None:
        """Write a text."""

    def get(self, key: str) -> str | None:
        """Return a text, None if it is not written."""


class FolderNotes:
    """Notes as files in a folder, for ranks on one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, text: str) -> None:
        """Write a text."""
        beside = self.folder / f".{key}-{os.getpid()}"
        beside.write_text(text)
        beside.replace(self.folder / key)

    def get(self, key: str) -> str | None:
        """Return a text, None if it is not written."""
        with suppress(FileNotFoundError):
            return (self.folder / key).read_text()
        return None


class StoreNotes:
    """Notes in the key-value store of torchrun.

    Args:
        store: a `torch.distributed.Store`.
    """

    def __init__(self, store: Any) -> None:
        self.store = store

    def put(self, key: str, text: str) -> None:
        """Write a text."""
        self.store.set(key, text)

    def get(self, key: str) -> str | None:
        """Return a text, None if it is not written."""
        return self.store.get(key).decode() if self.store.check([key]) else None


class Ranks:
    """Knowledge that the ranks of a job share.

    Args:
        notes: shared by the ranks.
        rank: this rank.
        peers: the ranks on this machine.
        size: number of ranks, if there are others on other machines.
    """

    def __init__(self, notes: Notes, rank: int, peers: range, size: int = 0) -> None:
        self.notes, self.rank, self.peers, self.size = notes, rank, peers, size
        self.sign = ("", time.monotonic())
        """The newest sign of life of the first rank of the next machine, and when it came."""
        self.processes: dict[int, tuple[str, int]] = {}
        notes.put(f"process-{rank}", f"{gethostname()} {os.getpid()}")

    def end(self, failure: str = "") -> None:
        """Note that this rank ends by itself.

        Args:
            failure: why, in one line, if the others do not know it.
        """
        with suppress(OSError, RuntimeError):  # the node that has the notes is lost
            self.notes.put(f"ended-{self.rank}", failure)
            if failure:
                self.notes.put("failure", f"{self.rank} {failure}")

    @property
    def has_others(self) -> bool:
        """Whether there are ranks on other machines."""
        return self.size > len(self.peers)

    def give_sign(self) -> None:
        """Show the machine before this one that this one lives: its first rank does that."""
        if self.has_others and self.rank == self.peers.start:
            self.notes.put(f"sign-{self.rank}", str(time.monotonic()))

    def lost(self) -> dict[int, str]:
        """Return the ranks that have failed or were killed, each with the fact in one line."""
        found = {rank: self._killed(rank) for rank in self.peers if self._is_killed(rank)}
        if (rank := self._silent()) is not None:
            found[rank] = silent(rank)
        if failure := self.notes.get("failure"):
            number, _, text = failure.partition(" ")
            found[int(number)] = text
        elif found:  # for ranks on other machines
            self.notes.put("failure", "{} {}".format(*next(iter(found.items()))))
        found.pop(self.rank, None)
        return found

    def is_lowest(self, lost: dict[int, str]) -> bool:
        """Return whether all lower ranks are among those that are lost."""
        return all(rank in lost for rank in range(self.rank))

    def _silent(self) -> int | None:
        """Return the first rank of the next machine, in a ring, if it gives no sign any more."""
        if not self.has_others or self.rank != self.peers.start:
            return None
        rank = self.peers.stop % self.size
        sign, now = self.notes.get(f"sign-{rank}") or "", time.monotonic()
        if sign != self.sign[0] or not sign:
            self.sign = sign, now
        is_lost = now - self.sign[1] > SILENCE_S and self.notes.get(f"ended-{rank}") is None
        return rank if is_lost else None

    def _is_killed(self, rank: int) -> bool:
        if rank not in self.processes and (note := self.notes.get(f"process-{rank}")):
            host, pid = note.split()
            self.processes[rank] = host, int(pid)
        host, number = self.processes.get(rank, ("", 0))
        if host != gethostname() or rank == self.rank or is_alive(number):
            return False
        return self.notes.get(f"ended-{rank}") is None

    def _killed(self, rank: int) -> str:
        return (
            f"rank {rank} (process {self.processes[rank][1]}) was killed, by hand or by the system "
            "for lack of memory: repeat the command (a training with resume=auto), with fewer "
            "training.num_workers if memory was short"
        )


class RankWatch(threading.Thread):
    """A thread that ends this process when it learns that another rank is lost.

    The lowest rank that lives reports it in one line.

    Args:
        ranks: the ranks.
        grace_s: time for this process to end by itself.
        check: called before each check.
        end: called before this process ends.
    """

    def __init__(
        self,
        ranks: Ranks,
        grace_s: float = 0,
        check: Callable[[], object] = bool,
        end: Callable[[], object] = bool,
    ) -> None:
        super().__init__(daemon=True, name="rank-watch")
        self.ranks, self.grace_s, self.check, self.end = ranks, grace_s, check, end
        self.stopped = threading.Event()
        self.parent = os.getppid()

    def run(self) -> None:
        """Check the ranks until `stopped` is set."""
        read_at = time.monotonic()
        while not self.stopped.wait(POLL_S):
            self.check()
            lost: dict[int, str] = {}
            try:
                self.ranks.give_sign()
                lost, read_at = self.ranks.lost(), time.monotonic()
            except (OSError, RuntimeError):  # the notes of a job that has ended, or of a lost node
                if self.ranks.has_others and time.monotonic() - read_at > SILENCE_S:
                    lost = {0: silent(0)}
            if lost and not self.stopped.wait(self.grace_s):
                if self.ranks.is_lowest(lost):
                    print(f"error: {next(iter(lost.values()))}", file=sys.stderr, flush=True)
                self.ranks.end()
                self.end()
                os._exit(2)
            if self.ranks.rank and os.getppid() != self.parent:
                os._exit(1)


def silent(rank: int) -> str:
    """Return the line about a rank of another machine that gives no sign of life."""
    return (
        f"rank {rank} does not respond: it was killed, or its machine or network is down; repeat "
        "the command (a training with resume=auto)"
    )


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        with suppress(FileNotFoundError, IndexError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    return True


def is_of_network(error: BaseException) -> bool:
    """Return whether an error is, or was caused by, one of communication between ranks."""
    return any(
        isinstance(cause, RuntimeError) and any(part in str(cause).lower() for part in NETWORK)
        for cause in causes(error)
    )
