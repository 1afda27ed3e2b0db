"""Datasets and callbacks are components of a project, as tasks are."""

from pathlib import Path

import copier
import pytest

from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from ltscaffold.errors import EditLossError, ScaffoldError
from ltscaffold.project.status import status
from ltscaffold.record.answers import read_project
from ltscaffold.record.component_types import CALLBACK, DATASET, TASK, ComponentType
from ltscaffold.templating.source import SOURCE_URL
from tests.conftest import Run
from tests.helpers.projects import (
    add,
    new_callback,
    new_dataset,
    new_project,
    new_task,
    remove,
    rename,
    undo,
)
from tests.helpers.tree import tree

BASE = "language_modeling"
DATASET_FILES = {
    "conf/dataset/nlp/language_modeling/rows.yaml",
    "tasks/data_modules/__init__.py",
    "tasks/data_modules/rows.py",
    "tests/test_rows.py",
}
CALLBACK_FILES = {
    "conf/callbacks/watch.yaml",
    "tasks/callbacks/__init__.py",
    "tasks/callbacks/watch.py",
    "tests/test_watch.py",
}


@pytest.fixture
def components(project: Path) -> Path:
    """Return a project with a component of each type."""
    new_task(project, "mine", BASE, ["training_step"])
    new_dataset(project, "rows", BASE, ["process_data", "collate_fn"])
    new_callback(project, "watch", ["on_train_batch_end"])
    return project


def rendered(project: Path, folder: Path) -> dict[str, bytes]:
    """Return the tree that Copier renders from what a project records."""
    answers = read_project(project)
    data = {name: answers.variables()[name] for name in ("lts_package", "lts_items")}
    copier.run_copy(SOURCE_URL, folder, data=data, defaults=True, quiet=True)
    return tree(folder)


def folders(project: Path) -> set[Path]:
    return {path for path in project.rglob("*") if path.is_dir()}


def test_files_are_written_in_a_project_and_with_one(project: Path, tmp_path: Path) -> None:
    new_project(project)
    skeleton = set(tree(project))
    new_dataset(project, "rows", BASE)
    assert set(tree(project)) - skeleton == DATASET_FILES
    new_callback(project, "watch")
    assert set(tree(project)) - skeleton == DATASET_FILES | CALLBACK_FILES
    (tmp_path / "other").mkdir()
    new_callback(tmp_path / "other", "watch")
    assert set(tree(tmp_path / "other")) == skeleton | CALLBACK_FILES


def test_files_are_what_copier_renders(components: Path, tmp_path: Path) -> None:
    assert tree(components) == rendered(components, tmp_path / "once")
    new_dataset(components, "images", "image_classification", ["setup", "model_data_kwargs"])
    new_callback(components, "a_callback", ["state_dict", "on_exception"])
    new_task(components, "zeta", "mine", [], ["weight_noise"])
    assert tree(components) == rendered(components, tmp_path / "twice")


def test_remove_restores_the_tree(components: Path) -> None:
    before = tree(components), folders(components)
    new_dataset(components, "images", "image_classification", ["setup"])
    new_callback(components, "other", ["setup"])
    remove(components, "images")
    remove(components, "other")
    assert (tree(components), folders(components)) == before
    remove(components, "rows")
    remove(components, "watch")
    assert not [path for path in tree(components) if "rows" in path or "watch" in path]
    assert not (components / "conf/dataset").exists()


@pytest.mark.parametrize(
    ("name", "path", "hook"),
    [
        ("rows", "tasks/data_modules/rows.py", "load_dataset"),
        ("watch", "tasks/callbacks/watch.py", "on_fit_end"),
    ],
)
def test_add_keeps_the_edits_and_undo_takes_it_back(
    name: str, path: str, hook: str, components: Path, tmp_path: Path
) -> None:
    module = components / path
    module.write_text(module.read_text().replace("super().", "super(). "))
    before = tree(components)
    assert not add(components, name, [hook]).conflicts
    assert f"def {hook}(" in module.read_text()
    assert "super(). " in module.read_text()
    undo(components)
    assert tree(components) == before
    with pytest.raises(EditLossError):
        remove(components, name)
    module.write_text(module.read_text().replace("super(). ", "super()."))
    add(components, name, [hook])
    assert tree(components) == rendered(components, tmp_path / "copied")


def test_rename_of_a_dataset_reaches_the_configs(components: Path, tmp_path: Path) -> None:
    (components / "conf/experiment").mkdir()
    experiment = components / "conf/experiment/long.yaml"
    experiment.write_text(
        "defaults:\n  - override /dataset: nlp/language_modeling/rows\n# other/rows, rows stay\n"
    )
    rename(components, "rows", "lines_1a")
    assert "class Lines1aDataModule(" in (components / "tasks/data_modules/lines_1a.py").read_text()
    assert experiment.read_text() == (
        "defaults:\n  - override /dataset: nlp/language_modeling/lines_1a\n"
        "# other/rows, rows stay\n"
    )
    experiment.unlink()
    assert tree(components) == rendered(components, tmp_path / "copied")


def test_rename_of_a_callback_reaches_the_configs(components: Path, tmp_path: Path) -> None:
    (components / "conf/experiment").mkdir()
    experiment = components / "conf/experiment/long.yaml"
    text = (
        "# to watch: callbacks/watch, callbacks.watch.x=1, my_watch, callbacks/watch_2\n"
        "defaults:\n  - override /callbacks: [default, NAME, watch_2]\n  - watch\n"
        "one:\n  - override /callbacks: NAME  # watch\n"
        "two:\n  - override /callbacks:\n      - default\n      - NAME\n  - watch\n"
        "callbacks:\n  other:\n    x: watch\n  NAME:\n    x: 1\nelse:\n  watch:\n    x: 1\n"
    )
    experiment.write_text(text.replace("NAME", "watch"))
    plan = rename(components, "watch", "observer")
    assert plan.notes == [
        "conf/experiment/long.yaml:1: still has the old name",
        "runs so far record tasks.callbacks.watch.Watch: rerun cannot repeat them",
    ]
    assert experiment.read_text() == text.replace("NAME", "observer")
    assert "class Observer(Callback):" in (components / "tasks/callbacks/observer.py").read_text()
    experiment.unlink()
    assert tree(components) == rendered(components, tmp_path / "copied")


def test_status_finds_the_stubs_of_each_type(components: Path) -> None:
    found = {
        entry.component.name: [stub.name for stub in entry.stubs]
        for entry in status(components).components
    }
    assert found == {
        "mine": ["training_step"],
        "rows": ["process_data", "collate_fn"],
        "watch": ["on_train_batch_end"],
    }
    data = components / "tasks/data_modules/rows.py"
    data.write_text(data.read_text().replace("return super().collate_fn", "return list"))
    (rows,) = [entry for entry in status(components).components if entry.component.name == "rows"]
    assert [stub.name for stub in rows.stubs] == ["process_data"]


def test_names_are_unique_over_all_types(components: Path) -> None:
    with pytest.raises(ScaffoldError, match="has a dataset 'rows' already"):
        new_task(components, "rows", BASE)
    with pytest.raises(ScaffoldError, match="has a task 'mine' already"):
        new_callback(components, "mine")
    with pytest.raises(ScaffoldError, match="has a callback 'watch' already"):
        rename(components, "rows", "watch")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new-dataset", "mine2", "--base", "mine"), "'mine' is not a known base"),
        (("new-dataset", "sample", "--base", BASE), "call the dataset my_sample"),
        (
            ("new-dataset", "it", "--base", BASE, "--hook", "training_step"),
            "not a known dataset hook",
        ),
        (("new-dataset", BASE, "--base", BASE), "name of a base"),
        (("new-callback", "none"), "call the callback my_none"),
        (("new-callback", "callback"), "call the callback my_callback"),
        (("new-callback", "it", "--hook", "on_train_ends"), "did you mean 'on_train_end'?"),
        (("new-task", "it", "--base", "rows"), "'rows' is not a known base"),
        (("add", "rows", "--recipe", "weight_noise"), "a dataset has no recipes"),
        (("add", "watch", "--hook", "training_step"), "not a known callback hook"),
        (("list", "hooks", "--base", "langage_modeling"), "did you mean 'language_modeling'?"),
        (("list", "hooks", "--type", "callback", "--base", BASE), "omit --base"),
    ],
)
def test_mistake(arguments: tuple[str, ...], message: str, components: Path, run: Run) -> None:
    before = tree(components)
    done = run("ltscaffold", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert tree(components) == before


@pytest.mark.parametrize(
    "command", [("new-dataset", "it", "--base", BASE), ("new-callback", "it")], ids=" ".join
)
@pytest.mark.parametrize("option", ["--dry-run", "--diff"])
def test_a_preview_writes_nothing(
    command: tuple[str, ...], option: str, components: Path, run: Run
) -> None:
    before = tree(components)
    done = run("ltscaffold", *command, option)
    assert done.returncode == 0
    assert "tests/test_it.py" in done.stdout
    assert tree(components) == before
    assert '"command": "new-' in run("ltscaffold", *command, "--json").stdout


def test_names_of_the_runtime_are_taken() -> None:
    callbacks = {path.stem for path in (PACKAGED_CONFIGS / "callbacks").glob("*.yaml")}
    datasets = {path.stem for path in (PACKAGED_CONFIGS / "dataset").glob("*/*/*.yaml")}
    assert callbacks - {"default"} <= CALLBACK.reserved_names
    assert datasets - {"default"} == DATASET.reserved_names


@pytest.mark.parametrize("kind", ["dataset", "callback"])
def test_templates_without_the_kind_say_so(
    kind: str, project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ltscaffold.templating.source.versions", lambda url: ["v1.0.0"])
        new_task(project, "old", BASE)
    done = run("ltscaffold", "list", "hooks", "--type", kind)
    assert f"a {kind} needs templates v1.1.0, the project has v1.0.0" in done.stderr
    with pytest.raises(ScaffoldError, match=f"a {kind} needs templates"):
        new_callback(project, "it") if kind == "callback" else new_dataset(project, "it", BASE)


@pytest.mark.parametrize("kind", [TASK, DATASET, CALLBACK], ids=lambda kind: kind.name)
def test_hooks_are_listed_with_signature_and_time(
    kind: ComponentType, components: Path, run: Run
) -> None:
    name = {"task": "training_step", "dataset": "process_split", "callback": "on_train_batch_end"}
    lines = run("ltscaffold", "list", "hooks", "--type", kind.name).stdout.splitlines()
    (line,) = [line for line in lines if line.split()[1] == name[kind.name]]
    assert line.startswith(("train\t", "process\t"))
    assert ") -> " in line
    assert "training batch" in line or "once a split" in line
    assert "Return the " in line or "Called after" in line
    assert sorted(lines) == lines


def test_hooks_of_a_task_of_the_project_are_listed(components: Path, run: Run) -> None:
    done = run("ltscaffold", "list", "hooks", "--base", "mine", "--json")
    assert '"stage": "train"' in done.stdout
    assert done.stdout == run("ltscaffold", "list", "hooks", "--base", BASE, "--json").stdout
