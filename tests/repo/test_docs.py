"""Commands and code in the documentation work as written."""

import re
from itertools import chain
from pathlib import Path

import pytest
from typer.models import CommandInfo

import lightning_transformers
from build_tools.release_templates import ROOT, TEMPLATES
from lightning_transformers.cli import EXAMPLES
from ltscaffold.cli import template
from ltscaffold.cli.app import app
from ltscaffold.templating.catalog import Catalog
from ltscaffold.templating.fragments import CATALOG_FOLDERS
from tests.conftest import Run
from tests.helpers.corpus import write_csv
from tests.helpers.hub import Hub, save_tiny_gpt2
from tests.helpers.projects import new_task

README = (ROOT / "README.md").read_text()
COMMANDS = (ROOT / "docs/reference/commands.md").read_text()
PYTHON = (ROOT / "docs/how-to/python.md").read_text()
TASKS = (ROOT / "docs/reference/tasks.md").read_text()
CATALOG = Catalog(TEMPLATES)


def block(language: str, containing: str, page: str = README) -> str:
    """Return the one fenced block of a page with a text in it."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return found


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_commands_need_no_package_that_the_extra_does_not_bring() -> None:
    commands = re.findall(r"(?:^    .*\n)+", README, re.MULTILINE)
    assert any("optimizer=adafactor" in command for command in commands)
    assert set(re.findall(r"\blogger=(\w+)", "".join(commands))) <= {"csv", "none"}


def test_what_the_generated_commands_print_with_a_plus_has_one_everywhere() -> None:
    shown = [README, TASKS, *chain.from_iterable(EXAMPLES.values())]
    bare = re.compile(r"(?<![+\w.])(task|checkpoint_path|x)=")
    fences = re.compile(r"```python\n.*?```", re.DOTALL)
    assert [text for text in shown if bare.search(fences.sub("", text))] == []


def test_python_runs(project: Path, run: Run, tmp_path: Path) -> None:
    write_csv(project / "train.csv")
    save_tiny_gpt2(tmp_path / "gpt2")
    # The tiny model of the test has fewer positions than GPT-2.
    code = block("python", "Trainer").replace("block_size=256", "block_size=16")
    with Hub() as hub:
        hub.add_model("gpt2", tmp_path / "gpt2")
        environment = hub.environment(tmp_path / "cache") | {"HF_HUB_OFFLINE": "0"}
        done = run("env", "python", "-c", code + "\nprint(metrics['val/loss'])", **environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) > 0
    assert {path.name for path in project.iterdir()} == {"train.csv", "outputs"}, "git ignores it"


def test_python_page_names_all_that_is_public() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PYTHON.partition("## ")[0], re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert sorted(named) == lightning_transformers.__all__


def test_stub_is_what_is_generated(project: Path) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"])
    stub = block("python", "def training_step")
    assert stub in (project / "tasks/mine/model.py").read_text()


@pytest.mark.parametrize("kind", CATALOG_FOLDERS)
def test_names_in_the_commands_exist(kind: str) -> None:
    option = "add-shell" if kind == "shell" else f"--{kind}"
    named = set(re.findall(rf"{option} (\w+)", README))
    assert named
    assert named <= set(CATALOG.names(kind))


def test_recipe_in_the_contract_is_the_real_one() -> None:
    contract = (TEMPLATES / "README.md").read_text()
    assert (TEMPLATES / "recipes/freeze_backbone.jinja").read_text() in contract


def test_links_of_the_readme_lead_somewhere() -> None:
    """Those of the other pages: `tests/docs/test_site.py`."""
    for target in re.findall(r"\]\(([^)]+)\)", README):
        path, _, anchor = target.partition("#")
        text = (ROOT / path).read_text("utf-8") if anchor else ""
        titles = re.findall(r"^#+ (.+)", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles}
        assert (ROOT / path).exists(), target
        assert not anchor or anchor in anchors, target


def test_every_command_is_documented() -> None:
    documented = set(re.findall(r"`([a-z-]+)[ `]", COMMANDS))
    commands = {
        str(command.name or callback_name(command))
        for command in app.registered_commands
        if not command.hidden
    }
    templates = {str(c.name or callback_name(c)) for c in template.app.registered_commands}
    assert templates
    assert all(f"`template {name} " in COMMANDS for name in templates)
    assert len(commands) > 10
    assert commands <= documented


def callback_name(command: CommandInfo) -> str:
    assert command.callback is not None
    return command.callback.__name__.replace("_", "-")
