"""A task can be based on another task of the project, which is based on a third."""

from pathlib import Path

import copier
import pytest

from ltscaffold.errors import ScaffoldError
from ltscaffold.project.status import status
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import SOURCE_URL
from tests.conftest import Run
from tests.helpers.projects import add, new_task, remove, rename, undo
from tests.helpers.tree import tree

LONG = "a_name_that_is_as_long_as_one_can_be_and_wraps"


@pytest.fixture
def chain(project: Path) -> Path:
    """Return a project with a task on a task on a task."""
    new_task(project, "zeta", "language_modeling", ["training_step"], ["weight_noise"])
    new_task(project, "middle", "zeta", ["training_step"])
    new_task(project, "alpha", "middle", [], ["freeze_backbone"])
    return project


def rendered(project: Path, folder: Path) -> dict[str, bytes]:
    """Return the tree that Copier renders from what a project records."""
    answers = read_project(project)
    data = {name: answers.variables()[name] for name in ("lts_package", "lts_items")}
    copier.run_copy(SOURCE_URL, folder, data=data, defaults=True, quiet=True)
    return tree(folder)


def test_class_and_config_stand_on_those_of_the_other_task(chain: Path) -> None:
    model = (chain / "tasks/alpha/model.py").read_text()
    assert "from tasks.middle.model import MiddleTransformer\n" in model
    assert "class AlphaTransformer(MiddleTransformer):\n" in model
    assert "  - /task/nlp/middle\n" in (chain / "conf/task/nlp/alpha.yaml").read_text()


def test_files_are_what_copier_renders(chain: Path, tmp_path: Path) -> None:
    new_task(chain, LONG, "alpha", ["training_step"])
    new_task(chain, f"{LONG}_2", LONG, ["training_step"])
    assert tree(chain) == rendered(chain, tmp_path / "copied")


@pytest.mark.slow
def test_generated_tests_pass_unedited(chain: Path, run: Run) -> None:
    done = run("pytest", "--quiet")
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout
    done = run(
        "python", "-c", "from tasks.alpha.model import AlphaTransformer as A; print(A.mro())"
    )
    assert done.stdout.index("AlphaT") < done.stdout.index("MiddleT") < done.stdout.index("ZetaT")


def test_base_of_another_task_stays(chain: Path) -> None:
    before = tree(chain)
    with pytest.raises(
        ScaffoldError, match="cannot remove 'middle': 'alpha' is based on it; remove 'alpha' first"
    ):
        remove(chain, "middle")
    assert tree(chain) == before


def test_remove_and_undo_go_back(chain: Path) -> None:
    before = tree(chain)
    new_task(chain, "late", "alpha", ["setup"])
    after = tree(chain)
    remove(chain, "late")
    assert tree(chain) == before
    undo(chain)
    assert tree(chain) == after


def test_rename_reaches_the_tasks_on_it_with_their_edits(chain: Path, tmp_path: Path) -> None:
    config = chain / "conf/task/nlp/alpha.yaml"
    config.write_text(config.read_text() + "extra: 1\n")
    (note,) = rename(chain, "middle", "centre").notes
    assert note.startswith("runs so far record tasks.middle.model.MiddleTransformer: ")
    assert "import CentreTransformer" in (chain / "tasks/alpha/model.py").read_text()
    assert "  - /task/nlp/centre\n" in config.read_text()
    assert "extra: 1\n" in config.read_text()
    config.write_text(config.read_text().removesuffix("extra: 1\n"))
    assert tree(chain) == rendered(chain, tmp_path / "copied")


def test_add_to_a_base_leaves_the_tasks_on_it(chain: Path, tmp_path: Path) -> None:
    plan = add(chain, "middle", ["setup"])
    assert not [change.path for change in plan.changes if "alpha" in change.path]
    assert tree(chain) == rendered(chain, tmp_path / "copied")


@pytest.mark.parametrize("name", ["middle", "alpha"])
def test_an_inherited_recipe_goes_in_once(name: str, chain: Path) -> None:
    with pytest.raises(ScaffoldError, match=f"{name} inherits it from zeta"):
        add(chain, name, [], ["weight_noise"])
    with pytest.raises(ScaffoldError, match="zeta is the base of alpha"):
        add(chain, "zeta", [], ["freeze_backbone"])


def test_conflicting_recipes_are_refused_in_a_task_and_along_a_chain(chain: Path) -> None:
    recipes = ["custom_loss", "label_smoothing"]
    refused = "'custom_loss' does not combine with 'label_smoothing': the focal loss"
    with pytest.raises(ScaffoldError, match=refused):
        new_task(chain, "mine", "language_modeling", [], recipes)
    add(chain, "middle", [], ["label_smoothing"])
    for name in ("zeta", "middle", "alpha"):
        with pytest.raises(ScaffoldError, match=refused):
            add(chain, name, [], ["custom_loss"])


def test_unknown_base_is_looked_for_in_the_project_too(chain: Path) -> None:
    with pytest.raises(ScaffoldError, match="did you mean 'middle'"):
        new_task(chain, "mine", "midle")


def test_templates_that_cannot_chain_say_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ltscaffold.templating.source.versions", lambda url: ["v1.0.0"])
        new_task(project, "old", "language_modeling")
    with pytest.raises(ScaffoldError, match=r"needs templates v1\.1\.0, the project has v1\.0\.0"):
        new_task(project, "mine", "old")


def test_base_that_a_merge_has_lost_is_named(chain: Path) -> None:
    answers = chain / ".copier-answers.yml"
    lines = answers.read_text().splitlines(keepends=True)
    answers.write_text("".join(line for line in lines if '"name": "middle"' not in line))
    before = tree(chain)
    with pytest.raises(ScaffoldError, match="'alpha' is based on 'middle', which is neither"):
        add(chain, "alpha", ["setup"])
    with pytest.raises(ScaffoldError, match="'alpha' is based on 'middle', which is neither"):
        status(chain)
    assert tree(chain) == before
