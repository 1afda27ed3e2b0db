"""Merges whose results run: none is called clean and is wrong."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice, product
from typing import Any

import yaml

from ltscaffold.merge.draft import Draft
from ltscaffold.merge.lines import merge_lines
from ltscaffold.merge.python import merge_python
from ltscaffold.merge.yaml import merge_yaml
from tests.helpers.merge_changes import TEMPLATE_CHANGES, USER_EDITS
from tests.helpers.merge_corpus import rendered
from tests.helpers.merge_judge import (
    Texts,
    failure,
    is_reported,
    problems,
    summary,
    unbound_attributes,
    words,
)
from tests.helpers.merge_module import enriched, stubbed
from tests.helpers.merge_yaml_changes import CONFIG, YAML_TEMPLATE_CHANGES, YAML_USER_EDITS

SWEEP = "LTSCAFFOLD_EXECUTED_MERGES" in os.environ
EVERY = 1 if SWEEP else 127
ALLOWED = 0.03
"""The share of merges that may be left to review."""

Case = tuple[str, str, str, Texts]


def modules() -> dict[str, str]:
    """Return a task, a data module and a callback of a larger template."""
    return {
        path: enriched(text) for path, text in sorted(rendered(0).items()) if path.endswith(".py")
    }


def cases() -> Iterator[Case]:
    """Yield path, edit, change and texts of each case; in `make test` a sample."""
    combinations = product(modules().items(), USER_EDITS, TEMPLATE_CHANGES)
    for number, ((path, base), edit, change) in enumerate(combinations):
        if number % EVERY:
            continue
        ours, theirs = USER_EDITS[edit][0](base), TEMPLATE_CHANGES[change][0](base)
        if ours != base:
            yield path, edit, change, Texts(ours, base, theirs)


def findings(edit: str, change: str, texts: Texts, draft: Draft) -> Iterator[str]:
    """Yield what is wrong and not reported."""
    yield from problems(texts, draft)
    if any(mark.kind == "conflict" for mark in draft.marks):
        return
    mine, new = words(texts.ours, texts.base), words(texts.theirs, texts.base)
    namespace, error = failure(draft)
    if error:
        if not is_reported(draft, mine | new):
            yield error
        return
    if not _holds(USER_EDITS[edit][1], namespace) and not is_reported(draft, mine):
        yield "the edit does not hold"
    if not _holds(TEMPLATE_CHANGES[change][1], namespace) and not is_reported(draft, new, True):
        yield "the change does not hold"
    for name in unbound_attributes(texts, draft.text):
        if not is_reported(draft, {name}):
            yield f"self.{name} is bound no more"
    again = merge_python(draft.text, texts.base, texts.theirs)
    if again is None or again.text != draft.text:
        yield "a second merge changes something"
    for mark in draft.marks:
        if not is_reported(Draft(marks=[mark]), mine & new):
            yield f"without a reason: {mark.message}"


def _holds(holds: Callable[[Any], object], result: Any) -> bool:
    try:
        return bool(holds(result))
    except (AttributeError, LookupError, NameError, TypeError):
        return False


def test_no_merge_is_clean_and_wrong() -> None:
    kinds: Counter[str] = Counter()
    wrong = []
    with stubbed():
        for path, edit, change, texts in cases():
            draft = merge_python(texts.ours, texts.base, texts.theirs)
            if draft is None:
                kinds["line"] += 1
                continue
            found = list(findings(edit, change, texts, draft))
            marks = {mark.kind for mark in draft.marks}
            kind = "conflict" if "conflict" in marks else "review" if marks else "right"
            kinds["wrong" if found else kind] += 1
            wrong += [f"{path} | {edit} | {change} | {kind} | {each}" for each in found]
    print(f"{kinds.total()} merges:", summary(kinds))
    assert not wrong, "\n".join(wrong)
    assert not SWEEP or kinds["review"] <= ALLOWED * kinds.total()


def test_no_merge_of_a_config_is_clean_and_wrong() -> None:
    kinds: Counter[str] = Counter()
    wrong = []
    combinations = product(YAML_USER_EDITS, YAML_TEMPLATE_CHANGES)
    for edit, change in islice(combinations, None, None, 1 if SWEEP else 7):
        ours = YAML_USER_EDITS[edit][0](CONFIG)
        theirs = YAML_TEMPLATE_CHANGES[change][0](CONFIG)
        draft = merge_yaml(ours, CONFIG, theirs)
        if draft is None:
            content, conflicts = merge_lines(ours.encode(), CONFIG.encode(), theirs.encode())
            draft = Draft(content.decode())
            if conflicts:
                kinds["conflict"] += 1
                continue
        result = yaml.safe_load(draft.text)
        holds = _holds(YAML_USER_EDITS[edit][1], result)
        applied = _holds(YAML_TEMPLATE_CHANGES[change][1], result)
        right = holds and (applied or draft.marks or draft.notes)
        kinds["wrong" if not right else "review" if draft.marks else "right"] += 1
        wrong += [f"{edit} | {change}: {holds}, {applied}"] if not right else []
    print(f"{kinds.total()} merges:", summary(kinds))
    assert not wrong, "\n".join(wrong)
