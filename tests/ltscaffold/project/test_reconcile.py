"""Branches of a project that git merged: `ltscaffold update` reconciles the record."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.reconcile import reconcile
from ltscaffold.record.answers import ANSWERS_FILE, read_project
from ltscaffold.templating.source import BUNDLE_VARIABLE
from ltscaffold.writing.plan import write_files
from tests.conftest import Run
from tests.helpers.copier_update import assert_copier_stops, commit_all
from tests.helpers.projects import add, add_shell, new_callback, new_task, remove, rename, update
from tests.helpers.releases import BETTER, NEXT, next_release
from tests.helpers.tree import tree

MODEL = "tasks/mine/model.py"
CONFIG = "conf/task/nlp/mine.yaml"
FILLED = "        return 2 * super().training_step(batch, batch_idx)\n"
EARLIER = "v98.0.0"
UNRESOLVED = "the edits of both branches cannot be combined; resolve the conflict"


@pytest.fixture
def branches(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that does one thing on a branch, one on another, and merges them."""
    new_task(project, "mine", "language_modeling", hooks=["training_step"])
    model = project / MODEL
    model.write_text(model.read_text().replace("return super().t", "return 2 * super().t"))
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    run("git", "init", "--quiet", "--initial-branch=main")
    commit_all(run)

    def merge(ours: Callable[[], object], theirs: Callable[[], object]) -> list[str]:
        """Return the files in which git found a conflict."""
        run("git", "checkout", "--quiet", "-b", "theirs")
        theirs()
        commit_all(run)
        run("git", "checkout", "--quiet", "main")
        ours()
        commit_all(run)
        run("git", "merge", "theirs", "--no-edit")
        return run("git", "diff", "--name-only", "--diff-filter=U").stdout.split()

    return merge


def assert_whole(project: Path, *names: str) -> None:
    """Assert that the record has these components at the latest version, and the edit is kept."""
    answers = read_project(project)
    assert sorted(component.name for component in answers.components) == sorted(names)
    assert {answers.version, *(component.template_version for component in answers.components)} == {
        NEXT
    }
    assert {finding.code for finding in check(project)} <= {"unfilled-stub"}
    for component in answers.components:
        text = (project / f"tasks/{component.name}/model.py").read_text()
        assert BETTER[1] in text
    assert not update(project).changes


def test_both_change_the_shell(project: Path, branches: Callable[..., list[str]], run: Run) -> None:
    add_shell(project, "agents", "pre_commit")
    commit_all(run)
    assert not branches(
        lambda: (remove(project, "pre_commit"), add_shell(project, "readme")),
        lambda: add_shell(project, "ci"),
    )
    update(project)
    names = [component.name for component in read_project(project).components]
    assert sorted(names) == ["agents", "ci", "mine", "readme", "uv"]
    assert (project / "AGENTS.md").is_file()


def test_both_add_a_task(project: Path, branches: Callable[..., list[str]], run: Run) -> None:
    conflicts = branches(
        lambda: new_task(project, "ours", "language_modeling"),
        lambda: new_task(project, "theirs", "language_modeling"),
    )
    assert conflicts == []
    assert run("copier", "update").returncode == 0
    assert_whole(project, "mine", "ours", "theirs")
    assert FILLED in (project / MODEL).read_text()


@pytest.mark.parametrize("updated", ["ours", "theirs"])
def test_one_adds_a_task_and_the_other_updates(
    updated: str, project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    steps = [lambda: new_task(project, "added", "language_modeling"), lambda: update(project)]
    assert branches(*(steps if updated == "theirs" else steps[::-1])) == []
    assert_copier_stops(project, run, "run ltscaffold update")
    update(project)
    assert_whole(project, "mine", "added")
    assert FILLED in (project / MODEL).read_text()


def test_both_add_hooks_to_one_task(
    project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    conflicts = branches(
        lambda: add(project, "mine", ["setup"]),
        lambda: add(project, "mine", ["prepare_data"]),
    )
    assert conflicts == [MODEL]
    resolved = run("git", "diff").stdout
    assert "def setup" in resolved
    keep_both_sides(project / MODEL)
    assert_copier_stops(project, run, "run ltscaffold update")
    with pytest.raises(ScaffoldError, match=r"names mine twice .*run `ltscaffold update`"):
        add(project, "mine", ["on_fit_start"])
    update(project)
    assert_whole(project, "mine")
    (component,) = read_project(project).components
    assert set(component.fragments) == {
        "hooks/training_step",
        "hooks/setup",
        "hooks/prepare_data",
    }
    text = (project / MODEL).read_text()
    for method in ("setup", "prepare_data", "training_step"):
        assert text.count(f"def {method}(") == 1
    assert FILLED in text


@pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick"])
def test_an_update_resolves_the_conflicts_of_git(
    command: str, project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    def ours() -> None:
        add(project, "mine", ["setup"], ["weight_noise"])
        fill_in(project / MODEL, "setup")

    def theirs() -> None:
        add(project, "mine", ["prepare_data"], ["freeze_backbone"])
        fill_in(project / MODEL, "prepare_data")

    conflicts = branches(ours, theirs)
    assert conflicts == [CONFIG, MODEL]
    if command != "merge":
        run("git", "merge", "--abort")
        run("git", command, "theirs")
    plan = update(project)
    assert plan.next_steps == [
        f"git add {ANSWERS_FILE} {CONFIG} {MODEL}",
        f"git {command} --continue",
        "ltscaffold update",
    ]
    text = (project / MODEL).read_text()
    assert "<<<<<<<" not in text + (project / CONFIG).read_text()
    assert FILLED in text
    assert text.index('print("prepare_data")') < text.index('print("setup")')
    assert text.index("def configure_callbacks") < text.index("def prepare_data")
    traits = {"weight noise", "a frozen backbone"}
    assert {*text.partition("model with ")[2].partition(".")[0].split(" and ")} == traits
    for step in plan.next_steps[:-1]:
        assert run(*step.split(), GIT_EDITOR="true").returncode == 0
    assert run("git", "status").stdout.startswith("On branch main\nnothing to commit")
    update(project)
    assert_whole(project, "mine")


def test_an_update_leaves_a_member_that_both_edited_to_the_user(
    project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    model = project / MODEL
    conflicts = branches(
        lambda: model.write_text(model.read_text().replace("return 2", "return 3")),
        lambda: model.write_text(model.read_text().replace("return 2", "return 4")),
    )
    assert conflicts == [MODEL]
    before = model.read_text()
    plan = update(project)
    assert plan.notes == [f"{MODEL}: {UNRESOLVED}"]
    assert model.read_text() == before


def test_an_update_leaves_a_file_that_is_not_utf8_to_the_user(
    project: Path, branches: Callable[..., list[str]]
) -> None:
    model = project / MODEL
    before = model.read_bytes().replace(b"return 2", b"return 2  # \xe9\n        return 2")
    conflicts = branches(
        lambda: model.write_bytes(before.replace(b"return 2", b"return 3")),
        lambda: model.write_bytes(before.replace(b"return 2", b"return 4")),
    )
    assert conflicts == [MODEL]
    plan = update(project)
    assert plan.notes == [f"{MODEL}: {UNRESOLVED}"]
    assert not plan.changes


@pytest.mark.parametrize("left", [MODEL, "own.py"])
def test_the_next_steps_commit_no_conflict_markers(
    left: str, project: Path, branches: Callable[..., list[str]]
) -> None:
    def step(recipe: str, value: int) -> None:
        add(project, "mine", [], [recipe])
        path = project / left
        text = path.read_text() if path.exists() else "return 2\n"
        path.write_text(text.replace("return 2", f"return {value}"))

    conflicts = branches(lambda: step("weight_noise", 3), lambda: step("freeze_backbone", 4))
    assert {CONFIG, left} <= {*conflicts}
    resolved = [ANSWERS_FILE, CONFIG, MODEL] if left != MODEL else [ANSWERS_FILE, CONFIG]
    assert update(project).next_steps == [f"git add {' '.join(resolved)}", "git status"]


def fill_in(path: Path, hook: str) -> None:
    """Put a statement before the call of super() in a hook."""
    call = f"        super().{hook}("
    path.write_text(path.read_text().replace(call, f'        print("{hook}")\n{call}'))


def test_one_renames_and_the_other_updates(
    project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    branches(lambda: rename(project, "mine", "yours"), lambda: update(project))
    for path in run("git", "diff", "--name-only", "--diff-filter=U").stdout.split():
        run("git", "checkout", "--ours", path)
    assert_copier_stops(project, run, "run ltscaffold update")
    update(project)
    assert_whole(project, "yours")
    assert FILLED in (project / "tasks/yours/model.py").read_text()


def test_one_renames_and_the_other_adds_a_hook(
    project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    conflicts = branches(
        lambda: rename(project, "mine", "yours"), lambda: add(project, "mine", ["setup"])
    )
    assert conflicts == []
    plan = update(project)
    assert "mine: removed from the record, since its package does not exist" in plan.notes
    assert_whole(project, "yours")
    (component,) = read_project(project).components
    assert component.fragments == ["hooks/training_step", "hooks/setup"]


def test_both_update_to_different_versions(
    project: Path, branches: Callable[..., list[str]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = ("Tests of the", "Own tests of the")
    earlier = next_release(EARLIER, change, path="**/*task from*.py.jinja")
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release(bundle=earlier)))
    conflicts = branches(lambda: update(project, to=EARLIER), lambda: update(project))
    for path in conflicts:
        keep_both_sides(project / path)
    assert (project / ANSWERS_FILE).read_text().count("_commit:") == 2
    assert_copier_stops(project, run, "run ltscaffold update")
    with pytest.raises(ScaffoldError, match="names _commit, mine twice"):
        new_task(project, "other", "language_modeling")
    update(project)
    assert_whole(project, "mine")
    assert FILLED in (project / MODEL).read_text()


def test_two_different_components_of_one_name_are_not_made_one(
    project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    conflicts = branches(
        lambda: new_task(project, "twin", "language_modeling"),
        lambda: new_task(project, "twin", "translation"),
    )
    for path in conflicts:
        keep_both_sides(project / path)
    assert_copier_stops(project, run, "run ltscaffold update")
    before = tree(project)
    with pytest.raises(ScaffoldError, match=r"two different components twin .*undo the merge"):
        update(project)
    assert tree(project) == before


def test_components_of_one_name_in_two_layouts_are_not_made_one(project: Path) -> None:
    new_callback(project, "twin")
    answers = read_project(project)
    (twin,) = answers.components
    former = replace(twin, folder="", template_version="v1.4.0")
    merged = replace(answers, components=[former, twin])
    package = project / "tasks/twin"
    write_files(package, {"callback.py": ""})
    with pytest.raises(ScaffoldError, match="two different components twin"):
        reconcile(project, merged)
    shutil.rmtree(package)
    assert reconcile(project, merged)[0] == answers


def test_conflict_markers_in_the_record(
    project: Path, branches: Callable[..., list[str]], run: Run
) -> None:
    """Where a project has its own .gitattributes, git does not unite lines."""
    (project / ".gitattributes").unlink()
    commit_all(run)
    conflicts = branches(
        lambda: add(project, "mine", ["setup"]), lambda: add(project, "mine", ["prepare_data"])
    )
    assert ANSWERS_FILE in conflicts
    before = tree(project)
    with pytest.raises(ScaffoldError, match=r"has conflict markers; .*keep all others"):
        update(project)
    assert tree(project) == before
    for path in conflicts:
        keep_both_sides(project / path)
    update(project)
    assert_whole(project, "mine")


def keep_both_sides(path: Path) -> None:
    """Take the markers of a conflict out, and let the lines of both sides be."""
    marks = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
    lines = [line for line in path.read_text().splitlines(True) if not line.startswith(marks)]
    path.write_text("".join(lines))
