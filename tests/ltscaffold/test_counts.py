"""Counts of what commands load and call: a guard against slow drift that needs no clock."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ltscaffold import git
from ltscaffold.commands.inspect.check import check
from ltscaffold.commands.update.update import plan_update
from ltscaffold.project.status import status
from ltscaffold.templating.source import BUNDLE_VARIABLE
from tests.helpers.projects import new_task
from tests.helpers.releases import next_release

RUN = """
import json, sys
from collections import Counter
counts = Counter()
sys.addaudithook(lambda event, arguments: counts.update([event]))
from ltscaffold.cli.app import main
sys.argv = ["ltscaffold", *{arguments!r}]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
names = {{name.partition(".")[0] for name in sys.modules}}
loaded = sorted(name for name in names - sys.stdlib_module_names if name[0] != "_")
print("\\n" + json.dumps([loaded, counts, sorted(sys.modules)]), file=sys.stderr)
"""
COMMAND_LINE = {"annotated_doc", "ltscaffold", "shellingham", "typer"}
RUNTIME = {"lightning_transformers"}
HELP = {"markdown_it", "mdurl", "pygments", "rich"}
LISTS = {"jinja2", "markupsafe", "platformdirs", "yaml"}
TEMPLATES = {"jinja2_ansible_filters", *LISTS}
NEW_TASK = ["new-task", "second", "--base", "language_modeling", "--recipe", "weight_noise"]
LOADED = {
    "--version": COMMAND_LINE | RUNTIME,
    "--help": COMMAND_LINE | HELP,
    "list components": COMMAND_LINE | LISTS,
    " ".join(NEW_TASK): COMMAND_LINE | TEMPLATES,
    "add first --hook setup": COMMAND_LINE | TEMPLATES,
    "status": COMMAND_LINE | TEMPLATES | {"packaging"},
    "update": COMMAND_LINE | RUNTIME | LISTS | {"packaging"},
}
"""The packages that each command loads; a new one must be worth its time at every start."""
OPTIONAL = {"attr", "cython_runtime"}
"""Modules that Rich and PyYAML load where they find them."""
SLOW = {"asyncio", "sqlite3", "ssl", "multiprocessing", "http", "zoneinfo"}
"""Modules of the standard library that no command needs, and libraries load unasked."""
MOST_OPENED = 560
"""The files that `new-task` opens: modules, and the templates, which are compared with a digest."""


def measured(arguments: list[str], folder: Path) -> tuple[set[str], Counter[str], set[str]]:
    """Return the packages that a command loads, its audit events, and all its modules."""
    code = RUN.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    loaded, counts, modules = json.loads(done.stderr.splitlines()[-1])
    return set(loaded), Counter(counts), set(modules)


@pytest.fixture
def with_task(project: Path) -> Path:
    new_task(project, "first", "language_modeling")
    return project


@pytest.mark.parametrize("command", LOADED)
def test_command_loads_the_listed_packages(command: str, with_task: Path) -> None:
    loaded, _, modules = measured(command.split(), with_task)
    assert loaded - OPTIONAL == LOADED[command]
    assert not modules & SLOW


def test_new_task_opens_few_files_and_starts_no_process(with_task: Path) -> None:
    measured([*NEW_TASK, "--dry-run"], with_task)  # compiles the templates
    _, counts, _ = measured(NEW_TASK, with_task)
    assert counts["subprocess.Popen"] == 0
    assert counts["open"] < MOST_OPENED


@pytest.mark.parametrize("command", ["status", "check", "update"])
def test_calls_of_git_do_not_depend_on_the_number_of_components(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = tmp_path / "small", tmp_path / "large"
    for project, size in zip(projects, (1, 3), strict=True):
        project.mkdir()
        for number in range(size):
            new_task(project, f"task_{number}", "language_modeling", hooks=["training_step"])
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    commands = {"status": status, "check": check, "update": plan_update}
    commands[command](projects[0])  # fills the cache
    calls, counts, run = [], [], subprocess.run
    record = lambda *words, **options: calls.append(words) or run(*words, **options)  # noqa: E731
    monkeypatch.setattr(git.subprocess, "run", record)
    for project in projects:
        calls.clear()
        commands[command](project)
        counts.append(len(calls))
    assert counts[0] == counts[1]
    assert counts[0] > 0 or command == "status"
