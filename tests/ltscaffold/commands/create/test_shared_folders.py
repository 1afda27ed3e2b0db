"""New callbacks and data modules share a folder; those of templates before 2.0.0 keep a package."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.errors import ScaffoldError
from ltscaffold.record.answers import Answers, Component, read_project
from ltscaffold.record.component_types import CALLBACK_BASE
from ltscaffold.templating.render import render
from ltscaffold.templating.source import SOURCE_URL, checkout
from ltscaffold.writing.plan import write_files
from tests.conftest import Run
from tests.helpers.projects import (
    add,
    new_callback,
    new_dataset,
    new_project,
    new_task,
    remove,
    rename,
    update,
)
from tests.helpers.tree import tree

FORMER = "v1.4.0"
BASE = "language_modeling"
INIT = "tasks/callbacks/__init__.py"


@pytest.fixture
def former(project: Path) -> Path:
    """Return a project with a data module and a callback as templates 1.4.0 rendered them."""
    components = [
        Component("dataset", "rows", "nlp", BASE, ["data_hooks/process_split"], FORMER),
        Component("callback", "watch", "", CALLBACK_BASE, ["callback_hooks/on_fit_end"], FORMER),
    ]
    write_rendered(project, Answers(FORMER, SOURCE_URL, "tasks", components))
    return project


def write_rendered(project: Path, answers: Answers) -> None:
    """Write all files of a project as the templates of its version render them."""
    write_files(project, render(checkout(SOURCE_URL, answers.version), answers))


def test_the_folder_goes_with_its_last_component(project: Path) -> None:
    new_task(project, "mine", BASE)
    before = tree(project)
    new_callback(project, "watch", ["on_fit_end"])
    with_one = tree(project)
    new_callback(project, "other")
    remove(project, "other")
    assert tree(project) == with_one
    remove(project, "watch")
    assert tree(project) == before


def test_a_folder_of_the_user_is_kept(project: Path) -> None:
    new_task(project, "mine", BASE)
    (project / INIT).parent.mkdir()
    (project / INIT).write_text("OWN = 1\n")
    new_callback(project, "watch")
    assert (project / INIT).read_text() == "OWN = 1\n"
    remove(project, "watch")
    assert (project / INIT).read_text() == "OWN = 1\n"


@pytest.mark.parametrize("own", ["own.py", "deeper/own.py"])
def test_the_folder_stays_a_package_while_it_has_modules_of_the_user(
    own: str, project: Path
) -> None:
    new_task(project, "mine", BASE)
    (project / INIT).parent.mkdir()
    (project / INIT).touch()
    path = (project / INIT).parent / own
    path.parent.mkdir(exist_ok=True)
    path.touch()
    before = tree(project)
    new_callback(project, "watch")
    remove(project, "watch")
    assert tree(project) == before


def test_a_former_task_with_the_name_of_the_folder_stays_a_package(project: Path) -> None:
    task = Component("task", "callbacks", "nlp", BASE, [], FORMER)
    write_rendered(project, Answers(FORMER, SOURCE_URL, "tasks", [task]))
    update(project)
    before = tree(project)
    new_callback(project, "watch")
    remove(project, "watch")
    assert tree(project) == before


@pytest.mark.parametrize(
    ("create", "path"),
    [
        (lambda project: new_callback(project, "watch"), "tasks/callbacks.py"),
        (lambda project: new_task(project, "mine", BASE), "tasks/mine.py"),
    ],
    ids=["folder", "package"],
)
def test_a_module_of_the_user_is_not_shadowed(
    create: Callable[[Path], object], path: str, project: Path
) -> None:
    new_project(project)
    (project / path).touch()
    before = tree(project)
    with pytest.raises(ScaffoldError, match=rf"{path} exists and was not generated"):
        create(project)
    assert tree(project) == before


def test_an_edited_module_is_renamed_within_its_folder(project: Path) -> None:
    new_dataset(project, "rows", BASE, ["process_split"])
    module = project / "tasks/data_modules/rows.py"
    module.write_text(
        module.read_text().replace("return super()", "print(split)\n        return super()")
    )
    (project / "own.py").write_text("from tasks.data_modules.rows import RowsDataModule\n")
    plan = rename(project, "rows", "lines")
    text = (project / "tasks/data_modules/lines.py").read_text()
    assert "print(split)" in text
    assert "dataset `lines`" in text
    assert "class LinesDataModule(" in text
    assert plan.notes[0] == "own.py:1: still has the old name"
    assert "record tasks.data_modules.rows.RowsDataModule: " in plan.notes[1]
    assert plan.notes[1].endswith("load needs data_class=<the class>")
    assert not module.exists()
    config = (project / "conf/dataset/nlp/language_modeling/lines.yaml").read_text()
    assert "_target_: tasks.data_modules.lines.LinesDataModule" in config
    assert not check(project)


def test_former_components_keep_their_package(former: Path, run: Run) -> None:
    update(former)
    new_callback(former, "other", ["on_fit_end"])
    add(former, "watch", ["on_fit_start"])
    paths = set(tree(former))
    assert {"tasks/rows/data.py", "tasks/watch/callback.py", "tasks/callbacks/other.py"} <= paths
    assert "tasks/callbacks/watch.py" not in paths
    folders = {each.name: each.folder for each in read_project(former).components}
    assert folders == {"rows": "", "watch": "", "other": "callbacks"}
    rename(former, "watch", "observer")
    assert "class Observer(Callback)" in (former / "tasks/observer/callback.py").read_text()
    done = run("pytest", "--quiet", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    remove(former, "observer")
    assert not (former / "tasks/observer").exists()


def test_a_project_of_former_templates_gets_packages(former: Path) -> None:
    new_callback(former, "other")
    assert (former / "tasks/other/callback.py").exists()
    assert '"folder"' not in (former / ".copier-answers.yml").read_text()
