"""The output of `--json` matches `docs/reference/json.md`."""

import json
import re
from pathlib import Path

import pytest

from build_tools.release_templates import ROOT
from tests.conftest import Run
from tests.helpers.projects import new_task

WORDS = set(re.findall(r"`([\w-]+)`", (ROOT / "docs/reference/json.md").read_text()))
OPEN = {"files"}
"""Keys with an object below them whose keys are data."""

COMMANDS = [
    "new-task other --base language_modeling --dry-run",
    "add mine --hook setup --dry-run",
    "rename mine yours --dry-run",
    "remove mine --dry-run",
    "remove mine",
    "new-dataset rows --base translation",
    "new-callback watch",
    "new-project sub",
    "template eject hooks/setup",
    "undo",
    "status",
    "check",
    "list bases",
    "list hooks",
    "list recipes",
    "list components",
    "remove nothing",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_is_documented(command: str, project: Path, run: Run) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"])
    model = project / "tasks/mine/model.py"
    model.write_text(model.read_text().replace("Causal language model", "Language model"))
    done = run("ltscaffold", *command.split(), "--json")
    printed = json.loads(done.stdout)
    assert printed["schema"] == 2
    assert done.stderr == ""
    assert keys(printed) <= WORDS
    if "error" in printed:
        assert printed["error"]["exit_status"] == done.returncode > 1


def keys(value: object) -> set[str]:
    """Return the keys of an object and of all within it."""
    if isinstance(value, list):
        return {key for element in value for key in keys(element)}
    if not isinstance(value, dict):
        return set()
    below = {key for name, inner in value.items() if name not in OPEN for key in keys(inner)}
    return set(value) | below


def test_the_codes_of_findings_are_documented() -> None:
    folder = ROOT / "scaffold/ltscaffold"
    classes = (folder / "project/classes").glob("*.py")
    modules = (folder / "commands/inspect/check.py", folder / "project/diagnostics.py", *classes)
    code = "".join(module.read_text() for module in modules)
    codes = set(re.findall(r'(?:Finding\(|yield|return)\s*"([\w-]+)"', code))
    assert len(codes) == 22
    assert codes <= WORDS
