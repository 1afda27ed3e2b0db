"""Merges by member and key lose no edit, and apply or report every template change."""

import os
from collections import Counter
from collections.abc import Iterator

from ltscaffold.merge.draft import Draft
from ltscaffold.merge.lines import merge_lines
from ltscaffold.merge.python import merge_python
from ltscaffold.merge.yaml import merge_yaml
from tests.helpers.merge_corpus import Case, case
from tests.helpers.merge_facts import facts, lost

CASES = int(os.environ.get("LTSCAFFOLD_MERGES", "50"))
ALLOWED = 0.03
"""The share of cases that may be left to choose."""


def test_edits_and_changes_of_templates_merge() -> None:
    counts: Counter[str] = Counter()
    found = []
    for seed in range(CASES):
        drawn = path, ours, base, theirs = case(seed)
        draft = merged(path, ours, base, theirs)
        counts["by line"] += merge_lines(ours.encode(), base.encode(), theirs.encode())[1]
        if any(mark.kind == "conflict" for mark in draft.marks):
            counts["by member"] += 1
            assert set(ours.split("\n")) <= set(draft.text.split("\n")) | set(base.split("\n"))
            continue
        for kind, what in findings(drawn, draft):
            counts[kind] += 1
            found.append((seed, path, kind, what))
    print(CASES, dict(counts))
    assert not found, "\n".join(map(str, found))
    assert counts["by member"] <= ALLOWED * CASES < counts["by line"]


def merged(path: str, ours: str, base: str, theirs: str) -> Draft:
    draft = (merge_python if path.endswith(".py") else merge_yaml)(ours, base, theirs)
    assert draft is not None
    return draft


def findings(drawn: Case, draft: Draft) -> Iterator[tuple[str, object]]:
    """Yield what is wrong with a merge without conflicts, by kind."""
    path, ours, base, theirs = drawn
    try:
        mine, old, new, result = (facts(path, text) for text in (ours, base, theirs, draft.text))
    except ValueError as error:
        yield "unparseable", error
        return
    if missing := lost(path, ours, base, draft.text):
        yield "lost", missing
    messages = [mark.message for mark in draft.marks] + draft.notes
    added = new - old - result
    stays = {fact for fact in (old - new) & result if fact not in new and fact not in mine - old}
    for fact in [*added, *stays]:
        if not any(is_named(fact[0], message) for message in messages):
            yield "unreported", fact
    if merged(path, draft.text, base, theirs).text != draft.text:
        yield "not idempotent", ""


def is_named(name: str, message: str) -> bool:
    """Return whether a message concerns a name, or a unit that contains it."""
    about = message.partition(": ")[0].partition(" (")[0]
    return name == about or name.startswith(f"{about}.")


def test_an_emptied_module_stays_empty() -> None:
    assert merged("model.py", "", "x = 1\n", "x = 2\n").text == ""
