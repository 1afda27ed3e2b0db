"""The command line as a user sees it."""

from importlib.metadata import version
from pathlib import Path

import pytest

from ltscaffold.templating.catalog import CATALOG_FOLDERS
from tests.conftest import Run
from tests.helpers.tree import tree


def test_version(run: Run) -> None:
    assert run("ltscaffold", "--version").stdout == f"ltscaffold {version('ltscaffold')}\n"


def test_help_names_every_command(run: Run) -> None:
    text = run("ltscaffold", "--help").stdout
    assert all(command in text for command in ("new-project", "new-task", "new-dataset", "list"))


@pytest.mark.parametrize("what", CATALOG_FOLDERS.values())
def test_list(what: str, run: Run) -> None:
    text = run("ltscaffold", "list", what, COLUMNS="120").stdout
    known = {"bases": "language_modeling", "hooks": "training_step", "recipes": "weight_noise"}
    assert known[what] in text


def test_list_in_a_pipe_has_a_line_for_each(run: Run) -> None:
    lines = run("ltscaffold", "list", "hooks").stdout.splitlines()
    (line,) = [line for line in lines if "optimizer_step " in line and "on_before" not in line]
    assert "closure computes gradients" in line
    assert len(lines) > 50
    assert all(line.strip() for line in lines)


def test_new_project(project: Path, run: Run) -> None:
    done = run("ltscaffold", "new-project", "other", "--package", "examples")
    assert done.returncode == 0
    assert "examples/__init__.py" in tree(project / "other")
    assert run("ltscaffold", "new-project", "other").returncode == 2


def test_missing_option_is_a_usage_error(run: Run) -> None:
    done = run("ltscaffold", "new-task", "mine")
    assert done.returncode == 2
    assert "--base" in done.stderr
