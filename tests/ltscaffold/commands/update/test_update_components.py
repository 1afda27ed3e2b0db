"""`ltscaffold update`: which components, to which version, and its output."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import pytorch_lightning as pl

from ltscaffold.commands.inspect.check import check
from ltscaffold.commands.update import codemods, remarks
from ltscaffold.commands.update.codemods import Codemod
from ltscaffold.commands.update.update import plan_update
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.python_code import sources
from ltscaffold.project.removed_hooks import REMOVED_HOOKS
from ltscaffold.project.status import status
from ltscaffold.record.answers import ANSWERS_FILE, Answers, Component, read_project
from ltscaffold.templating.render import render
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, checkout, versions
from ltscaffold.writing.plan import read, write_files
from tests.conftest import Run
from tests.helpers.copier_update import assert_copier_stops
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


def test_one_component_ahead_records_the_runtime_that_it_needs(project: Path) -> None:
    answers = Answers("v1.4.0", SOURCE_URL, "tasks", [])
    for name in ("mine", "other"):
        task = Component("task", name, "nlp", "language_modeling", [], "v1.4.0")
        answers = replace(answers, components=[*answers.components, task])
    write_files(project, render(checkout(SOURCE_URL, "v1.4.0"), answers))
    assert "lts_runtime" not in (project / ANSWERS_FILE).read_text()
    update(project, ["mine"])
    assert "lts_runtime: " in (project / ANSWERS_FILE).read_text()
    add(project, "other", ["setup"])
    assert "lts_runtime: " in (project / ANSWERS_FILE).read_text()
    assert recorded(project) == {"": "v1.4.0", "mine": NOW, "other": "v1.4.0"}


def test_the_last_component_takes_the_project_along(mine: Path) -> None:
    update(mine, ["mine", "other"])
    assert set(recorded(mine).values()) == {NEXT}


def test_a_component_ahead_of_the_project_takes_further_commands(mine: Path) -> None:
    update(mine, ["mine"])
    add(mine, "mine", ["setup"])
    assert "Better model of the task" in (mine / MODEL).read_text()
    new_task(mine, "third", "mine")
    remove(mine, "third")
    assert recorded(mine) == {"": NOW, "mine": NEXT, "other": NOW}


def test_copier_refuses_components_of_several_versions(mine: Path, run: Run) -> None:
    update(mine, ["mine"])
    assert_copier_stops(mine, run, "different template versions")


def test_a_version_may_be_chosen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_task(project, "mine", "language_modeling")
    first = next_release("v98.0.0", ("Model of the task", "The model of the task"))
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release(bundle=first)))
    update(project, to="v98.0.0")
    assert set(recorded(project).values()) == {"v98.0.0"}
    assert "The model of the task" in (project / MODEL).read_text()
    with pytest.raises(
        ScaffoldError,
        match=r"'v97\.0\.0' is not a version of the templates; choose one of v1\.0\.0,",
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
    assert notes == [f"{NEXT}: Better: Better model of the task in {NEXT}."]


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
    assert "Better model of the task" in model.read_text()


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


FORMER = "from lightning_transformers.core.task import TaskTransformer\n"
PUBLIC = "from lightning_transformers import TaskTransformer\n"


def test_a_codemod_changes_code_wherever_in_the_project(mine: Path, run: Run) -> None:
    run("git", "init", "--quiet")
    (mine / ".gitignore").write_text("/scratch/\n")
    own = ["tasks/mine/own.py", "tasks/own.py", "scripts/deep/own.py"]
    others = ["scratch/a.py", "outputs/a.py", ".hidden/a.py", "env/lib/a.py"]
    for path in [*own, *others, "env/pyvenv.cfg"]:
        (mine / path).parent.mkdir(parents=True, exist_ok=True)
        (mine / path).write_text(FORMER)
    (mine / "scripts/link.py").symlink_to("deep/own.py")
    config = mine / "conf/experiment/own.yaml"
    config.parent.mkdir()
    config.write_text("own:\n  _target_: lightning_transformers.core.metrics.OfSomeLabels\n")
    before = tree(mine)
    plan = update(mine)
    assert [(mine / path).read_text() for path in own] == [PUBLIC] * 3
    assert [(mine / path).read_text() for path in others] == [FORMER] * 4
    assert (
        "_target_: lightning_transformers.training.metrics.SkipEmptyBatches" in config.read_text()
    )
    line = f"{FORMER.strip()} → {PUBLIC.strip()}"
    assert [note for note in plan.notes if "→" in note] == [
        "conf/experiment/own.yaml:2: _target_: lightning_transformers.core.metrics.OfSomeLabels → "
        "_target_: lightning_transformers.training.metrics.SkipEmptyBatches",
        *(f"{path}:1: {line}" for path in sorted(own)),
    ]
    undo(mine)
    assert tree(mine) == before


def test_only_text_of_the_project_is_read(project: Path) -> None:
    texts = ["own.py", "conf/own.yaml", "pyproject.toml", "runs/config.yaml"]
    run = ["runs/1/config.yaml", "runs/1/manifest.yaml", "runs/1/code/own.py"]
    write_files(project, dict.fromkeys([*texts, *run, "HISTORY.md", "own.ipynb", "a.ckpt"], "x"))
    write_files(project, {"data.yaml": "x" * 1_000_001})
    os.mkfifo(project / "pipe.py")
    assert sources(project) == sorted(texts)


def test_a_codemod_leaves_a_file_that_cannot_be_read_to_the_user(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mine / "own.py").write_text(FORMER)

    def refused(project: Path, path: str) -> bytes | None:
        if path == "own.py":
            raise ScaffoldError("cannot read own.py: Permission denied")
        return read(project, path)

    monkeypatch.setattr(codemods, "read", refused)
    assert [(place.path, place.message) for place in update(mine).reviews] == [
        ("own.py", "no codemod ran: cannot read own.py: Permission denied")
    ]


def test_a_codemod_runs_where_copier_was_faster(mine: Path) -> None:
    """Plain `copier update` brings the version, and no codemod."""
    update(mine)
    (mine / "own.py").write_text(FORMER)
    (mine / "tasks/other/own.py").write_text(FORMER)
    update(mine, ["other"])
    assert (mine / "own.py").read_text() == FORMER
    assert (mine / "tasks/other/own.py").read_text() == PUBLIC
    assert {change.path for change in update(mine).changes} == {"own.py"}
    assert not update(mine).changes


def test_a_codemod_of_a_later_version_does_not_run(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(text: str) -> str:
        return ""

    monkeypatch.setattr(remarks, "CODEMODS", [Codemod("v99.1.0", "later", {".py": lost})])
    update(mine)
    assert (mine / MODEL).read_text()


def test_a_codemod_that_cannot_run_is_reported(mine: Path) -> None:
    (mine / "tasks/other/model.py").write_text("import lightning_transformers\ndef broken(:\n")
    (mine / "own.py").write_text("def broken(:\n")
    reviews = update(mine).reviews
    assert [(place.path, place.message[:37]) for place in reviews] == [
        ("tasks/other/model.py", "not done: names of lightning_transfor")
    ]


def test_a_former_path_in_a_string_is_for_the_user(mine: Path) -> None:
    code = 'x = 1\nclass_name = "lightning_transformers.core.task.TaskTransformer"\n'
    (mine / "own.py").write_text(code.replace("core.task", "core.metrics"))
    (mine / "other.py").write_text(code + "# lightning_transformers.errors.ConfigurationError\n")
    assert [(p.path, p.line, p.message) for p in update(mine).reviews] == [
        (
            "own.py",
            2,
            "lightning_transformers.core.metrics is lightning_transformers.training.metrics now",
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f'_commit: "{NOW}"', 'mine: "1"', "lacks _commit"),
        (f'_commit: "{NOW}"', '_commit: "v9.0.0"', r"no templates v9\.0\.0.*--upgrade"),
        (f'"v": "{NOW}"', '"v": "v0.9.0"', r"no templates v0\.9\.0"),
        ("lts_package:", "own_key: 1\nlts_package:", r"does not know \(own_key\); delete"),
        ('"parts":', '"color": "red", "parts":', r"does not know \(color\); delete"),
        ('"kind": "task"', '"kind": "job"', "component type 'job', which this ltscaffold"),
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
    path = "**/*callback.name if*"
    bundle = next_release(change=('"""', '"""Better. '), path=path)
    monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    update(project, ["watch"])
    assert '"""Better. ' in (project / "tasks/callbacks/watch.py").read_text()
