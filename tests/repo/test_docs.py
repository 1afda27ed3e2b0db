"""What the documentation shows works as it stands."""

import re
from pathlib import Path

import pytest

from ltscaffold.catalog import KINDS, Catalog
from ltscaffold.commands.new_task import new_task
from release_templates import ROOT, TEMPLATES
from tests.conftest import Run
from tests.hub import Hub, save_tiny_gpt2
from tests.runtime.corpus import write_csv

README = (ROOT / "README.md").read_text()
CATALOG = Catalog(TEMPLATES)


def block(language: str, containing: str) -> str:
    """Return the one fenced block of the README with a text in it."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return found


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 120


def test_python_runs(project: Path, run: Run, tmp_path: Path) -> None:
    write_csv(project / "train.csv")
    save_tiny_gpt2(tmp_path / "gpt2")
    # The tiny model of the test has fewer positions than GPT-2.
    code = block("python", "Trainer").replace("block_size=256", "block_size=16")
    with Hub() as hub:
        hub.add_model("gpt2", tmp_path / "gpt2")
        environment = hub.environment(tmp_path / "cache") | {"HF_HUB_OFFLINE": "0"}
        done = run("python", "-c", code + "\nprint(metrics['val/loss'])", **environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) > 0


def test_stub_is_what_is_generated(project: Path) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"])
    stub = block("python", "def training_step")
    assert stub in (project / "tasks/mine/model.py").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_names_in_the_commands_exist(kind: str) -> None:
    named = set(re.findall(rf"--{kind} (\w+)", README))
    assert named
    assert named <= set(CATALOG.names(kind))


def test_recipe_in_the_contract_is_the_real_one() -> None:
    contract = (TEMPLATES / "README.md").read_text()
    assert (TEMPLATES / "recipes/freeze_backbone.jinja").read_text() in contract


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
