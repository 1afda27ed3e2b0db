"""Each promise of docs/explanation/promises.md names a test that exists, and README leads there."""

import ast
import re

from build_tools.release_templates import ROOT

PAGE = (ROOT / "docs/explanation/promises.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]


def exists(test: str) -> bool:
    """Return whether `path::function` is a test of this repository."""
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8")) if (ROOT / path).is_file() else None
    return tree is not None and any(
        isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body
    )


def test_each_promise_names_a_test_that_exists() -> None:
    named = [re.findall(r"`(tests/\S+::test_\w+)` \|$", row) for row in ROWS]
    assert len(named) > 8
    assert [
        row for row, tests in zip(ROWS, named, strict=True) if not any(map(exists, tests))
    ] == []
    assert not exists("tests/repo/test_promises.py::test_none")


def test_readme_leads_to_the_page() -> None:
    assert "(docs/explanation/promises.md)" in (ROOT / "README.md").read_text("utf-8")
