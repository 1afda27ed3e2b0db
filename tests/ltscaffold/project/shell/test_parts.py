"""The parts of the shell that a project gets, and the files of the user in their place."""

from pathlib import Path

import copier
import pytest

from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.project.components import SKIP_IF_EXISTS, skeleton_files
from ltscaffold.project.initial_answers import initial_answers
from ltscaffold.project.shell.parts import project_name
from ltscaffold.project.status import status
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL
from ltscaffold.writing.plan import write_files
from tests.conftest import Run
from tests.helpers.copier_update import commit_all
from tests.helpers.projects import (
    add_shell,
    new_project,
    new_task,
    remove,
    rename,
    undo,
    update,
)
from tests.helpers.releases import next_release
from tests.helpers.tree import tree

ALL = ("agents", "ci", "pre_commit", "readme", "uv", "vscode")
TRAIN = "print('mine')\n"


def parts(project: Path) -> list[str]:
    return sorted(c.name for c in read_project(project).components if c.type == "shell")


def test_a_new_project_has_the_default_parts(project: Path) -> None:
    new_project(project, shell=None)
    assert parts(project) == ["agents", "readme", "uv"]


def test_the_root_of_a_repository_gets_ci_too(project: Path) -> None:
    (project / ".git").mkdir()
    new_task(project, "mine", "language_modeling", shell=None)
    assert parts(project) == ["agents", "ci", "readme", "uv"]


def test_another_folder_of_a_repository_gets_no_ci(project: Path) -> None:
    (project.parent / ".git").mkdir()
    new_project(project, shell=None)
    assert "ci" not in parts(project)


def test_a_part_brings_those_that_it_needs(project: Path) -> None:
    new_project(project, shell=["ci"])
    assert parts(project) == ["ci", "uv"]


def test_default_parts_give_way_to_files_of_the_user(project: Path) -> None:
    (project / ".git").mkdir()
    (project / "pyproject.toml").write_text("[project]\n")
    plan = new_project(project, shell=None)
    assert parts(project) == ["agents", "readme"], "ci needs uv"
    (note,) = plan.notes
    assert note.startswith("pyproject.toml: yours stays, without the part uv of the shell")
    assert (project / "pyproject.toml").read_text() == "[project]\n"


@pytest.mark.parametrize("name", ["agents", "uv"])
def test_a_default_part_gives_way_to_a_component_of_its_name(project: Path, name: str) -> None:
    (project / ".git").mkdir()
    plan = new_task(project, name, "language_modeling", shell=None)
    needs = {"uv": ["ci"]}.get(name, [])
    assert parts(project) == sorted({"agents", "ci", "readme", "uv"} - {name, *needs})
    note = plan.notes[0]
    assert note.startswith(f"the part {name} of the shell is left out, since '{name}' has its")
    rename(project, name, f"my_{name}")
    add_shell(project, name, *needs)
    assert parts(project) == ["agents", "ci", "readme", "uv"]


def test_a_chosen_part_clashes_unless_it_is_adopted(project: Path) -> None:
    new_project(project)
    (project / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(ScaffoldError, match=r"pyproject.toml exists.*or keep it as edited with"):
        add_shell(project, "uv")
    plan = add_shell(project, "uv", adopt=True)
    assert "pyproject.toml: stays as it is, recorded as edited; updates merge into it" in plan.notes
    (entry,) = status(project).components
    assert entry.files == {"pyproject.toml": "edited"}


def test_parts_are_rendered_as_copier_renders_them(project: Path, tmp_path: Path) -> None:
    new_task(project, "mine", "language_modeling", shell=ALL)
    variables = read_project(project).variables()
    data = {name: value for name, value in variables.items() if name[0] != "_"}
    copier.run_copy(SOURCE_URL, tmp_path / "copied", data=data, defaults=True, quiet=True)
    assert tree(project) == tree(tmp_path / "copied")


def test_adding_and_removing_leave_the_project_as_it_was(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    before = tree(project)
    add_shell(project, *ALL)
    for name in ALL:
        remove(project, name)
    assert tree(project) == before
    add_shell(project, "ci")
    undo(project)
    assert tree(project) == before


def test_an_edited_part_is_not_removed(project: Path) -> None:
    new_project(project, shell=["readme"])
    (project / "README.md").write_text("mine\n")
    with pytest.raises(EditLossError, match=r"you edited README.md"):
        remove(project, "readme")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda project: remove(project, "uv"), "'ci' needs it; remove 'ci' first"),
        (lambda project: rename(project, "uv", "pip"), "has a fixed name"),
        (lambda project: add_shell(project, "uv"), "the project has uv already"),
        (lambda project: add_shell(project, "agent"), "did you mean 'agents'"),
        (
            lambda project: new_task(project, "mine", "language_modeling", shell=["ci"]),
            "add parts with `ltscaffold add-shell ci`",
        ),
    ],
)
def test_mistakes_change_nothing(project: Path, act, message: str) -> None:  # type: ignore[no-untyped-def]
    new_project(project, shell=["ci"])
    before = tree(project)
    with pytest.raises(ScaffoldError, match=message):
        act(project)
    assert tree(project) == before


def test_a_component_of_the_same_name_is_in_the_way(project: Path) -> None:
    new_task(project, "agents", "language_modeling")
    with pytest.raises(ScaffoldError, match="this project has a task 'agents'; rename it"):
        add_shell(project, "agents")


@pytest.mark.parametrize("by", ["ltscaffold", "copier"])
def test_a_newer_template_is_merged_into_edited_parts(
    by: str, project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_task(project, "mine", "language_modeling", shell=ALL)
    edits = {
        "pyproject.toml": ('"ruff', '"mypy",\n    "ruff'),
        "AGENTS.md": ("# Guide", "# Our guide"),
    }
    for path, edit in edits.items():
        (project / path).write_text((project / path).read_text().replace(*edit))
    commit_all(run)
    change = ("line-length = 100", "line-length = 99")
    bundle = next_release(change=change, path="project/*pyproject*")
    monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    if by == "copier":
        assert run("copier", "update").returncode == 0
    else:
        assert update(project).conflicts == []
    text = (project / "pyproject.toml").read_text()
    assert '"mypy",\n    "ruff' in text
    assert change[1] in text
    assert "# Our guide" in (project / "AGENTS.md").read_text()


def test_files_of_the_user_stay_and_are_listed(project: Path, run: Run) -> None:
    (project / "conf").mkdir()
    (project / "conf/config.yaml").write_text("a: 1\n")
    (project / "train.py").write_text(TRAIN)
    (project / "pytest.ini").write_text("[pytest]\npythonpath = .\ntestpaths = tests\n")
    plan = new_task(project, "mine", "language_modeling")
    assert [note.partition(": yours stays")[0] for note in plan.notes] == [
        "conf/config.yaml",
        "train.py",
    ]
    assert (project / "train.py").read_text() == TRAIN
    assert [*read_project(project).own] == ["conf/config.yaml", "train.py"]
    before = tree(project)
    commit_all(run)
    assert run("copier", "update").returncode == 0
    assert (project / "train.py").read_text() == TRAIN
    undo(project)
    assert {path for path in before if path in tree(project)} == {
        "conf/config.yaml",
        "pytest.ini",
        "train.py",
    }


def test_copier_leaves_each_file_of_the_user(project: Path, run: Run) -> None:
    """`copier.yml` lists the files of the skeleton one by one."""
    paths = sorted(skeleton_files(initial_answers()).keys() - {*SKIP_IF_EXISTS})
    write_files(project, dict.fromkeys(paths, "# mine\n"))
    new_project(project)
    assert [*read_project(project).own] == paths
    commit_all(run)
    change = ("# The config", "# A config")
    bundle = next_release(change=change, path="project/conf/config.yaml")
    for command in (("update",), ("recopy", "--overwrite")):
        done = run("copier", *command, **{BUNDLE_VARIABLE: str(bundle)})
        assert done.returncode == 0, done.stderr
        assert {(project / path).read_text() for path in paths} == {"# mine\n"}
    assert read_project(project).version == "v99.0.0"


@pytest.mark.parametrize("adopt", [False, True])
def test_updates_merge_into_adopted_files_only(
    adopt: bool, project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_project(project)
    mine = (project / "conf/config.yaml").read_text() + "mine: 1\n"
    undo(project)
    (project / "conf").mkdir(exist_ok=True)
    (project / "conf/config.yaml").write_text(mine)
    new_project(project, adopt=adopt)
    change = ("resume: null", "resume: auto")
    bundle = next_release(change=change, path="project/conf/config.yaml")
    monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    update(project)
    expected = mine.replace(*change) if adopt else mine
    assert (project / "conf/config.yaml").read_text() == expected


def test_files_of_a_component_are_adopted(project: Path) -> None:
    model = project / "tasks/mine/model.py"
    model.parent.mkdir(parents=True)
    model.write_text(TRAIN)
    new_task(project, "mine", "language_modeling", adopt=True)
    assert model.read_text() == TRAIN
    (entry,) = status(project).components
    assert entry.files["tasks/mine/model.py"] == "edited"


@pytest.mark.parametrize(
    ("folder", "name"),
    [("My Tickets_2", "my-tickets-2"), ("ltscaffold", "my-ltscaffold"), ("...", "project")],
)
def test_the_name_of_a_project_is_one_of_a_package(folder: str, name: str, tmp_path: Path) -> None:
    assert project_name(tmp_path / folder) == name
