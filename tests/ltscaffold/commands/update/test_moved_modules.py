"""A module that the user moved, with its `_target_` adjusted, stays on the record."""

from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.status import status
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import BUNDLE_VARIABLE
from ltscaffold.writing.plan import Plan
from tests.helpers.projects import (
    add,
    new_callback,
    new_dataset,
    new_task,
    remove,
    rename,
    undo,
    update,
)
from tests.helpers.releases import NEXT, next_release
from tests.helpers.tree import tree

MODEL, MOVED = "tasks/mine/model.py", "tasks/models/my_model.py"
CONFIG = "conf/task/nlp/mine.yaml"


def edit(project: Path, path: str, *changes: tuple[str, str]) -> None:
    text = (project / path).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (project / path).write_text(text)


def move(project: Path, old: str, new: str, config: str, test: str = "") -> None:
    """Move a module as a user does, and delete its folder if it is then empty."""
    (project / new).parent.mkdir(parents=True, exist_ok=True)
    (project / old).rename(project / new)
    names = [path.removesuffix(".py").replace("/", ".") for path in (old, new)]
    for path in filter(None, (config, test)):
        edit(project, path, (names[0], names[1]))


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with a moved task, which the user edited too."""
    new_task(project, "mine", "language_modeling", ["training_step"], ["weight_noise"])
    move(project, MODEL, MOVED, CONFIG, "tests/test_mine.py")
    edit(project, MOVED, ("return super().training", "return 2 * super().training"))
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    return project


def assert_updated(project: Path, plan: Plan, path: str, *edits: str) -> None:
    text = (project / path).read_text()
    assert "Better model of the task" in text
    assert all(edited in text for edited in edits)
    (review,) = plan.reviews
    assert (review.path, plan.notes) == (path, [each for each in plan.notes if NEXT in each])
    (component,) = read_project(project).components
    assert component.template_version == NEXT


def test_update_merges_into_the_moved_module_and_undo_reverts_it(mine: Path) -> None:
    before = tree(mine)
    plan = update(mine)
    assert_updated(mine, plan, MOVED, "2 * super()")
    assert f"generated as {MODEL}" in plan.reviews[0].message
    assert not (mine / MODEL).exists()
    undo(mine)
    assert tree(mine) == before


def test_move_that_leaves_no_package(mine: Path) -> None:
    (mine / "tasks/mine/__init__.py").unlink()
    (mine / "tasks/mine").rmdir()
    assert_updated(mine, update(mine), MOVED, "2 * super()")


def test_class_that_was_renamed_too(mine: Path) -> None:
    for path in (MOVED, CONFIG, "tests/test_mine.py"):
        edit(mine, path, ("MineTransformer", "NewName"))
    assert_updated(mine, update(mine), MOVED, "2 * super()", "class NewName(")


def test_class_that_was_renamed_in_place(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_task(project, "mine", "language_modeling")
    for path in (MODEL, CONFIG, "tests/test_mine.py"):
        edit(project, path, ("MineTransformer", "NewName"))
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    assert_updated(project, update(project), MODEL, "class NewName(")
    assert "unchanged" in status(project).components[0].files[MODEL]


def test_status_and_check_name_the_new_place(mine: Path) -> None:
    (entry,) = status(mine).components
    assert (entry.files[MOVED], entry.files[CONFIG]) == ("edited", "unchanged")
    assert "missing" not in entry.files.values()
    assert not check(mine)
    edit(mine, MOVED, ("def training_step", "def trainings_step"))
    assert [(each.code, each.path) for each in check(mine)] == [("unknown-hook", MOVED)]


def test_add_and_remove_change_the_moved_module(mine: Path) -> None:
    add(mine, "mine", ["setup"])
    assert "def setup(" in (mine / MOVED).read_text()
    remove(mine, "mine", force=True)
    assert not (mine / MOVED).exists()


def test_rename_leaves_a_moved_module_to_the_user(mine: Path) -> None:
    with pytest.raises(ScaffoldError, match=f"cannot rename 'mine': .* is now {MOVED}"):
        rename(mine, "mine", "yours")


def test_dataset_and_callback(project: Path) -> None:
    new_dataset(project, "rows", "language_modeling", ["process_split"])
    new_callback(project, "count", ["on_fit_end"])
    config = "conf/dataset/nlp/language_modeling/rows.yaml"
    move(project, "tasks/data_modules/rows.py", "tasks/sets/text.py", config, "tests/test_rows.py")
    move(project, "tasks/callbacks/count.py", "tasks/counting.py", "conf/callbacks/count.yaml",
         "tests/test_count.py")  # fmt: skip
    add(project, "rows", ["setup"])
    plan = add(project, "count", ["on_fit_start"])
    assert "def setup(" in (project / "tasks/sets/text.py").read_text()
    assert "def on_fit_start(" in (project / "tasks/counting.py").read_text()
    assert [review.path for review in plan.reviews] == ["tasks/counting.py"]


UNCLEAR = {
    "no such class": (CONFIG, "my_model.MineTransformer", "my_model.Missing"),
    "no such file": (CONFIG, "tasks.models.my_model", "tasks.models.gone"),
    "not in the project": (CONFIG, "tasks.models.my_model.Mine", "elsewhere.Mine"),
    "the class of another component": (CONFIG, "models.my_model.Mine", "other.model.Other"),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_nothing_is_guessed(case: str, mine: Path) -> None:
    new_task(mine, "other", "language_modeling")
    path, old, new = UNCLEAR[case]
    edit(mine, path, (old, new))
    before = (mine / MOVED).read_text(), (mine / "tasks/other/model.py").read_text()
    plan = update(mine)
    assert (mine / MOVED).read_text() == before[0]
    assert (mine / "tasks/other/model.py").read_text().replace("Better m", "M") == before[1]
    about = [note for note in plan.notes if MODEL in note]
    assert about == [f"{MODEL}: you deleted it; not restored"]
    assert status(mine).components[0].files[MODEL] == "missing"


def test_class_of_the_user_next_to_the_generated_module(mine: Path) -> None:
    """The generated module is updated, not the one that `_target_` names."""
    (mine / MODEL).write_text((mine / MOVED).read_text())
    before = (mine / MOVED).read_text()
    assert not update(mine).reviews
    assert (mine / MOVED).read_text() == before
    assert "Better model" in (mine / MODEL).read_text()
