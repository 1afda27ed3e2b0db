"""The merge of a class whose head both sides changed."""

import pytest

from ltscaffold.merge.draft import Draft
from ltscaffold.merge.python import merge_python

BASE = "@old\nclass Task(Base):\n    x = 0\n"
CHANGES = {
    "decorator": ("@old", "@new"),
    "no decorator": ("@old\n", ""),
    "base": ("(Base)", "(Base, Mixin)"),
}


def merged(ours: str, theirs: str) -> Draft:
    draft = merge_python(ours, BASE, theirs)
    assert draft is not None
    return draft


@pytest.mark.parametrize("decorators", ["decorator", "no decorator"])
def test_decorators_and_bases_of_a_class_merge_by_themselves(decorators: str) -> None:
    decorated, based = (BASE.replace(*CHANGES[name]) for name in (decorators, "base"))
    both = decorated.replace(*CHANGES["base"])
    assert merged(decorated, based) == merged(based, decorated) == Draft(both)


@pytest.mark.parametrize(
    ("change", "shown"),
    [("@new", "the decorators @new"), ("", "the decorators none")],
)
def test_decorators_that_both_changed_are_reviewed(change: str, shown: str) -> None:
    ours, theirs = BASE.replace("@old", "@own"), BASE.replace("@old\n", f"{change}\n".lstrip("\n"))
    draft = merged(ours, theirs)
    assert draft.text == ours
    assert [mark.message for mark in draft.marks] == [
        f"Task: the template now has {shown}; yours is kept"
    ]


def test_bases_that_both_changed_are_reviewed() -> None:
    ours, theirs = BASE.replace("Base", "Own"), BASE.replace(*CHANGES["base"])
    draft = merged(ours, theirs)
    assert draft.text == ours
    assert [mark.message for mark in draft.marks] == [
        "Task: the template now has class Task(Base, Mixin):; yours is kept"
    ]
