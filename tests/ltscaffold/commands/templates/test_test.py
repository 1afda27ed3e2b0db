"""`ltscaffold template test` passes what was released, and finds what is wrong with templates."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from ltscaffold.commands.templates import test as module
from ltscaffold.commands.templates.test import GOLDENS, template_test
from ltscaffold.errors import ScaffoldError
from ltscaffold.templating.source import SOURCE_URL, checkout
from tests.conftest import Run
from tests.helpers.releases import MODEL
from tests.helpers.tree import tree

KEPT = {
    "bases": ["language_modeling"],
    "hooks": ["training_step", "configure_callbacks"],
    "data_hooks": ["process_data"],
    "callback_hooks": ["on_fit_end"],
    "recipes": ["weight_noise"],
}
pytestmark = pytest.mark.usefixtures("warm_interpreter")

CONTRACT = "from lightning_transformers.testing import TaskContract\n"


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Return templates with one base and few parts, for speed."""
    folder = tmp_path / "templates"
    shutil.copytree(checkout(SOURCE_URL, "v1.1.0"), folder)
    for kind, names in KEPT.items():
        for path in (folder / kind).iterdir():
            if path.stem not in names:
                path.unlink()
    return folder


def replace_in(templates: Path, glob: str, old: str, new: str) -> None:
    (path,) = templates.glob(glob)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_released_templates_pass() -> None:
    assert template_test(checkout(SOURCE_URL, "v1.1.0"), run=False) == []


def test_generated_tests_are_run(templates: Path) -> None:
    """Those of a task and a callback pass, and those of a dataset fail."""
    glob = "project/conf/dataset/**/*.yaml.jinja"
    replace_in(templates, glob, "_target_: {{ lts_package }}", "_target_: nowhere")
    findings = template_test(templates)
    assert {finding.code for finding in findings} == {"test"}
    assert {finding.path for finding in findings} == {"tests/test_data_of_language_modeling.py"}


@pytest.mark.parametrize(
    ("glob", "old", "new", "code", "message"),
    [
        (MODEL, '"""The {{ task', 'x  = 1\n"""The {{ task', "format", "would be reformatted"),
        ("project/tests/*task*", CONTRACT, f"import os\n{CONTRACT}", "style", "F401"),
        (MODEL, "overrides below", "{{ nothing }}", "template-error", "'nothing' is undefined"),
        (MODEL, "class_line(", "'class ' ~ (", "template-error", "invalid Python"),
        ("copier.yml", "_subdirectory", "_tasks: [ls]\n_subdirectory", "copier", "trust"),
        ("copier.yml", "_subdirectory", "_exclude: [train.py]\n_subdirectory", "copier", "differ"),
    ],
    ids=["format", "style", "undefined", "syntax", "trust", "exclude"],
)
def test_what_is_wrong_is_found(
    glob: str, old: str, new: str, code: str, message: str, templates: Path
) -> None:
    replace_in(templates, glob, old, new)
    findings = template_test(templates, run=False)
    assert code in {finding.code for finding in findings}
    assert any(message in finding.message for finding in findings)


@pytest.mark.slow
def test_goldens_show_what_an_edit_changes(templates: Path, run: Run) -> None:
    before = tree(templates)
    assert template_test(templates, run=False, accept=True) == []
    names = {path.stem for path in (templates / GOLDENS).iterdir()}
    assert {"project", "hooks_of_language_modeling", "with_weight_noise"} <= names
    assert {path for path in tree(templates) if path not in before} == {
        f"{GOLDENS}/{name}.txt" for name in names
    }
    replace_in(templates, "hooks/training_step.jinja", "Return the loss", "Give the loss")
    (templates / GOLDENS / "gone.txt").write_text("")
    done = run("ltscaffold", "template", "test", templates, "--no-run")
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{GOLDENS}/hooks_of_language_modeling.txt:")
    assert first.endswith("see git diff after --accept [golden]")
    assert second == f"{GOLDENS}/gone.txt: no longer rendered; delete it with --accept [golden]"
    assert template_test(templates, run=False, accept=True) == []
    assert template_test(templates, run=False) == []


def test_a_folder_of_something_else_is_refused(project: Path, run: Run) -> None:
    done = run("ltscaffold", "template", "test", "--json")
    assert done.returncode == 2
    assert f"{project} has no templates for ltscaffold (it lacks copier.yml)" in done.stdout


@pytest.mark.parametrize(("missing", "cure"), [("ruff", "install ruff"), ("torch", "--no-run")])
def test_without_a_tool_the_error_says_how_to_install_it(
    missing: str, cure: str, templates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "find_spec", lambda name: None if name == missing else find_spec(name)
    )
    with pytest.raises(ScaffoldError, match=f"{missing} is not installed.*{cure}"):
        template_test(templates)
