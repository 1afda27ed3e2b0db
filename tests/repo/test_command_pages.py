"""The pages of commands, executed as printed, in order."""

import os
import re
import subprocess
from pathlib import Path

from build_tools.release_templates import ROOT
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import SOURCE_URL, versions
from tests.conftest import Run
from tests.helpers.doc_pages import blocks
from tests.helpers.own_templates import OURS

TEMPLATES = (ROOT / "docs/how-to/templates.md").read_text("utf-8")
COMMANDS = (ROOT / "docs/reference/commands.md").read_text("utf-8")
ADDRESSES = ("git@github.com:acme/our-templates.git", "https://github.com/acme/our-templates.git")
MODEL = "tasks/my_task/model.py"
ROWS = {
    "new-project PATH": "new-project .",
    "new-task NAME --base BASE": "new-task mine --base language_modeling",
    "new-dataset NAME --base BASE": "new-dataset rows --base translation",
    "new-callback NAME": "new-callback watch",
    "add NAME --hook H --recipe R": "add mine --hook build_model --recipe weight_noise",
    "add-shell PART...": "add-shell vscode",
    "rename NAME NEW": "rename mine yours",
    "remove NAME": "remove rows",
    "update [NAME]...": "update yours",
    "prove [NAME]... --with REQUIREMENT": "",  # takes minutes: commands/prove/test_prove.py
    "template eject FRAGMENT": "template eject hooks/training_step",
    "template extract-patch NAME": "template extract-patch yours --output edit.patch",
    "template test [PATH]": "",  # takes minutes: tests/ltscaffold/commands/templates/test_test.py
    "trust TEMPLATE": "trust ltscaffold::templates.git",
    "undo": "undo",
    "status": "status",
    "check [NAME]": "check watch",
    "explain NAME": "",  # imports torch: tests/ltscaffold/commands/inspect/test_explain.py
    "runs [FOLDER]": "runs .",
    "list bases`, `hooks`, `recipes`, `shell`, `components": "list components",
    "schema COMMAND": "schema template eject",
    "mcp": "",  # needs a client: tests/ltscaffold/cli/test_mcp_server.py
}
"""The rows of the table in `docs/reference/commands.md`, each with a command that it describes."""


def scripts(page: str) -> list[str]:
    """Return the shell blocks of a page, each as a script that stops at an error."""
    return ["set -e\n" + block.code for block in blocks(page) if block.language == "bash"]


def execute(script: str, folder: Path, **environment: str) -> None:
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_templates_page(tmp_path: Path) -> None:
    eject, clone, test, extract = scripts(TEMPLATES)
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "hub.git"], check=True)
    config = "".join(f"\tinsteadOf = {address}\n" for address in ADDRESSES)
    (tmp_path / "gitconfig").write_text(f'[url "{tmp_path}/hub.git"]\n{config}')
    user = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"), "EDITOR": "sed -i s/one/each/"}
    execute(clone, tmp_path, **user)
    project = tmp_path / "my-project"
    latest = versions(SOURCE_URL)[-1]
    assert read_project(project).version == OURS, f"print git tag {latest}+acme.1"
    model = project / MODEL
    assert "Return the loss of each training batch." in model.read_text()
    execute(eject, project, **user)
    assert (project / ".ltscaffold/templates/hooks/training_step.jinja").is_file()
    model.write_text(model.read_text().replace("Model of the task", "Model of ours for the task"))
    execute(extract, project, **user)
    assert "Model of ours" in "".join(path.read_text() for path in clone_models(tmp_path))
    assert test.startswith("set -e\nltscaffold template test")  # takes minutes: test_test.py


def clone_models(folder: Path) -> list[Path]:
    return list((folder / "our-templates").glob("**/model.py.jinja"))


def test_commands_page(project: Path, run: Run) -> None:
    """Each row of its table, with values for the names in capitals, one after the other."""
    table = COMMANDS.partition("Commands that write")[0]
    assert re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE) == list(ROWS)
    for row, arguments in ROWS.items():
        if row == "template extract-patch NAME":
            model = project / "tasks/yours/model.py"
            model.write_text(model.read_text().replace("Model of the task", "Model of ours"))
        done = run("ltscaffold", *arguments.split()) if arguments else None
        assert done is None or done.returncode == 0, (row, done.stdout, done.stderr)
