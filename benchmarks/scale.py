"""The data order, sharding and resume of 1,024 ranks over 10^12 tokens, on one machine.

python -m benchmarks.scale

It stops with an error if a row is read twice or not at all, a resumed rank reads other rows, or
memory depends on the number of rows.
"""

import resource
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice

import numpy as np

from benchmarks.trials import write
from lightning_transformers.data.dataloaders import EpochSampler
from lightning_transformers.data.sampling.order import EpochOrder, Order
from lightning_transformers.data.sampling.permutation import Numbers

TOKENS, LENGTH, BATCH = 10**12, 8_192, 8
ROWS = TOKENS // LENGTH
RANKS = (1, 64, 1_024)
AT_ONCE = 4_000
"""Batches whose rows are read at once when all are read."""
MEMORY = 64
"""Megabytes that the samplers of all ranks may take, beside the mark of each row."""
TEXT = f"""
{TOKENS:,} tokens in rows of {LENGTH:,}, {BATCH} rows a batch and rank, not grouped by length. *All
rows* reads the rows of an epoch by the samplers of all ranks, one after the other, and checks that
each is read once. *Batch* is the time for the rows of a batch on one rank, the mean of 500 batches;
*resumed* the time from the start of an epoch that continues before its last batches to the first of
them. In each case every rank resumes at three places with the rows of the uninterrupted epoch, and
on half of the ranks, with batches twice as large, each step has the same rows. *MB* is the growth
of the peak memory of the process, with the samplers of all ranks and a bit a row.
"""


class Rows:
    """Rows of which there is only the number."""

    def __len__(self) -> int:
        return ROWS


def sampler(rank: int, ranks: int, done: int = 0, batch: int = BATCH) -> EpochSampler:
    """Return the sampler of a rank in an epoch of which some batches are done."""
    order = partial(EpochOrder, ROWS, batch * ranks, None, 0)
    state = (lambda: 0, lambda: done)
    place = {"num_replicas": ranks, "rank": rank}
    return EpochSampler(Rows(), batch, 0, order, *state, **place)  # type: ignore[arg-type]


def rows_of(one: EpochSampler, order: Order) -> Iterator[Numbers]:
    """Yield all rows of a rank, many batches at once."""
    part = AT_ONCE * BATCH * one.num_replicas
    for start in range(0, one.used, part):
        stop = min(start + part, one.used)
        yield np.array(order[start + one.rank : stop : one.num_replicas])


def check_all(samplers: list[EpochSampler]) -> None:
    """Check that the ranks read each row once in an epoch, except a remainder of some rows."""
    seen, count = np.zeros(ROWS // 8 + 1, np.uint8), 0
    for one in samplers:
        for rows in rows_of(one, one.order(0)):
            np.bitwise_or.at(seen, rows >> 3, np.left_shift(1, rows & 7).astype(np.uint8))
            count += len(rows)
    read = int(np.bitwise_count(seen).sum()) if hasattr(np, "bitwise_count") else ones(seen)
    assert read == count == samplers[0].used, (read, count)
    assert ROWS - count < len(samplers)


def ones(marks: np.ndarray) -> int:  # type: ignore[type-arg]
    """Return the number of bits that are set."""
    return int(np.unpackbits(marks).sum())


def check_resumes(ranks: int) -> None:
    """Check that each rank continues an epoch with its rows, also on half as many ranks."""
    batches = sampler(0, ranks).num_samples // BATCH
    for done in (1, batches // 2, batches - 3):
        steps = [set[int](), set[int]()]
        for rank in range(ranks):
            whole, again = sampler(rank, ranks), sampler(rank, ranks, done)
            order, resumed = whole.order(0), islice(again, 2 * BATCH)
            expected = [int(row) for n in (done, done + 1) for row in whole.batch(order, n, rank)]
            assert [int(row) for row in resumed] == expected
            for step, rows in zip(steps, (expected[:BATCH], expected[BATCH:]), strict=True):
                step.update(rows)
        assert not steps[0] & steps[1]
        if ranks == 1:
            continue
        half = [sampler(rank, ranks // 2, done, 2 * BATCH) for rank in range(ranks // 2)]
        found = {int(row) for each in half for row in islice(each, 2 * BATCH)}
        assert found == steps[0]


def measure(ranks: int) -> list[str]:
    """Check all, and return the row of the table."""
    before, start = peak(), time.process_time()
    samplers = [sampler(rank, ranks) for rank in range(ranks)]
    check_all(samplers)
    whole = time.process_time() - start
    check_resumes(ranks)
    growth = peak() - before
    assert growth < MEMORY + ROWS / 8e6, growth
    one = samplers[-1]
    order, start = one.order(0), time.process_time()
    for number in range(500):
        one.batch(order, number, one.rank)
    batch = (time.process_time() - start) / 500
    start = time.process_time()
    next(iter(sampler(ranks - 1, ranks, one.num_samples // BATCH - 2)))
    resumed = time.process_time() - start
    values = (f"{whole:,.0f}", f"{batch * 1e6:,.0f}", f"{resumed * 1e3:,.1f}", f"{growth:,.0f}")
    return [f"{ranks:,}", *values]


def peak() -> float:
    """Return the largest memory of the process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Check and measure each number of ranks, and write the table."""
    head = ["ranks", "all rows, CPU s", "batch, µs", "resumed, ms", "MB"]
    write("scale", "1,024 ranks over 10^12 tokens", TEXT, [head, *map(measure, RANKS)], "numpy")


if __name__ == "__main__":
    main()
