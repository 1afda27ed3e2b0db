"""The command line starts fast: it imports only the modules that it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from lightning_transformers.version import VERSION

HEAVY = {
    *("torch", "transformers", "pytorch_lightning", "datasets", "hydra", "omegaconf", "copier"),
    *("pydantic", "jsonschema", "mcp"),
}
RUN = """
import sys
from ltscaffold.cli.app import main
sys.argv = ["ltscaffold", *{arguments!r}]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print("imported:", *{{name.partition(".")[0] for name in sys.modules}}, file=sys.stderr)
"""


def imported(arguments: list[str], folder: Path) -> set[str]:
    """Return the top-level modules that a command imports."""
    code = RUN.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(done.stderr.rpartition("imported:")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list", "hooks"],
        ["new-dataset", "mine", "--base", "language_modeling", "--hook", "process_data"],
        ["new-callback", "mine", "--hook", "on_train_end", "--json"],
        ["schema", "status"],
        ["new-task", "mine", "--base", "language_modeling", "--recipe", "weight_noise"],
    ],
    ids=" ".join,
)
def test_command_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    modules = imported(arguments, tmp_path)
    assert "typer" in modules
    assert not modules & HEAVY


def test_help_needs_neither_jinja_nor_yaml(tmp_path: Path) -> None:
    assert not imported(["--help"], tmp_path) & {"jinja2", "yaml", "filelock"}


def test_an_update_without_former_names_needs_no_libcst(tmp_path: Path) -> None:
    task = ["new-task", "mine", "--base", "language_modeling", "--recipe", "freeze_backbone"]
    imported(task, tmp_path)
    assert "libcst" not in imported(["update"], tmp_path)
    (tmp_path / "own.py").write_text("from lightning_transformers.core.task import TaskTransformer")
    assert "libcst" in imported(["update"], tmp_path)


@pytest.mark.parametrize(
    "command", [["ltscaffold"], [sys.executable, "-m", "ltscaffold.cli"]], ids=["script", "module"]
)
def test_it_starts_as_a_script_and_as_a_module(command: list[str]) -> None:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"ltscaffold {VERSION}\n"
