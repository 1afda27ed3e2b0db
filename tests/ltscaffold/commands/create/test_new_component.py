"""The files that `new-task` writes, and those that it leaves unchanged."""

import re
import subprocess
from pathlib import Path

import copier
import pytest
import yaml

from ltscaffold.record.answers import ANSWERS_FILE, read_answers
from ltscaffold.templating.source import SOURCE_URL
from tests.conftest import Run
from tests.helpers.projects import new_project, new_task
from tests.helpers.tree import tree

CASES = {
    "empty": ((), ()),
    "hooks": (("on_fit_start", "training_step"), ()),
    "recipes": ((), ("freeze_backbone", "weight_noise")),
    "both": (("on_fit_start", "build_model"), ("freeze_backbone",)),
}


def test_in_an_empty_folder_the_project_is_written_too(project: Path) -> None:
    new_task(project, "my_language_modeling", "language_modeling")
    assert set(tree(project)) == {
        ".copier-answers.yml",
        ".gitattributes",
        ".gitignore",
        "conf/config.yaml",
        "conf/task/nlp/my_language_modeling.yaml",
        "evaluate.py",
        "export.py",
        "predict.py",
        "pytest.ini",
        "rerun.py",
        "tasks/__init__.py",
        "tasks/my_language_modeling/__init__.py",
        "tasks/my_language_modeling/model.py",
        "tests/test_my_language_modeling.py",
        "train.py",
    }


def test_in_a_project_only_the_files_of_the_component_are_written(project: Path) -> None:
    new_task(project, "first", "language_modeling", recipes=["weight_noise"])
    (project / "tasks/first/model.py").write_text("# mine\n")
    before = tree(project)
    second = new_task(project, "second", "language_modeling")
    after = tree(project)
    created = {change.path for change in second.changes if change.action == "create"}
    assert set(after) - set(before) == created
    assert {path for path in before if before[path] != after[path]} == {ANSWERS_FILE}
    answers = read_answers(project)
    assert answers is not None
    assert [component.name for component in answers.components] == ["first", "second"]


def test_project_then_task_equals_task_alone(tmp_path: Path) -> None:
    new_project(tmp_path / "a")
    new_task(tmp_path / "a", "mine", "language_modeling")
    (tmp_path / "b").mkdir()
    new_task(tmp_path / "b", "mine", "language_modeling")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


@pytest.mark.parametrize("case", CASES)
def test_files_are_byte_identical_to_what_copier_renders(
    case: str, project: Path, tmp_path: Path
) -> None:
    hooks, recipes = CASES[case]
    new_task(project, "zeta", "language_modeling", hooks, recipes, package="examples")
    new_task(project, "alpha", "language_modeling", hooks, recipes)
    answers = read_answers(project)
    assert answers is not None
    variables = {name: value for name, value in answers.variables().items() if name[0] != "_"}
    copier.run_copy(SOURCE_URL, tmp_path / "copied", data=variables, defaults=True, quiet=True)
    assert tree(project) == tree(tmp_path / "copied")


def test_git_ignores_what_runs_and_exports_write_by_default(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    config = yaml.safe_load((project / "conf/config.yaml").read_text())
    ignored = (project / ".gitignore").read_text().splitlines()
    assert {f"/{config['export_dir']}/", "/outputs/"} <= {*ignored}
    assert config["hydra"]["run"]["dir"].startswith("outputs/")


def test_the_users_own_gitignore_stays(project: Path) -> None:
    (project / ".gitignore").write_text("mine\n")
    new_task(project, "mine", "language_modeling")
    assert (project / ".gitignore").read_text() == "mine\n"


def test_methods_stand_in_the_order_of_the_lifecycle(project: Path) -> None:
    hooks = ["training_step", "teardown", "setup", "forward"]
    new_task(project, "mine", "language_modeling", hooks, ["lora"])
    model = (project / "tasks/mine/model.py").read_text()
    expected = ["build_model", "setup", "forward", "training_step", "teardown"]
    assert re.findall(r"def (\w+)", model) == expected


def test_recipes_that_share_a_hook_with_a_stub_share_one_method(project: Path) -> None:
    new_task(project, "mine", "language_modeling", ["build_model"], ["freeze_backbone"])
    assert (project / "tasks/mine/model.py").read_text().count("def build_model") == 1


def test_concurrent_runs_all_land(project: Path) -> None:
    names = [f"task_{number:02}" for number in range(8)]
    commands = [["ltscaffold", "new-task", n, "--base", "language_modeling"] for n in names]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    assert [process.communicate()[1] for process in running] == [b""] * len(names)
    answers = read_answers(project)
    assert answers is not None
    tasks = [component for component in answers.components if component.type == "task"]
    assert sorted(component.name for component in tasks) == names
    assert all((project / f"tasks/{name}/model.py").is_file() for name in names)


def test_commands_to_run_next_are_printed(run: Run) -> None:
    done = run("ltscaffold", "new-task", "mine", "--base", "language_modeling")
    assert done.returncode == 0
    assert "  python train.py +task=nlp/mine experiment=smoke\n" in done.stdout
