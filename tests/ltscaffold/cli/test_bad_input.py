"""A mistake gives a one-line error and exit status 2, and writes nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import ANSWERS_FILE
from ltscaffold.record.names import SNAKE_CASE, check_name
from ltscaffold.templating.source import SOURCE_URL, versions
from tests.conftest import Run
from tests.helpers.projects import new_task
from tests.helpers.tree import tree

NEWEST = versions(SOURCE_URL)[-1]

BASE = ("--base", "language_modeling")
MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "no identifier": (("2fast", *BASE), "not in snake_case"),
    "keyword": (("lambda", *BASE), "keyword of Python"),
    "standard library": (("json", *BASE), "standard library"),
    "installed dependency": (("torch", *BASE), "installed Python package"),
    "slash": (("a/b", *BASE), "try 'a_b'"),
    "dots": (("..", *BASE), "not in snake_case"),
    "parent": (("../evil", *BASE), "try 'evil'"),
    "spaces": (("my task", *BASE), "try 'my_task'"),
    "capitals": (("MyTask", *BASE), "try 'my_task'"),
    "not ascii": (("überarbeitung", *BASE), "not in snake_case"),
    "newline": (("a\nb", *BASE), "not in snake_case"),
    "empty": (("", *BASE), "not in snake_case"),
    "too long": (("a" * 49, *BASE), "use at most 48"),
    "name of a base": (("language_modeling", *BASE), "my_language_modeling"),
    "unknown base": (("mine", "--base", "langage_modeling"), "did you mean 'language_modeling'?"),
    "far base": (("mine", "--base", "zzz"), "ltscaffold list bases"),
    "unknown hook": (("mine", *BASE, "--hook", "trainingstep"), "did you mean 'training_step'?"),
    "unknown recipe": (("mine", *BASE, "--recipe", "freeze"), "'freeze' is not a known recipe"),
    "path as a recipe": (("mine", *BASE, "--recipe", "../hooks/setup"), "not a known recipe"),
    "missing folder": (
        ("mine", *BASE, "--project", "nowhere"),
        "the folder nowhere does not exist",
    ),
    "unwritable folder": (("mine", *BASE, "--project", "/proc"), "/proc"),
    "file for a folder": (
        ("mine", *BASE, "--project", "train.csv"),
        "the folder train.csv does not exist",
    ),
    "option of the group": (("default", *BASE), "is reserved by ltscaffold"),
    "package of another use": (
        ("mine", *BASE, "--package", "outputs"),
        "is reserved by ltscaffold",
    ),
    "package": (("mine", *BASE, "--package", "torch"), "installed Python package"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake: str, project: Path, run: Run) -> None:
    arguments, message = MISTAKES[mistake]
    (project / "train.csv").write_text("text\nhello\n")
    before = tree(project)
    done = run("ltscaffold", "new-task", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert tree(project) == before


def test_no_mistake_is_accepted(run: Run) -> None:
    assert run("ltscaffold", "new-task", "mine", *BASE).returncode == 0


def test_task_that_exists(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    before = tree(project)
    with pytest.raises(ScaffoldError, match="has a task 'mine' already"):
        new_task(project, "mine", "language_modeling")
    assert tree(project) == before


@pytest.mark.parametrize("taken", ["tests/test_mine.py", "tasks/mine/model.py"])
def test_target_that_is_not_ours(taken: str, project: Path) -> None:
    (project / taken).parent.mkdir(parents=True, exist_ok=True)
    (project / taken).write_text("mine\n")
    before = tree(project)
    with pytest.raises(ScaffoldError, match=f"{taken} exists and was not generated"):
        new_task(project, "mine", "language_modeling")
    assert tree(project) == before


def test_file_where_a_folder_has_to_be(project: Path) -> None:
    (project / "tests").write_text("")
    with pytest.raises(ScaffoldError, match="'tests' is a file, not a folder"):
        new_task(project, "mine", "language_modeling")
    assert set(tree(project)) == {"tests"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("", "is damaged"),
        ("- a\n", "is damaged"),
        ("_commit: v1.0.0\n", "is damaged"),
        (
            "<<<<<<< ours\n_commit: v1\n=======\n_commit: v2\n>>>>>>> theirs\n",
            "has conflict markers",
        ),
        (
            "_commit: v1.0.0\n_src_path: x\nlts_package: tasks\nlts_items:\n- {name: 1}\n",
            "is damaged",
        ),
    ],
)
def test_broken_answers_file(damage: str, message: str, project: Path, run: Run) -> None:
    (project / ANSWERS_FILE).write_text(damage)
    done = run("ltscaffold", "new-task", "mine", *BASE)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert set(tree(project)) == {ANSWERS_FILE}


def test_project_newer_than_the_package(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    answers = project / ANSWERS_FILE
    answers.write_text(answers.read_text().replace(NEWEST, "v9.0.0"))
    before = tree(project)
    with pytest.raises(ScaffoldError, match=r"no templates v9\.0\.0.*--upgrade"):
        new_task(project, "other", "language_modeling")
    assert tree(project) == before


def test_link_that_leads_out_of_the_project(project: Path) -> None:
    (project.parent / "out").mkdir()
    (project / "tasks").symlink_to(project.parent / "out")
    with pytest.raises(ScaffoldError, match="is outside the project, by a symbolic link"):
        new_task(project, "mine", "language_modeling")
    assert list((project.parent / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('lts_package: "tasks"', 'lts_package: "../evil"', "is damaged"),
        ('"name": "mine"', '"name": "../evil"', "is damaged"),
        ("lts_items:", "other_items:", "belongs to another template"),
        (f'_commit: "{NEWEST}"', '_commit: "."', "no templates"),
        (f'_commit: "{NEWEST}"', "_commit: 2.0", r"is damaged \('_commit' is 2.0, not a string\)"),
        (f'"v": "{NEWEST}"', '"v": [1]', r"is damaged \('v' is \[1\], not a string\)"),
        ('"parts": []', '"parts": "hooks/x"', r"'parts' is 'hooks/x', not a list of strings"),
        ('"parts": []', '"parts": [null]', r"'parts' is \[None\], not a list of strings"),
        ("_src_path: ", "_src_path: 5 #", r"'_src_path' is 5, not a string"),
    ],
)
def test_answers_that_cannot_be_right(old: str, new: str, message: str, project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    answers = project / ANSWERS_FILE
    assert old in answers.read_text()
    answers.write_text(answers.read_text().replace(old, new))
    before = tree(project)
    with pytest.raises(ScaffoldError, match=message):
        new_task(project, "other", "language_modeling")
    assert tree(project) == before


@given(st.text(max_size=80))
def test_a_name_is_snake_case_or_refused(name: str) -> None:
    try:
        check_name("task", name)
    except ScaffoldError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert SNAKE_CASE.fullmatch(name)
