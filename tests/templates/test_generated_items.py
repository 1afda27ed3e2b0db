"""Datasets and callbacks as they are generated: configs compose, tests pass and can fail."""

from pathlib import Path

import pytest
import yaml

from build_tools.release_templates import TEMPLATES
from lightning_transformers.config.compose import compose
from ltscaffold.record.component_types import CALLBACK, DATASET
from ltscaffold.templating.catalog import Catalog
from tests.conftest import Run
from tests.helpers.projects import new_callback, new_dataset
from tests.helpers.rendered import some_bases

pytestmark = pytest.mark.xdist_group("generated items")  # they share a project

CATALOG = Catalog(TEMPLATES)
DATA_HOOKS, CALLBACK_HOOKS = CATALOG.hook_names(DATASET), CATALOG.hook_names(CALLBACK)
BASES = CATALOG.names("base")
BASE = "language_modeling"


@pytest.fixture(scope="module")
def empty_items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a dataset for each base, and a callback."""
    project = tmp_path_factory.mktemp("empty-items")
    for base in BASES:
        new_dataset(project, f"my_{base}", base)
    new_callback(project, "empty_callback")
    return project


@pytest.mark.parametrize("base", BASES)
def test_config_of_a_dataset_composes(base: str, empty_items: Path) -> None:
    group = CATALOG.entry("base", base)["group"]
    (config,) = empty_items.glob(f"conf/dataset/{group}/{base}/my_*.yaml")
    assert yaml.safe_load(config.read_text()).keys() == {"defaults", "_target_"}
    task, option = f"task={group}/{base}", f"dataset={group}/{base}/my_{base}"
    dataset = compose([task, option], empty_items / "conf").dataset
    inherited = compose([task], empty_items / "conf").dataset
    assert dataset._target_.startswith(f"tasks.data_modules.my_{base}.")
    assert {**dataset, "_target_": None} == {**inherited, "_target_": None}


def test_config_of_a_callback_joins_the_others(empty_items: Path) -> None:
    composed = compose(["callbacks=[default,empty_callback]"], empty_items / "conf")
    assert composed.callbacks.empty_callback._target_.endswith(
        ".callbacks.empty_callback.EmptyCallback"
    )
    assert "checkpoint" in composed.callbacks


@pytest.mark.slow
@pytest.mark.parametrize("bases", some_bases("multiple_choice", "question_answering"))
def test_generated_tests_pass_unedited(bases: list[str], project: Path, run: Run) -> None:
    for base in bases:
        new_dataset(project, f"my_{base}", base)
        new_dataset(project, f"all_of_{base}", base, DATA_HOOKS)
    new_callback(project, "empty_callback")
    new_callback(project, "full_callback", CALLBACK_HOOKS)
    done = run("pytest", "--quiet")
    assert done.returncode == 0, done.stdout
    assert f"{2 * 2 * len(bases) + 3 * 2} passed" in done.stdout


def test_generated_test_fails_where_the_code_is_wrong(project: Path, run: Run) -> None:
    new_dataset(project, "rows", BASE, ["collate_fn"])
    data = project / "tasks/data_modules/rows.py"
    data.write_text(data.read_text().replace("return super().collate_fn", "return lambda rows: {}"))
    new_callback(project, "typo", ["on_train_start", "on_test_end"])
    callback = project / "tasks/callbacks/typo.py"
    text = callback.read_text().replace("def on_train_start", "def on_train_starts")
    text = text.replace("super().on_train_start(", "print(").replace("super().on_test", "1 / 0 #")
    callback.write_text(text)
    done = run("pytest", "--quiet", "-rf")
    assert done.returncode == 1
    for failed in ("a_batch_trains", "names_of_hooks", "hooks_are_called"):
        assert f"FAILED tests/test_{'rows' if 'batch' in failed else 'typo'}.py" in done.stdout
        assert failed in done.stdout


def test_generated_test_fails_for_a_class_that_the_config_does_not_name(
    project: Path, run: Run
) -> None:
    new_dataset(project, "rows", BASE)
    new_callback(project, "mine")
    for path, old, new in (
        (
            "conf/dataset/nlp/language_modeling/rows.yaml",
            "tasks.data_modules.rows.RowsDataModule",
            "lightning_transformers.task.nlp.language_modeling.LanguageModelingDataModule",
        ),
        ("conf/callbacks/mine.yaml", "tasks.callbacks.mine.Mine", "pytorch_lightning.Callback"),
    ):
        config = project / path
        assert old in config.read_text()
        config.write_text(config.read_text().replace(old, new))
    done = run("pytest", "--quiet", "-k", "names_the_class")
    assert "2 failed" in done.stdout


def test_a_run_uses_both(project: Path, run: Run) -> None:
    new_callback(project, "counter", ["on_train_batch_end"])
    new_dataset(project, "rows", BASE, ["process_data"])
    for path, line in (
        ("tasks/callbacks/counter.py", "        super().on_train_batch_end("),
        ("tasks/data_modules/rows.py", "        return super().process_data("),
    ):
        file = project / path
        text = file.read_text()
        assert line in text
        file.write_text(text.replace(line, f'        print("{path} was here")\n{line}'))
    options = ["task=nlp/language_modeling", "dataset=nlp/language_modeling/rows"]
    done = run(
        "python", "train.py", *options, "callbacks=[default,counter]", "experiment=smoke",
        "trainer.limit_train_batches=1", "trainer.max_epochs=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "tasks/callbacks/counter.py was here" in done.stdout
    assert "tasks/data_modules/rows.py was here" in done.stdout
