"""Time and memory from an epoch's start to its first batch, beside torch's shuffled dataloader.

python -m benchmarks.data
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

from torch.utils.data import DataLoader, Dataset

from benchmarks.trials import Values, in_turn, ratios, spread, write
from lightning_transformers.data.dataloaders import EpochSampler, SeededCollate, SeededDataset
from lightning_transformers.data.sampling.order import EpochOrder, Order, former_order

TIMES = 5
BATCH = 16
TEXT = """
Rows of numbers, 16 a batch, without workers. Seconds are CPU, memory is the growth of the peak.
*Before* is the order of formulas below 3, a list, with which runs that began with it resume.
*Resumed* is an epoch that continues before its last batch. Rows are not grouped by length. The list
of a billion rows does not fit into the memory of this machine.
"""


class Numbers(Dataset[int]):
    """Rows of which each is its number."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: int) -> int:
        return place


def measure(kind: str, size: int, answer: Connection) -> None:
    """Send the figures of one start."""
    rows, before, start = Numbers(size), peak(), time.process_time()
    if kind == "torch":
        loader: DataLoader[int] = DataLoader(rows, BATCH, shuffle=True)
    else:
        done = size // BATCH - 1 if kind == "resumed" else 0
        order: Callable[[int], Order] = partial(EpochOrder, size, BATCH, None, 0)
        if kind == "before":
            order = partial(former_order, size, 0)
        sampler = EpochSampler(rows, BATCH, 0, order, lambda: 0, lambda: done)  # type: ignore[arg-type]
        loader = DataLoader(
            SeededDataset(rows), BATCH, sampler=sampler, collate_fn=SeededCollate(list)
        )  # type: ignore
    next(iter(loader))
    answer.send({"seconds": time.process_time() - start, "MB": peak() - before})


def peak() -> float:
    """Return the largest memory of the process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(kind: str, size: int) -> Values:
    """Return the figures of one start, in a process of its own that has imported everything."""
    context = multiprocessing.get_context("fork")
    mine, its = context.Pipe()
    process = context.Process(target=measure, args=(kind, size, its))
    process.start()
    values: Values = mine.recv()
    process.join()
    return values


def main() -> None:
    """Measure each kind in turn, and write the table."""
    many, most = 10**7, 10**9
    cases = {
        "ours": (many, "ours"),
        "ours, resumed": (many, "resumed"),
        "before": (many, "before"),
        "torch": (many, "torch"),
        "ours ": (most, "ours"),
        "ours, resumed ": (most, "resumed"),
    }
    found = in_turn({name: partial(run, kind, size) for name, (size, kind) in cases.items()}, TIMES)
    rows = [["rows", "loader", "seconds", "÷ torch", "MB"]]
    for name, (size, _) in cases.items():
        seconds = [each["seconds"] for each in found[name]]
        memory = [each["MB"] for each in found[name]]
        beside = spread(ratios(found[name], found["torch"], "seconds"), 3) if size == many else "–"
        rows.append([f"{size:,}", name, spread(seconds, 3), beside, spread(memory, 1)])
    write("data", "The start of an epoch", TEXT, rows, "torch", "numpy")


if __name__ == "__main__":
    main()
