"""The error lines that the page of troubleshooting lists are those of the code."""

import ast
import re
from collections.abc import Iterator

import pytest

from build_tools.release_templates import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
OF_OTHERS = {"Could not override", "'remote-ltscaffold' is not a"}
"""Beginnings of lines of Hydra and git."""


def listed() -> list[str]:
    """Return the lines in the first column of the tables."""
    cells = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    return [line for cell in cells for line in re.findall(r"`([^`]+)`", cell)]


def texts_of_the_code() -> Iterator[str]:
    """Yield each text of the packages, with `…` for the values in it."""
    for path in (ROOT / "scaffold").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


CODE = "\n".join(texts_of_the_code())


def missing(line: str) -> list[str]:
    """Return the parts of a line that no text of the code has."""
    if line.startswith(tuple(OF_OTHERS)):
        return []
    parts = [part.strip(" '?;:") for part in line.split("…")]
    return [part for part in parts if len(part) > 6 and part not in CODE]


@pytest.mark.parametrize("line", listed())
def test_line_exists(line: str) -> None:
    assert missing(line) == []


def test_a_line_that_does_not_exist_is_found() -> None:
    assert missing("the moon '…' is not a cheese") == ["the moon", "is not a cheese"]
