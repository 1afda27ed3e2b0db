"""`add`, `remove`, `rename` and `undo` change components and keep all edits."""

from pathlib import Path

import copier
import pytest

from ltscaffold.commands.edit.undo import revert
from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import SOURCE_URL
from ltscaffold.writing.plan import Change
from tests.conftest import Run
from tests.helpers.projects import add, new_project, new_task, remove, rename, undo
from tests.helpers.tree import tree

MODEL = "tasks/mine/model.py"
CONFIG = "conf/task/nlp/mine.yaml"


@pytest.fixture
def mine(project: Path) -> Path:
    """Return a project with a task whose stub and config were edited."""
    new_project(project)
    new_task(project, "mine", "language_modeling", ["training_step"])
    model = project / MODEL
    model.write_text(model.read_text().replace("return super()", "return 2 * super()"))
    config = project / CONFIG
    config.write_text(config.read_text() + "extra: 1\n")
    return project


def rendered(project: Path, folder: Path) -> dict[str, bytes]:
    """Return the tree that Copier renders from the answers of a project."""
    variables = read_project(project).variables()
    data = {name: value for name, value in variables.items() if name[0] != "_"}
    copier.run_copy(SOURCE_URL, folder, data=data, defaults=True, quiet=True)
    return tree(folder)


def test_add_merges_into_the_edited_files(mine: Path) -> None:
    plan = add(mine, "mine", ["setup"], ["weight_noise"])
    assert not plan.conflicts
    text = (mine / MODEL).read_text()
    assert "return 2 * super().training_step(" in text
    assert text.index("def setup") < text.index("def training_step")
    config = (mine / CONFIG).read_text()
    assert "noise_std: 0.01" in config
    assert "extra: 1" in config


def test_without_edits_add_gives_what_copier_renders(project: Path, tmp_path: Path) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"])
    add(project, "mine", ["setup"], ["freeze_backbone"])
    assert tree(project) == rendered(project, tmp_path / "copied")


def test_new_hooks_go_where_the_template_has_them(mine: Path) -> None:
    model = mine / MODEL
    step, own = "    def training_step(", "    def own(self) -> None: ...\n\n"
    model.write_text(model.read_text().replace(step, own + step))
    assert not add(mine, "mine", ["setup", "on_train_end"]).conflicts
    text = model.read_text()
    places = [text.index(f"def {name}(") for name in ("setup", "own", "training_step")]
    assert places == sorted(places)
    assert places[-1] < text.index("def on_train_end(")


def test_a_file_that_is_no_python_is_merged_by_line(mine: Path, run: Run) -> None:
    model = mine / MODEL
    step, own = "    def training_step(", "    def own(self) -> None\n\n"
    model.write_text(model.read_text().replace(step, own + step))
    done = run("ltscaffold", "add", "mine", "--hook", "setup")
    assert done.returncode == 1
    line = model.read_text().split("\n").index("<<<<<<< before updating") + 1
    assert f"CONFLICT {MODEL}:{line} choose" in done.stdout
    assert own in model.read_text()


def test_add_to_a_file_with_dos_line_ends(mine: Path) -> None:
    model = mine / MODEL
    model.write_bytes(model.read_bytes().replace(b"\n", b"\r\n"))
    assert not add(mine, "mine", ["setup"]).conflicts
    content = model.read_bytes()
    assert b"def setup" in content
    assert content.count(b"\r\n") == content.count(b"\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine",), "nothing to add"),
        (("mine", ["training_step"]), "'mine' has training_step already"),
        (("mine", ["trainingstep"]), "did you mean 'training_step'"),
        (("mine", [], ["weight_nose"]), "did you mean 'weight_noise'"),
        (("mina", ["setup"]), "'mina' is not a known component; did you mean 'mine'"),
    ],
)
def test_what_cannot_be_added(arguments: tuple[object, ...], message: str, mine: Path) -> None:
    before = tree(mine)
    with pytest.raises(ScaffoldError, match=message):
        add(mine, *arguments)
    assert tree(mine) == before


def test_remove_restores_the_tree(project: Path) -> None:
    new_project(project)
    new_task(project, "first", "language_modeling", [], ["weight_noise"])
    before = tree(project), {path for path in project.rglob("*") if path.is_dir()}
    new_task(project, "mine", "image_classification", ["setup"], ["freeze_backbone"])
    (project / "tasks/mine/__pycache__").mkdir()
    (project / "tasks/mine/__pycache__/model.cpython-313.pyc").touch()
    with_it = tree(project)
    remove(project, "mine")
    assert (tree(project), {path for path in project.rglob("*") if path.is_dir()}) == before
    undo(project)
    assert tree(project) == with_it


def test_remove_refuses_to_lose_an_edit_and_shows_it(mine: Path, run: Run) -> None:
    before = tree(mine)
    done = run("ltscaffold", "remove", "mine")
    assert done.returncode == 3
    assert "+        return 2 * super().training_step(batch, batch_idx)" in done.stdout
    assert "--force" in done.stderr
    assert done.stderr.count("\n") == 1
    assert tree(mine) == before


def test_what_remove_was_forced_to_delete_undo_brings_back(mine: Path, run: Run) -> None:
    (mine / MODEL).chmod(0o755)
    before = tree(mine)
    assert run("ltscaffold", "remove", "mine", "--force").returncode == 0
    assert MODEL not in tree(mine)
    undo(mine)
    assert tree(mine) == before
    assert (mine / MODEL).stat().st_mode & 0o777 == 0o755


def test_remove_leaves_what_it_did_not_generate(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    (project / "tasks/mine/notes.md").write_text("mine")
    kept = project / "tests/__pycache__/notes.md"
    kept.parent.mkdir()
    kept.touch()
    remove(project, "mine")
    assert [path for path in tree(project) if "mine" in path] == ["tasks/mine/notes.md"]
    assert kept.exists()


def test_rename_takes_edits_and_references_along(mine: Path, tmp_path: Path) -> None:
    new_task(mine, "mine_too", "language_modeling")
    (mine / "conf/experiment").mkdir()
    experiment = mine / "conf/experiment/long.yaml"
    experiment.write_text(
        "defaults:\n  - override /task: nlp/mine\n# nlp/mine_too, nlp/mine/x, my-nlp/mine stay\n"
        "task:\n  _target_: tasks.mine.model.MineTransformer\n"
    )
    (mine / "other.py").write_text("from tasks.mine.model import MineTransformer\n")
    plan = rename(mine, "mine", "yours_now")
    files = tree(mine)
    assert not [path for path in files if "mine" in path and "mine_too" not in path]
    model = files["tasks/yours_now/model.py"].decode()
    assert "class YoursNowTransformer(" in model
    assert "return 2 * super()" in model
    assert "extra: 1" in files["conf/task/nlp/yours_now.yaml"].decode()
    assert experiment.read_text() == (
        "defaults:\n  - override /task: nlp/yours_now\n"
        "# nlp/mine_too, nlp/mine/x, my-nlp/mine stay\n"
        "task:\n  _target_: tasks.yours_now.model.YoursNowTransformer\n"
    )
    assert plan.notes == [
        "other.py:1: still has the old name",
        "runs so far record tasks.mine.model.MineTransformer: rerun cannot repeat them, load needs "
        "task_class=<the class>",
    ]


def test_without_edits_rename_gives_what_copier_renders(project: Path, tmp_path: Path) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"], ["weight_noise"])
    rename(project, "mine", "a_much_longer_name_than_it_had_which_wraps_lines")
    assert tree(project) == rendered(project, tmp_path / "copied")


@pytest.mark.parametrize("name", ["language_modeling", "lambda", "mine", "Mine", "../x"])
def test_names_that_cannot_be_had(name: str, mine: Path) -> None:
    before = tree(mine)
    with pytest.raises(ScaffoldError, match=r"name|Python|choose|base"):
        rename(mine, "mine", name)
    assert tree(mine) == before


def test_undo_goes_back_command_by_command(project: Path) -> None:
    trees = [tree(project)]
    new_task(project, "mine", "language_modeling")
    trees.append(tree(project))
    add(project, "mine", ["setup"])
    trees.append(tree(project))
    rename(project, "mine", "yours")
    trees.append(tree(project))
    remove(project, "yours")
    for expected in reversed(trees):
        undo(project)
        assert tree(project) == expected
    with pytest.raises(ScaffoldError, match="nothing to undo"):
        undo(project)


def test_undo_keeps_an_edit_elsewhere_in_a_file(project: Path) -> None:
    new_task(project, "mine", "language_modeling", ["training_step"])
    add(project, "mine", ["setup"])
    model = project / MODEL
    model.write_text(model.read_text().replace("return super().tr", "return 2 * super().tr"))
    undo(project)
    assert "def setup" not in model.read_text()
    assert "return 2 * super().training_step" in model.read_text()


DOCSTRING = '    """Causal language model."""\n'


@pytest.mark.parametrize(
    ("old", "new", "is_kept"),
    [
        (DOCSTRING, '    """Mine,\n\n    in more lines.\n    """\n', True),
        (DOCSTRING, f"{DOCSTRING}\n    size = 3\n", True),
        ("    def setup", "    # Mine.\n    def setup", False),
        ("    def setup", "    @torch.no_grad()\n    def setup", False),
        ("super().setup(stage)\n", "super().setup(stage)\n        self.size = 3\n", False),
    ],
    ids=["docstring", "field", "comment", "decorator", "statement"],
)
def test_undo_keeps_an_edit_directly_beside_a_member(
    old: str, new: str, is_kept: bool, project: Path
) -> None:
    """An edit of the member itself is refused: without it, it would belong to the next."""
    new_task(project, "mine", "language_modeling", ["training_step"])
    model = project / MODEL
    before = model.read_text()
    add(project, "mine", ["setup"])
    model.write_text(edited := model.read_text().replace(old, new))
    if is_kept:
        undo(project)
        assert model.read_text() == before.replace(old, new)
    else:
        with pytest.raises(EditLossError, match="you edited"):
            undo(project)
        assert model.read_text() == edited


def test_undo_of_a_line_beside_deleted_ones_leaves_an_empty_module() -> None:
    change = Change("a.py", b"a = 1\n", b"a = 1\nb = 2\n")
    assert revert(b"b = 2\n", change) == (b"", False)


@pytest.mark.parametrize("path", [MODEL, CONFIG])
def test_undo_refuses_to_lose_an_edit(path: str, mine: Path) -> None:
    before = tree(mine)
    with pytest.raises(
        EditLossError, match=f"cannot undo 'new-task mine': you edited .*{path}.* since"
    ) as caught:
        undo(mine)
    assert "+extra: 1" in caught.value.diff
    assert tree(mine) == before


def test_the_history_of_a_folder_that_was_deleted_is_not_that_of_the_next(project: Path) -> None:
    new_task(project, "mine", "language_modeling")
    remove(project, "mine")
    for path in sorted(project.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    new_task(project, "other", "language_modeling")
    undo(project)
    with pytest.raises(ScaffoldError, match="nothing to undo"):
        undo(project)
    assert tree(project) == {}


def test_undo_leaves_folders_that_were_empty_before_the_command(project: Path) -> None:
    (project / "tests").mkdir()
    new_task(project, "mine", "language_modeling")
    undo(project)
    assert [path.name for path in project.rglob("*")] == ["tests"]
