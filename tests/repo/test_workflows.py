"""The workflows of this repository fit the schema of GitHub, and run what exists."""

import re
from pathlib import Path

import pytest

from build_tools.release_templates import ROOT
from tests.helpers.ci_files import GITHUB, faults, findings

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_they_fit_the_schema() -> None:
    assert WORKFLOWS
    assert faults(GITHUB, *WORKFLOWS) == ""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_a_misspelled_key_is_found(workflow: Path, tmp_path: Path) -> None:
    file = tmp_path / workflow.name
    file.write_text(workflow.read_text("utf-8").replace("permissions:", "permission:"))
    assert "'permission' was unexpected" in faults(GITHUB, file)


def test_they_pass_an_audit() -> None:
    assert findings(ROOT / ".github/workflows") == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_they_run_targets_and_modules_that_exist(workflow: Path) -> None:
    text = workflow.read_text("utf-8")
    assert {*re.findall(r"run: make ([\w-]+)", text)} <= {*TARGETS}
    for module in re.findall(r"python -m (build_tools\.\w+)", text):
        assert (ROOT / "scaffold" / module.replace(".", "/")).with_suffix(".py").is_file()
