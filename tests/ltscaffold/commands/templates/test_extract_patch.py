"""An edit of a generated file becomes a patch of the templates that gives it."""

import os
import shutil
from pathlib import Path

import pytest

from ltscaffold.commands.templates.extract_patch import extract_patch
from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import read_project
from ltscaffold.templating.render import render
from ltscaffold.templating.source import SOURCE_URL, checkout, versions
from tests.conftest import Run
from tests.helpers.projects import new_task

MODEL, CONFIG, TEST = "tasks/mine/model.py", "conf/task/nlp/mine.yaml", "tests/test_mine.py"
IMPORT = "from lightning_transformers.testing import TaskContract\n"
NOISE = "        callbacks.append(WeightNoise(self.noise_std))\n"
TARGET = "    task_class = MineTransformer\n"
CLASS_LINE = (
    '    """Check that the config names the class, it trains, and its hooks are called."""\n\n'
)
EVERY_EDIT = bool(os.environ.get("LTSCAFFOLD_EVERY_EDIT"))
"""Whether to extract each type of edit; `make sweep` does."""
EDITS = {
    "docstring of the module": (MODEL, "Model of the task", "As our team trains the task"),
    "name of the base": (MODEL, '"""Causal language', '"""Our causal language'),
    "quotes in a summary": (MODEL, "Return the loss of one", 'Return the "loss" of one'),
    "statement of a recipe": (MODEL, NOISE, NOISE.replace("self", "2 * self")),
    "another statement of a recipe": (MODEL, NOISE, f"        assert self.noise_std\n{NOISE}"),
    "comment in the config": (CONFIG, "# Further keys: ", "# Our further keys: "),
    "another import": (TEST, IMPORT, f"import pytest\n{IMPORT}"),
    "line in the test": (TEST, TARGET, TARGET + TARGET.replace("task", "other")),
    "line deleted": (TEST, CLASS_LINE, ""),
    "line in the skeleton": ("train.py", "\nif __name__", "\nprint('Acme')\n\nif __name__"),
}


def generate(project: Path) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"], ["weight_noise"])


def edit(project: Path, path: str, old: str, new: str) -> None:
    text = (project / path).read_text()
    assert old in text
    (project / path).write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("name", EDITS if EVERY_EDIT else list(EDITS)[::3])
def test_edit_becomes_a_patch_that_gives_it(
    name: str, project: Path, run: Run, tmp_path: Path
) -> None:
    generate(project)
    edit(project, *EDITS[name])
    found = extract_patch(project, "mine")
    assert found.findings == []
    templates = tmp_path / "templates"
    shutil.copytree(checkout(SOURCE_URL, versions(SOURCE_URL)[-1]), templates)
    (tmp_path / "patch").write_text(found.patch)
    done = run("git", "-C", templates, "apply", tmp_path / "patch")
    assert done.returncode == 0, done.stderr
    answers = read_project(project)
    for path, text in render(templates, answers, skeleton=False).items():
        assert text == (project / path).read_text()
    assert "mine" not in found.patch.replace("determined", "").lower()


def test_several_edits_become_one_patch(project: Path) -> None:
    generate(project)
    edit(project, *EDITS["docstring of the module"])
    edit(project, *EDITS["comment in the config"])
    edit(project, MODEL, "noise_std: float = 0.01", "noise_std: float = 0.02")
    edit(project, CONFIG, "noise_std: 0.01", "noise_std: 0.02")
    found = extract_patch(project, "mine")
    assert found.findings == []
    assert found.patch.count("diff --git") == 3
    assert '"default": 0.02' in found.patch


@pytest.mark.parametrize(
    ("path", "old", "new", "line"),
    [
        (MODEL, NOISE, NOISE.replace("\n", "  # of mine\n"), 0),
        (MODEL, "return super()", "return 2 * super()", 0),
        (CONFIG, "noise_std: 0.01", "noise_std: 0.5", 0),
        (CONFIG, "# Further", "# Not for {{ braces }}. Further", 0),
    ],
    ids=["the name of the component", "the body of a stub", "a value", "braces"],
)
def test_what_no_template_can_give_is_a_finding(
    path: str, old: str, new: str, line: int, project: Path
) -> None:
    generate(project)
    edit(project, *EDITS["name of the base"])
    edit(project, path, old, new)
    found = extract_patch(project, "mine")
    assert found.patch == ""
    assert [(finding.code, finding.path) for finding in found.findings] == [("not-harvested", path)]
    assert line in (0, found.findings[0].line)


def test_the_command_prints_or_writes_the_patch(project: Path, run: Run) -> None:
    generate(project)
    done = run("ltscaffold", "template", "extract-patch", "mine")
    assert done.returncode == 2
    assert "no file of 'mine' was edited; edit one first" in done.stderr
    edit(project, *EDITS["docstring of the module"])
    done = run("ltscaffold", "template", "extract-patch", "mine", "--output", "../patch")
    assert done.returncode == 0, done.stderr
    assert "As our team trains" in (project.parent / "patch").read_text()
    edit(project, MODEL, "return super()", "return 2 * super()")
    done = run("ltscaffold", "template", "extract-patch", "mine")
    assert done.returncode == 1
    assert "'return 2 * super().training_step(batch, batch_idx)' cannot be extracted" in done.stdout


def test_an_unknown_component_is_one_line(project: Path) -> None:
    generate(project)
    with pytest.raises(ScaffoldError, match="'mime' is not a known component"):
        extract_patch(project, "mime")
