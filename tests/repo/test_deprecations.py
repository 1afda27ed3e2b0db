"""Each deprecation in the code is in docs/deprecations.md, with the version that removes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.version import Version

from build_tools.release_templates import ROOT
from lightning_transformers.version import VERSION
from ltscaffold.cli.app import FORMER_SPELLINGS, app

PAGE = (ROOT / "docs/deprecations.md").read_text("utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]
RUNTIME = "scaffold/lightning_transformers"
WARNINGS = {
    f"{RUNTIME}/core/former_forms.py::warn_of_former_process_data": "`process_data(",
    f"{RUNTIME}/former_paths.py::warn": "modules of 0.1",
    f"{RUNTIME}/former_paths.py::warn_of_former_methods": "renamed data module methods",
    f"{RUNTIME}/runs/load.py::load_by_class": "`lightning_transformers.build.load(",
}
"""Function that warns of a former form → what its row of the page mentions."""


def warns(function: ast.FunctionDef) -> bool:
    """Return whether a function warns with a category of deprecations."""
    return any(
        isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("warn")
        and re.search("(Deprecation|Future)Warning", ast.unparse(node))
        for node in ast.walk(function)
    )


def deprecations(root: Path) -> Iterator[str]:
    """Yield each function of the packages that warns of a former form, `path::function`."""
    for path in sorted((root / "scaffold").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and warns(node):
                yield f"{path.relative_to(root).as_posix()}::{node.name}"


def test_each_warning_has_a_row() -> None:
    assert sorted(deprecations(ROOT)) == sorted(WARNINGS)
    formers = [row[1] for row in ROWS]
    for phrase in WARNINGS.values():
        assert sum(phrase in former for former in formers) == 1, phrase


def test_a_warning_without_a_row_is_found(tmp_path: Path) -> None:
    (tmp_path / "scaffold").mkdir()
    code = "def old():\n    warnings.warn('old is now new', FutureWarning, stacklevel=2)\n"
    (tmp_path / "scaffold/module.py").write_text(code)
    assert list(deprecations(tmp_path)) == ["scaffold/module.py::old"]


def test_each_former_spelling_has_a_row() -> None:
    hidden = {str(command.name) for command in app.registered_commands if command.hidden}
    assert hidden
    listed = " ".join(row[1] for row in ROWS)
    assert {word for word in hidden | {*FORMER_SPELLINGS} if word not in listed} == set()


def test_each_row_has_a_version_of_removal_that_is_to_come() -> None:
    """Or it says that the form is kept; in that version this test asks for the removal."""
    until = [row[3] for row in ROWS]
    assert [each for each in until if not re.fullmatch(r"\d+\.\d+\.0|kept.*", each)] == []
    versions = [Version(each) for each in until if not each.startswith("kept")]
    assert versions
    assert min(versions) > Version(VERSION)
