"""A template fragment that a project overrides."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.commands.templates.eject import plan_eject
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.project_fragments import ejected_changes
from ltscaffold.project.status import status
from ltscaffold.record.answers import read_project
from ltscaffold.templating.fragments import fragment_names
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, checkout, refresh, versions
from tests.conftest import Run
from tests.helpers.copier_update import commit_all
from tests.helpers.own_templates import DOCSTRING, OURS, next_version, our_templates
from tests.helpers.projects import (
    add,
    eject,
    new_callback,
    new_dataset,
    new_project,
    new_task,
    undo,
    update,
)
from tests.helpers.releases import NEXT, next_release
from tests.helpers.tree import tree

FRAGMENT = ".ltscaffold/templates/hooks/training_step.jinja"
MODEL = "tasks/mine/model.py"
ORIGINAL, OWN = "Return the loss of one training batch.", "Return the loss, as our team has it."
NEWEST = versions(SOURCE_URL)[-1]


def eject_and_edit(project: Path) -> None:
    eject(project, "hooks/training_step")
    fragment = project / FRAGMENT
    assert ORIGINAL in fragment.read_text()
    fragment.write_text(fragment.read_text().replace(ORIGINAL, OWN))


@pytest.fixture
def generated(project: Path) -> Path:
    """Return a project with a task that was rendered from an overriding template fragment."""
    new_project(project)
    eject_and_edit(project)
    new_task(project, "mine", "language_modeling", ["training_step"])
    return project


def test_new_components_render_with_it_and_older_ones_stay(project: Path) -> None:
    new_task(project, "old", "language_modeling", ["training_step"])
    before = (project / "tasks/old/model.py").read_text()
    eject_and_edit(project)
    new_task(project, "new", "language_modeling", ["training_step", "setup"])
    new_task(project, "late", "language_modeling")
    add(project, "late", ["training_step"])
    assert (project / "tasks/old/model.py").read_text() == before
    for name in ("new", "late"):
        text = (project / f"tasks/{name}/model.py").read_text()
        assert OWN in text
        assert ORIGINAL not in text
    eject(project, "hooks/setup")  # a second one, in the same process
    setup = project / ".ltscaffold/templates/hooks/setup.jinja"
    setup.write_text(setup.read_text().replace("Called on every process", "Always called"))
    new_task(project, "last", "language_modeling", ["setup"])
    assert "Always called" in (project / "tasks/last/model.py").read_text()


def test_it_can_be_taken_back(project: Path) -> None:
    new_project(project)
    before = tree(project)
    eject(project, "hooks/training_step")
    assert set(tree(project)) - set(before) == {FRAGMENT}
    undo(project)
    assert tree(project) == before


def test_a_preview_writes_nothing(project: Path, run: Run) -> None:
    new_project(project)
    before = tree(project)
    done = run("ltscaffold", "template", "eject", "recipes/lora", "--diff")
    assert "+++ b/.ltscaffold/templates/recipes/lora.jinja\n" in done.stdout
    assert tree(project) == before
    assert run("ltscaffold", "template", "eject", "recipes/lora").returncode == 0
    assert tree(project) != before


def test_status_lists_it_and_calls_the_files_unchanged(generated: Path) -> None:
    found = status(generated)
    assert found.ejected == ["hooks/training_step"]
    assert set(found.components[0].files.values()) == {"unchanged"}
    (generated / FRAGMENT).unlink()
    found = status(generated)
    assert found.ejected == []
    assert found.components[0].files[MODEL] == "edited"


def test_update_keeps_its_text_and_brings_the_rest(
    generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    assert update(generated).conflicts == []
    text = (generated / MODEL).read_text()
    assert OWN in text
    assert "Better model of the task" in text
    assert read_project(generated).version == NEXT


def test_plain_copier_update_keeps_its_text_and_brings_the_rest(generated: Path, run: Run) -> None:
    commit_all(run)
    done = run("copier", "update", **{BUNDLE_VARIABLE: str(next_release())})
    assert done.returncode == 0, done.stderr
    text = (generated / MODEL).read_text()
    assert OWN in text
    assert "<<<<<<<" not in text
    assert "Better model of the task" in text
    assert OWN in (generated / FRAGMENT).read_text()


def test_a_change_of_the_original_is_told(project: Path, tmp_path: Path) -> None:
    mine = our_templates(tmp_path)
    new_project(project, "tasks", str(mine))
    eject_and_edit(project)
    next_version(mine, "v20", ORIGINAL, "Return another loss.", "hooks/training_step.jinja")
    next_version(mine, "v30", DOCSTRING, "improved")
    (mine / "hooks/training_step.jinja").unlink()
    next_version(mine, "v40", "improved", DOCSTRING)
    refresh(str(mine))
    answers = read_project(project)
    (note,) = ejected_changes(project, answers, OURS, "v30")
    assert note.startswith(f"{FRAGMENT}: its original changed in v30; compare: diff -u ")
    (note,) = ejected_changes(project, answers, OURS, "v40")
    assert note == f"{FRAGMENT}: templates v40 do not have it; delete it"
    assert not [*ejected_changes(project, answers, "v20", "v30")]


def test_check_finds_a_fragment_of_an_unknown_name(generated: Path) -> None:
    (generated / FRAGMENT).with_name("trainin_step.jinja").write_text("")
    findings = [finding for finding in check(generated) if finding.code != "unfilled-stub"]
    assert [(finding.code, finding.path) for finding in findings] == [
        ("unknown-partial", FRAGMENT.replace("training", "trainin"))
    ]
    assert "did you mean 'hooks/training_step'?" in findings[0].message


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text + "{% if %}", r"training_step\.jinja:\d+: Expected"),
        (lambda text: text.replace("returns =", "gives ="), "cannot render .* 'returns'"),
        (lambda text: text.replace('"Tensor" %}', '"Tensor[" %}'), "invalid Python"),
    ],
    ids=["syntax", "name", "python"],
)
def test_check_finds_a_fragment_that_gives_nothing_that_works(
    damage: Callable[[str], str], message: str, generated: Path, run: Run
) -> None:
    assert {finding.code for finding in check(generated)} == {"unfilled-stub"}
    fragment = generated / FRAGMENT
    fragment.write_text(damage(fragment.read_text()))
    findings = check(generated)
    assert {finding.code for finding in findings} == {"template-error"}
    assert any(re.search(message, finding.message) for finding in findings)
    done = run("ltscaffold", "new-task", "other", "--base", "translation", "--hook", "setup")
    assert done.returncode == 0, done.stderr


def test_check_finds_a_fragment_that_git_ignores(generated: Path, run: Run) -> None:
    run("git", "init", "--quiet")
    assert "ignored-file" not in {finding.code for finding in check(generated)}
    (generated / ".gitignore").write_text(".ltscaffold\n")
    assert FRAGMENT in {found.path for found in check(generated) if found.code == "ignored-file"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hooks/trainin_step", "did you mean 'hooks/training_step'"),
        ("python", "'python' is not a known template fragment; write hooks/<name>"),
        ("../copier.yml", "is not a known template fragment"),
        ("lora", "did you mean 'recipes/lora'"),
        ("hooks/training_step", "already overrides 'hooks/training_step'; edit .ltscaffold"),
    ],
)
def test_what_cannot_be_ejected_is_one_line(name: str, message: str, generated: Path) -> None:
    before = tree(generated)
    with pytest.raises(ScaffoldError, match=message):
        plan_eject(generated, name)
    assert tree(generated) == before


@pytest.mark.parametrize("folder", ["bases", "callback_hooks", "data_hooks", "recipes"])
def test_fragments_of_every_folder_can_be_ejected(folder: str, project: Path) -> None:
    names = {
        "bases": "language_modeling",
        "callback_hooks": "on_fit_end",
        "data_hooks": "process_data",
        "recipes": "lora",
    }
    new_project(project)
    eject(project, f"{folder}/{names[folder]}")
    fragment = project / f".ltscaffold/templates/{folder}/{names[folder]}.jinja"
    text = fragment.read_text()
    text = re.sub(r'(model|data) = "', r'\1 = "Our ', text)
    fragment.write_text(text.replace("Called", "Our call"))
    new_task(project, "mine", "language_modeling", recipes=["lora"])
    new_dataset(project, "rows", "language_modeling", ["process_data"])
    new_callback(project, "watch", ["on_fit_end"])
    ours = sum(b"Our " in content for path, content in tree(project).items() if path[0] != ".")
    assert ours == {"bases": 2, "callback_hooks": 1, "data_hooks": 0, "recipes": 0}[folder]


def test_the_shell_completes_fragments(project: Path, run: Run) -> None:
    words = "ltscaffold template eject recipes/l"
    done = run("ltscaffold", COMP_WORDS=words, COMP_CWORD="3", _LTSCAFFOLD_COMPLETE="complete_bash")
    expected = [name for name in fragment_names(checkout(SOURCE_URL, NEWEST)) if "s/l" in name]
    assert [name for name in expected if name.startswith("recipes/l")] == done.stdout.split()


def test_the_commands_to_run_next_work_with_and_without_git(project: Path, run: Run) -> None:
    new_task(project, "mine", "language_modeling")
    assert eject(project, "hooks/setup").next_steps == ["ltscaffold check"]
    commit_all(run)
    check_it, add_it = eject(project, "hooks/training_step").next_steps
    assert check_it == "ltscaffold check"
    assert run(*add_it.split()).returncode == 0
