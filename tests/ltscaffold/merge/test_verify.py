"""A merge is only clean if the result parses, and each name is bound and means the same."""

import ast

import pytest

from ltscaffold.merge.draft import Draft
from ltscaffold.merge.python import merge_python

BASE = '''import logging

LIMIT = 5
WIDTH = LIMIT * 2


def helper(x: int) -> int:
    return x + 1


def last(x: int) -> int:
    return x


class Task:
    """A task."""

    ratio = 1
    depth = 2

    def total(self) -> int:
        return self._weight() + self.ratio

    def _weight(self) -> int:
        return 4

    @property
    def title(self) -> str:
        return "a"
'''
OWN = "    def own(self) -> int:\n        return {}\n\n    def total"


def merged(ours: str, theirs: str, base: str = BASE) -> Draft:
    draft = merge_python(ours, base, theirs)
    assert draft is not None
    ast.parse(draft.text)
    return draft


def reviewed(ours: str, theirs: str, line: str, message: str) -> str:
    """Return a merge with one review, of a line, and no conflict."""
    draft = merged(ours, theirs)
    (mark,) = draft.marks
    assert (mark.kind, draft.text.split("\n")[mark.line].strip()) == ("review", line)
    assert mark.message == message
    return draft.text


def clean(ours: str, theirs: str, base: str = BASE) -> str:
    draft = merged(ours, theirs, base)
    assert not draft.marks
    return draft.text


def owning(expression: str) -> str:
    return BASE.replace("    def total", OWN.format(expression))


@pytest.mark.parametrize("indent", ["  ", "\t"], ids=["two spaces", "tab"])
@pytest.mark.parametrize("head", ["def own() -> int:", "class Own:"])
def test_a_helper_above_does_not_set_the_indentation_of_members(head: str, indent: str) -> None:
    own = f"{head}\n{indent}return 3\n\n\n".replace("return 3" if head[0] == "c" else "", "x = 3")
    if head.startswith("def"):
        own = f"{head}\n{indent}return 3\n\n\n"
    ours = BASE.replace("def helper", f"{own}def helper")
    theirs = BASE.replace(
        "    def total", "    def more(self) -> int:\n        return 3\n\n    def total"
    )
    assert clean(ours, theirs) == theirs.replace("def helper", f"{own}def helper")


def test_members_take_the_indentation_of_their_class() -> None:
    ours = BASE.replace("    ", "  ")
    theirs = BASE.replace(
        "    def total", "    def more(self) -> int:\n        return 3\n\n    def total"
    )
    assert clean(ours, theirs) == theirs.replace("    ", "  ")


def test_a_submodule_is_imported_beside_its_package() -> None:
    theirs = BASE.replace("import logging\n", "import logging\nimport logging.handlers\n")
    theirs = theirs.replace("LIMIT", "HANDLER = logging.handlers.QueueHandler\nLIMIT", 1)
    draft = merged(owning("1"), theirs)
    assert "import logging\nimport logging.handlers\n" in draft.text
    assert not draft.marks
    assert not draft.notes


def test_a_name_that_both_add_is_reviewed() -> None:
    ours = BASE.replace(
        "def helper", "def mean(x: list[int]) -> int:\n    return 0\n\n\ndef helper"
    )
    theirs = BASE.replace("import logging\n", "import logging\nfrom statistics import mean\n")
    theirs = theirs.replace("return 4", "return mean([4])")
    message = "mean: the template added this name, too; compare them"
    reviewed(ours, theirs, "def mean(x: list[int]) -> int:", message)


def test_a_removed_helper_stays_while_the_users_code_calls_it() -> None:
    theirs = BASE.replace("def last(x: int) -> int:\n    return x\n\n\n", "")
    message = "last: the template removed it; kept, since your code uses it"
    assert reviewed(owning("last(1)"), theirs, "def last(x: int) -> int:", message) == owning(
        "last(1)"
    )


def test_a_name_in_a_text_counts_as_a_use() -> None:
    last = "def last(x: int) -> int:\n    return x\n\n\n"
    ours = BASE + '\n\nTABLE = {name: globals()[name] for name in ("last",)}\n'
    message = "last: the template removed it; kept, since your code uses it"
    assert reviewed(ours, BASE.replace(last, ""), "def last(x: int) -> int:", message) == ours
    moved = BASE.replace(last, "") + f"\n\n{last.rstrip()}\n"
    message = "last: the merge leaves it undefined here"
    reviewed(ours, moved, 'TABLE = {name: globals()[name] for name in ("last",)}', message)


def test_a_removed_member_stays_while_the_users_code_calls_it() -> None:
    theirs = BASE.replace("    def _weight(self) -> int:\n        return 4\n\n", "")
    theirs = theirs.replace("self._weight() + ", "")
    message = "_weight: the template removed it; kept, since your code uses it"
    text = reviewed(owning("self._weight()"), theirs, "def _weight(self) -> int:", message)
    assert "return self.ratio" in text


def test_an_attribute_that_the_template_no_longer_sets_is_reviewed() -> None:
    base = BASE.replace(
        "    def total", "    def setup(self) -> None:\n        self.seen = 1\n\n    def total"
    )
    ours = base.replace("    def total", OWN.format("self.seen"))
    draft = merged(ours, BASE, base)
    (mark,) = draft.marks
    assert mark.message == "seen: used here; the merge leaves it undefined"
    assert "self.seen" in draft.text.split("\n")[mark.line]


def test_a_changed_signature_is_reviewed_where_the_users_code_calls_it() -> None:
    theirs = BASE.replace("    def _weight", "    @property\n    def _weight").replace(
        "self._weight()", "self._weight"
    )
    message = "_weight: the template changed its signature; your code uses it"
    reviewed(owning("self._weight()"), theirs, "return self._weight()", message)


def test_a_setter_of_a_property_that_is_a_method_now_is_reviewed() -> None:
    setter = "    @title.setter\n    def title(self, value: str) -> None:\n        pass\n"
    theirs = BASE.replace("    @property\n", "")
    message = "title: the template changed its signature; your code uses it"
    reviewed(f"{BASE}\n{setter}", theirs, "@title.setter", message)


def test_constants_that_depend_on_each_other_are_reordered_beside_a_moved_helper() -> None:
    helper = "def helper(x: int) -> int:\n    return x + 1\n\n\n"
    ours = BASE.replace(helper, "") + f"\n\n{helper.rstrip()}\n"
    theirs = BASE.replace("LIMIT = 5\nWIDTH = LIMIT * 2", "WIDTH = 10\nLIMIT = WIDTH // 2")
    assert "WIDTH = 10\nLIMIT = WIDTH // 2\n" in clean(ours, theirs)


def test_a_constant_between_reordered_ones_is_reviewed() -> None:
    ours = BASE.replace("WIDTH = LIMIT * 2\n", "WIDTH = LIMIT * 2\nOWN = WIDTH + LIMIT\n")
    theirs = BASE.replace("LIMIT = 5\nWIDTH = LIMIT * 2", "WIDTH = 10\nLIMIT = WIDTH // 2")
    message = "LIMIT: the merge leaves it undefined here"
    reviewed(ours, theirs, "OWN = WIDTH + LIMIT", message)


def test_exports_of_a_renamed_helper_are_reviewed() -> None:
    ours = BASE.replace("LIMIT = 5", '__all__ = ["Task", "last"]\nLIMIT = 5')
    theirs = BASE.replace("def last", "def final")
    message = "last: the template removed it; kept, since your code uses it"
    reviewed(ours, theirs, "def last(x: int) -> int:", message)


def test_a_statement_that_both_removed_is_no_conflict() -> None:
    base = BASE.replace("    return x + 1", "    y = x\n    print(y)\n    return y + 1")
    theirs = base.replace("    print(y)\n", "")
    ours = theirs.replace("    y = x\n", "    x = 2 * x\n    y = x\n")
    assert clean(ours, theirs, base) == ours


def test_overloads_of_the_user_do_not_hide_the_function() -> None:
    overload = "    @overload\n    def _weight(self, x: int = 0) -> int: ...\n\n"
    ours = BASE.replace("import logging\n", "import logging\nfrom typing import overload\n")
    ours = ours.replace("    def _weight", f"{overload}    def _weight")
    assert clean(ours, BASE.replace("return 4", "return 5")) == ours.replace("return 4", "return 5")


def test_an_own_try_does_not_hide_that_of_the_template() -> None:
    base = f"{BASE}\n\ntry:\n    import fast\nexcept ImportError:\n    fast = None\n"
    own = "try:\n    OWN = 1\nexcept ValueError:\n    OWN = 2\n\n"
    assert clean(base.replace("LIMIT = 5", f"{own}LIMIT = 5"), BASE, base).count("try:") == 1


def test_comments_between_decorators_are_kept() -> None:
    ours = BASE.replace("    @property\n", "    @property\n    # mine\n")
    theirs = BASE.replace("    @property\n", "    @staticmethod\n")
    assert "# mine" in merged(ours, theirs).text
