"""`ltscaffold update`: which components, to which version, and its output."""

import os
from pathlib import Path

import pytest
import pytorch_lightning as pl

from ltscaffold.commands.inspect.check import check
from ltscaffold.commands.update import remarks
from ltscaffold.commands.update.codemods import Codemod, renamed
from ltscaffold.commands.update.update import plan_update
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.removed_hooks import REMOVED_HOOKS
from ltscaffold.project.status import status
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, versions
from tests.conftest import Run
from tests.helpers.projects import add, new_callback, new_task, remove, undo, update
from tests.helpers.releases import NEXT, next_release
from tests.helpers.tree import tree

NOW = versions(SOURCE_URL)[-1]
MODEL = "tasks/mine/model.py"


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with two tasks, for which there is a newer version."""
    new_task(project, "mine", "language_modeling", hooks=["training_step"])
    new_task(project, "other", "language_modeling")
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    return project


def recorded(project: Path) -> dict[str, str]:
    """Return the version of each component, and that of the project under no name."""
    answers = read_project(project)
    return {"": answers.version} | {
        component.name: component.template_version for component in answers.components
    }


def test_one_component_alone_and_then_the_rest(mine: Path) -> None:
    before = tree(mine)
    update(mine, ["mine"])
    after = tree(mine)
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {".copier-answers.yml", MODEL}
    assert recorded(mine) == {"": NOW, "mine": NEXT, "other": NOW}
    assert [
        entry.files[f"tasks/{entry.component.name}/model.py"] for entry in status(mine).components
    ] == ["unchanged", "unchanged"]
    assert not update(mine, ["mine"]).changes
    update(mine)
    assert set(recorded(mine).values()) == {NEXT}


def test_the_last_component_takes_the_project_along(mine: Path) -> None:
    update(mine, ["mine", "other"])
    assert set(recorded(mine).values()) == {NEXT}


def test_a_component_ahead_of_the_project_takes_further_commands(mine: Path) -> None:
    update(mine, ["mine"])
    add(mine, "mine", ["setup"])
    assert "Language modeling improved." in (mine / MODEL).read_text()
    new_task(mine, "third", "mine")
    remove(mine, "third")
    assert recorded(mine) == {"": NOW, "mine": NEXT, "other": NOW}


def test_copier_refuses_components_of_several_versions(mine: Path, run: Run) -> None:
    update(mine, ["mine"])
    run("git", "init", "--quiet")
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "work")
    before = tree(mine)
    done = run("copier", "update")
    assert done.returncode != 0
    assert "different template versions" in done.stderr
    assert tree(mine) == before


def test_a_version_may_be_chosen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_task(project, "mine", "language_modeling")
    first = next_release("v98.0.0", ("overrides below", "overrides there"))
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release(bundle=first)))
    update(project, to="v98.0.0")
    assert set(recorded(project).values()) == {"v98.0.0"}
    assert "overrides there" in (project / MODEL).read_text()
    with pytest.raises(
        ScaffoldError, match=r"'v97\.0\.0' is not a version of the templates: v1\.0\.0,"
    ):
        update(project, to="v97.0.0")
    update(project)
    with pytest.raises(ScaffoldError, match=r"from v99\.0\.0 to the earlier v98\.0\.0; .*undo"):
        update(project, to="v98.0.0")


def test_a_second_run_writes_nothing(mine: Path) -> None:
    update(mine)
    times = {path: path.stat().st_mtime_ns for path in mine.rglob("*")}
    assert not update(mine).changes
    assert {path: path.stat().st_mtime_ns for path in mine.rglob("*")} == times


def test_only_touched_files_are_written(mine: Path) -> None:
    os.utime(mine / "train.py", (1, 1))
    update(mine)
    assert (mine / "train.py").stat().st_mtime == 1
    assert (mine / MODEL).stat().st_mtime != 1


def test_check_finds_an_update_and_writes_nothing(mine: Path, run: Run) -> None:
    before = tree(mine)
    found = run("ltscaffold", "update", "--check")
    assert (found.returncode, tree(mine)) == (1, before)
    assert MODEL in found.stdout
    assert run("ltscaffold", "update").returncode == 0
    assert run("ltscaffold", "update", "--check").returncode == 0


def test_undo_takes_it_back(mine: Path) -> None:
    before = tree(mine)
    update(mine)
    undo(mine)
    assert tree(mine) == before


def test_the_changelog_is_shown(mine: Path) -> None:
    notes = plan_update(mine).notes
    assert notes == [f"{NEXT}: Better: improved in {NEXT}."]


def test_an_ignored_file_is_merged_with_a_warning(mine: Path, run: Run) -> None:
    run("git", "init", "--quiet")
    (mine / ".gitignore").write_text("tasks/mine/\n")
    model = mine / MODEL
    model.write_text(model.read_text().replace("return super()", "return 2 * super()"))
    plan = update(mine)
    assert [note for note in plan.notes if "ignores" in note] == [
        f"{MODEL}: git ignores it, so `copier update` loses its edits; remove it from .gitignore"
    ]
    assert "return 2 * super()" in model.read_text()
    assert "Language modeling improved." in model.read_text()


def test_a_deleted_file_stays_deleted(mine: Path) -> None:
    (mine / "tests/test_mine.py").unlink()
    (mine / MODEL).unlink()
    plan = update(mine)
    assert f"{MODEL}: you deleted it; not restored" in plan.notes
    assert MODEL not in tree(mine)


def test_a_hook_that_lightning_dropped_is_named(mine: Path) -> None:
    model = mine / MODEL
    line = len(model.read_text().splitlines()) + 2
    hook = "\n    def training_epoch_end(self, outputs: list[float]) -> None: ...\n"
    model.write_text(model.read_text() + hook)
    message = "Lightning has not called training_epoch_end since 2.0; override on_train_epoch_end"
    findings = {(f.code, f.path, f.line, f.message) for f in check(mine, "mine")}
    assert ("former-hook", MODEL, line, message) in findings
    (review,) = update(mine).reviews
    assert (review.path, review.message) == (MODEL, message)
    assert (mine / MODEL).read_text().splitlines()[review.line - 1].strip().startswith("def train")


def test_dropped_hooks_are_those_of_lightning() -> None:
    """None of them is there any more, and what to override in its place is."""
    owners = {
        "task": pl.LightningModule,
        "dataset": pl.LightningDataModule,
        "callback": pl.Callback,
    }
    for kind, hooks in REMOVED_HOOKS.items():
        assert not [name for name in hooks if hasattr(owners[kind], name)]
        assert not [new for _, new in hooks.values() if not hasattr(owners[kind], new)]


def test_a_codemod_follows_a_new_name_in_the_users_code(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mine / MODEL
    body = "        return scaled(super().training_step(batch, batch_idx))\n"
    text = model.read_text().replace(
        "        return super().training_step(batch, batch_idx)\n", body
    )
    model.write_text(f"from lightning_transformers.old import scaled\n{text}")
    rename = renamed("lightning_transformers.old.scaled", "lightning_transformers.new.rescaled")
    known = [
        Codemod(NOW, "of a version that was passed before", lambda code: "lost"),
        Codemod(NEXT, "scaled is rescaled", rename),
    ]
    monkeypatch.setattr(remarks, "CODEMODS", known)
    plan = update(mine)
    code = model.read_text()
    assert "from lightning_transformers.new import rescaled" in code
    assert body.replace("scaled", "rescaled") in code
    assert f"{NEXT}: scaled is rescaled" in plan.notes
    assert rename(code) == code


def test_a_codemod_that_cannot_run_is_reported(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine / "tasks/other/model.py").write_text("def broken(:\n")
    rename = renamed("lightning_transformers.old.scaled", "lightning_transformers.new.rescaled")
    monkeypatch.setattr(remarks, "CODEMODS", [Codemod(NEXT, "scaled moves", rename)])
    reviews = update(mine).reviews
    assert [(place.path, place.message[:24]) for place in reviews] == [
        ("tasks/other/model.py", "not done: scaled moves (")
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f'_commit: "{NOW}"', 'mine: "1"', "lacks _commit"),
        (f'_commit: "{NOW}"', '_commit: "v9.0.0"', r"no templates v9\.0\.0.*--upgrade"),
        (f'"v": "{NOW}"', '"v": "v0.9.0"', r"no templates v0\.9\.0"),
        ("lts_package:", "own_key: 1\nlts_package:", r"does not know \(own_key\); delete"),
        ('"parts":', '"color": "red", "parts":', r"does not know \(color\); delete"),
        ('"kind": "task"', '"kind": "job"', "not a known component type"),
        ('"base": "language_modeling"', '"base": "gone"', "is based on 'gone', which is neither"),
        ("ltscaffold::templates.git", "/nowhere/at/all.git", "nowhere/at/all"),
    ],
)
def test_a_record_that_cannot_be_right_is_left_alone(
    old: str, new: str, message: str, mine: Path
) -> None:
    answers = mine / ".copier-answers.yml"
    assert old in answers.read_text()
    answers.write_text(answers.read_text().replace(old, new))
    before = tree(mine)
    with pytest.raises(ScaffoldError, match=message) as caught:
        update(mine)
    assert "\n" not in str(caught.value)
    assert tree(mine) == before


def test_callbacks_are_updated_without_a_base(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_callback(project, "watch", ["on_fit_end"])
    path = "**/callback.py.jinja"
    bundle = next_release(change=('"""', '"""Better. '), path=path)
    monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    update(project, ["watch"])
    assert '"""Better. ' in (project / "tasks/watch/callback.py").read_text()
