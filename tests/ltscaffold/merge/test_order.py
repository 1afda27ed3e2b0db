"""The order of members: that of the template, unless the user has changed it."""

import ast

from ltscaffold.merge.python import merge_python

OLD = '''class A:
    """A."""

    x = 0

    # New hooks go below this line.

    def c(self) -> int:
        return super().c()

    def b(self) -> int:
        return super().b()

    def a(self) -> int:
        return super().a()
'''
NEW = '''class A:
    """A."""

    x = 0

    def a(self) -> int:
        return super().a()

    def b(self) -> int:
        return super().b()

    def c(self) -> int:
        return super().c()
'''
OWN = "\n    def own(self) -> int:\n        return 1\n"
FIRST = "    def first(self) -> int:\n        return super().first()\n\n"


def merged(ours: str, base: str = OLD, theirs: str = NEW) -> str:
    draft = merge_python(ours, base, theirs)
    assert draft is not None
    assert not draft.marks
    assert not draft.notes
    return draft.text


def members(text: str) -> list[str]:
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.ClassDef)
    return [getattr(each, "name", "") or ast.unparse(each) for each in node.body]


def test_edited_members_take_the_order_of_the_template() -> None:
    filled = OLD.replace("return super().b()", "return 2 * super().b()")
    assert merged(filled) == NEW.replace("return super().b()", "return 2 * super().b()")


def test_a_member_of_the_user_stays_below_the_one_that_it_follows() -> None:
    below_b = OLD.replace("super().b()\n", f"super().b()\n{OWN}")
    assert members(merged(below_b)) == ["'A.'", "x = 0", "a", "b", "own", "c"]
    at_the_top = OLD.replace("this line.\n", f"this line.\n{OWN}")
    assert members(merged(at_the_top)) == ["'A.'", "x = 0", "own", "a", "b", "c"]


def test_an_order_of_the_user_stays() -> None:
    head, c, b, a = OLD.rstrip("\n").split("\n\n    def ")
    own = "\n\n    def ".join([head, b, c, a]) + "\n"
    assert members(merged(own)) == ["'A.'", "x = 0", "b", "c", "a"]


def test_without_a_docstring_no_blank_line_stands_at_the_top() -> None:
    old, new = (
        text.replace('    """A."""\n\n    x = 0\n\n', "").replace(
            "    # New hooks go below this line.\n\n", ""
        )
        for text in (OLD, NEW)
    )
    assert merged(old, old, new) == new
    assert merged(old.replace("b()\n", "b()  # mine\n"), old, new).startswith("class A:\n    def a")


def test_a_new_method_goes_below_the_fields_of_the_user() -> None:
    more = NEW.replace("    def a", f"{FIRST}    def a")
    own = NEW.replace("    x = 0\n", "    x = 0\n    own = 1\n")
    assert merged(own, NEW, more) == more.replace("    x = 0\n", "    x = 0\n    own = 1\n")
    field = NEW.replace("    x = 0\n", "    x = 0\n    y = 0\n")
    assert members(merged(own, NEW, field))[1:4] == ["x = 0", "y = 0", "own = 1"]
