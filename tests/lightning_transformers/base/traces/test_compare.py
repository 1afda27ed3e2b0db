"""The comparison of traces, entry by entry."""

import pytest

from lightning_transformers.base.traces.compare import Comparison, first_mismatch
from lightning_transformers.base.traces.format import Entry, Mismatch, Trace, TraceRequest

EXPECTED = [Entry(1, "loss", "1.0"), Entry(1, "lr", "0.1"), Entry(2, "loss", "0.5")]
MORE = Entry(3, "loss", "0.25")


def compared(entries: list[Entry], until: int | None = None) -> tuple[Comparison, list[bool]]:
    comparison = Comparison(TraceRequest("", None, EXPECTED, until))
    return comparison, [comparison.add(entry) for entry in entries]


def test_a_run_goes_on_after_all_expected_entries_and_a_further_one_differs() -> None:
    comparison, told = compared([*EXPECTED, MORE])
    assert told == [False, False, False, True]
    assert comparison.trace.mismatch == Mismatch(3, "loss", "none", "0.25")
    assert first_mismatch(EXPECTED, comparison.trace) == comparison.trace.mismatch
    assert first_mismatch(EXPECTED, Trace([*EXPECTED, MORE])) == comparison.trace.mismatch


@pytest.mark.parametrize("until", [1, 2, 3])
def test_a_search_stops_after_the_entries_that_it_needs(until: int) -> None:
    _, told = compared(EXPECTED, until)
    assert told[:until] == [False] * (until - 1) + [True]


def test_the_order_within_a_step_does_not_count_but_values_do() -> None:
    loss, rate, last = EXPECTED
    comparison, told = compared([rate, loss, last])
    assert not any(told)
    assert comparison.trace.equal == 3
    assert first_mismatch(EXPECTED, comparison.trace) is None
    comparison, told = compared([rate, loss._replace(value="1.5")])
    assert told == [False, True]
    assert comparison.trace.mismatch == Mismatch(1, "loss", "1.0", "1.5")


def test_a_run_that_ends_early_differs() -> None:
    assert first_mismatch(EXPECTED, Trace(EXPECTED[:2])) == Mismatch(2, "loss", "0.5", "none")
    measured = Entry(1, "throughput/device", "7")
    assert compared([measured])[0].trace.entries == []
