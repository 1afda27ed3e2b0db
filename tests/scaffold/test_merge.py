"""Merges by member: nothing of the user's is lost, and little is left to choose."""

import os

from ltscaffold.merge.lines import three_way
from ltscaffold.merge.members import merge_python
from tests.scaffold.merge_corpus import case, statements

CASES = int(os.environ.get("LTSCAFFOLD_MERGES", "40"))


def test_edits_and_changes_of_templates_merge() -> None:
    conflicts = by_line = 0
    for seed in range(CASES):
        ours, base, theirs = case(seed)
        draft = merge_python(ours, base, theirs)
        assert draft is not None, seed
        by_line += three_way(ours.encode(), base.encode(), theirs.encode())[1]
        if any(mark.kind == "conflict" for mark in draft.marks):
            conflicts += 1
            continue
        lost = statements(ours) - statements(base) - statements(draft.text)
        assert not lost, (seed, lost)
        again = merge_python(draft.text, base, theirs)
        assert again is not None
        assert again.text == draft.text, seed
    assert conflicts <= 0.03 * CASES < by_line
