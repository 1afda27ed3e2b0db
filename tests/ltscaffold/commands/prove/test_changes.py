"""A plan split into changes, of which each subset can be run."""

import ast
import math
from itertools import combinations
from typing import Any

import pytest
import yaml

from ltscaffold.commands.prove.changes import Split, parts_of
from ltscaffold.writing.plan import Change

BEFORE = '''"""A module."""

from math import sqrt


class Mine:
    """A class."""

    rate: float = 0.1

    def scaled(self, x):
        return self._scale(x) + 1

    def _scale(self, x):
        return x * self.rate

    def root(self, x):
        return sqrt(x)
'''
AFTER = '''"""A module."""

from math import cbrt as root_of, sqrt


class Mine:
    """A class."""

    rate: float = 0.2

    def root(self, x):
        return root_of(sqrt(x))

    def scaled(self, x):
        # Renamed.
        return (
            self._factor(x) + 1
        )

    def _factor(self, x):
        return x * self.rate
'''
if not hasattr(math, "cbrt"):  # Python 3.10
    AFTER = AFTER.replace("cbrt", "exp")


def split(before: str, after: str, path: str = "mine.py") -> Split:
    return Split([Change(path, before.encode(), after.encode())])


def named(found: Split) -> list[list[str]]:
    return [[piece.part for piece in atom] for atom in found.atoms]


def test_a_rename_is_one_change_and_layout_is_none() -> None:
    found = split(BEFORE, AFTER)
    assert sorted(named(found)) == [
        ["Mine._factor", "Mine._scale", "Mine.scaled"],
        ["Mine.rate"],
        ["Mine.root"],
        ["imports"],
        ["order of the members"],
    ]
    assert split(BEFORE, BEFORE.replace("x):", "x,):  # x")).atoms == []


def test_each_subset_runs() -> None:
    found = split(BEFORE, AFTER)
    outcomes = set()
    for size in range(len(found.atoms) + 1):
        for chosen in combinations(range(len(found.atoms)), size):
            code = found.contents(chosen)["mine.py"]
            assert code is not None
            names: dict[str, Any] = {}
            exec(code, names)
            mine = names["Mine"]()
            outcomes.add((mine.rate, mine.scaled(2), mine.root(16)))
    assert len(outcomes) == 4  # of the rate and the root alone


def test_all_changes_give_the_new_file_and_none_the_former() -> None:
    found = split(BEFORE, AFTER)
    assert found.contents(range(len(found.atoms))) == {"mine.py": AFTER.encode()}
    assert found.contents([]) == {"mine.py": BEFORE.encode()}


@pytest.mark.parametrize("chosen", [[], [0], [1], [0, 1]])
def test_keys_of_a_config(chosen: list[int]) -> None:
    before = "# @package task\n_target_: a.B\noptimizer: {lr: 1e-3, eps: '1e-8'}\nold: 1\n"
    after = "# @package task\n_target_: a.B\noptimizer: {lr: 1e-4, eps: '1e-8'}\nold: 2\n"
    found = split(before, after, "mine.yaml")
    assert named(found) == [["optimizer.lr"], ["old"]]
    text = found.contents(chosen)["mine.yaml"]
    assert text is not None
    assert text.startswith(b"# @package task\n")
    assert yaml.safe_load(text) == {
        "_target_": "a.B",
        "optimizer": {"lr": "1e-4" if 0 in chosen else "1e-3", "eps": "1e-8"},
        "old": 2 if 1 in chosen else 1,
    }
    assert b"'1e-8'" in text  # Hydra takes 1e-8 without quotes for a number


def test_a_new_key_joins_the_parameter_that_it_needs() -> None:
    config = Change("mine.yaml", b"a: 1\n", b"a: 2\nsmoothing: 0.1\n")
    code = Change("mine.py", b"def f(a): pass\n", b"def f(a, smoothing=0.1): pass\n")
    found = Split([code, config])
    assert sorted([str(piece) for piece in atom] for atom in found.atoms) == [
        ["a in mine.yaml"],
        ["f in mine.py", "smoothing in mine.yaml"],
    ]


def test_a_file_that_does_not_parse_is_taken_as_a_whole() -> None:
    changes = [Change("a.py", b"def", b"x = 1"), Change("b.yaml", b"[1]", b"a: [")]
    changes.append(Change("c.py", None, b"x = 1"))
    assert [parts_of(change) for change in changes] == [None] * 3
    assert len(Split(changes).atoms) == 3


def test_a_change_that_only_parses_with_another_joins_its_neighbour() -> None:
    """`from __future__` must stand first, also in a mix of both versions."""
    before = '"""Doc."""\nimport a\nx = 1\n'
    after = '"""Doc."""\nfrom __future__ import annotations\nimport b\nx = 2\n'
    found = split(before, after)
    for chosen in ([0], [1]):
        code = found.contents(chosen)["mine.py"]
        assert code is not None
        assert ast.get_docstring(ast.parse(code)) == "Doc."
        compile(code, "mine.py", "exec")
