"""The search for causes, without any run."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ltscaffold.commands.prove.bisect import find_causes


@given(st.data())
def test_a_single_cause_takes_a_logarithm_of_runs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 300))
    cause = data.draw(st.integers(0, count - 1))
    found = find_causes(count, lambda subset: cause in subset)
    assert found.causes == {cause}
    assert found.runs <= math.ceil(math.log2(count)) + 1


@given(st.data())
def test_causes_that_only_differ_together_are_all_found(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 40))
    causes = data.draw(st.frozensets(st.integers(0, count - 1), min_size=2, max_size=5))
    tried = []

    def differs(subset: frozenset[int]) -> bool:
        tried.append(subset)
        return causes <= subset

    found = find_causes(count, differs)
    assert found.causes == causes
    assert found.runs == len(tried) == len(set(tried))


@given(st.data())
def test_a_subset_that_cannot_be_told_is_no_cause(data: st.DataObject) -> None:
    """A change needs another one to run at all; the cause is still one that differs."""
    count = data.draw(st.integers(3, 40))
    cause, user, used = data.draw(st.permutations(range(count)))[:3]

    def differs(subset: frozenset[int]) -> bool | None:
        if user in subset and used not in subset:
            return None
        return cause in subset

    assert find_causes(count, differs).causes == {cause}


@given(st.data())
def test_of_several_causes_one_is_found_that_differs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    causes = data.draw(st.frozensets(st.integers(0, count - 1), min_size=1))
    found = find_causes(count, lambda subset: bool(subset & causes))
    assert len(found.causes) == 1
    assert found.causes <= causes
