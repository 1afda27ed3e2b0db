"""What the templates write is what a careful engineer would: formatted, typed, and it trains."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lightning_transformers.hydra_app.app import PACKAGED_CONFIGS, compose
from ltscaffold import source
from tests.projects import new_task
from release_templates import TEMPLATES
from tests.conftest import Run
from tests.rendered import BASES, CATALOG, HOOKS, RECIPES, suitable, unsuitable

pytestmark = pytest.mark.xdist_group("generated code")  # they share a project

BASE = "language_modeling"
LINTERS = [
    ("ruff", "format", "--isolated", "--check", "."),
    ("ruff", "check", "--isolated", "--select", "B,E,F,I,N,UP,SIM", "."),
    ("mypy", "--strict", "."),
]


EVERY_PAIR = bool(os.environ.get("LTSCAFFOLD_EVERY_PAIR"))
"""Whether to write all pairs of recipes, and of hooks and recipes; `make sweep` does."""


def pairs() -> Iterator[list[str]]:
    """Yield each two recipes that share a hook, in both orders."""
    hooks = {recipe: CATALOG.entry("recipe", recipe)["hooks"] for recipe in suitable(BASE)}
    for one, two in itertools.permutations(hooks, 2):
        if EVERY_PAIR or hooks[one].keys() & hooks[two].keys():
            yield [one, two]


@pytest.fixture(scope="module")
def every_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a task for each base, hook, recipe and pair of these, for all, and chained."""
    project = tmp_path_factory.mktemp("every-task")
    for base in BASES:
        new_task(project, f"my_{base}", base)
        new_task(project, f"all_of_{base}", base, HOOKS, suitable(base))
    for hook in HOOKS:
        new_task(project, f"with_{hook}", BASE, [hook])
    for number, pair in enumerate(pairs()):
        new_task(project, f"with_pair_{number}", BASE, [], pair)
    for hook, recipe in itertools.product(HOOKS, suitable(BASE) if EVERY_PAIR else []):
        new_task(project, f"with_{len(hook)}_{hook}_{RECIPES.index(recipe)}", BASE, [hook], [recipe])
    for recipe in RECIPES:
        base = next(base for base in BASES if base not in unsuitable(recipe))
        new_task(project, f"with_recipe_{recipe}", base, [], [recipe])
    long = "a_name_that_is_as_long_as_one_can_be_and_wraps"
    new_task(project, long, BASE)
    new_task(project, f"{long}_2", long, HOOKS, suitable(BASE))
    new_task(project, "on_that", f"{long}_2", HOOKS)
    return project


@pytest.mark.parametrize("linter", LINTERS, ids=["format", "style", "types"])
def test_linter_finds_nothing(linter: tuple[str, ...], every_task: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *linter], cwd=every_task, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_generated_configs_compose(every_task: Path) -> None:
    """And hold overrides only: not a key of one repeats an inherited value."""
    for config in (every_task / "conf/task").glob("*/*.yaml"):
        group, written = config.parent.name, yaml.safe_load(config.read_text())
        composed = compose([f"task={group}/{config.stem}"], every_task / "conf")
        assert composed.task._target_.startswith(f"tasks.{config.stem}.model.")
        base = written.pop("defaults")[0].removeprefix("/task/")
        inherited = compose([f"task={base}"], every_task / "conf").task
        assert composed.task.downstream_model_type == inherited.downstream_model_type
        for key, value in written.items():
            assert inherited.get(key) != value


def test_config_of_the_project_is_the_packaged_one() -> None:
    """Two files, since a project must have its own; a change to one has to reach the other."""
    project = TEMPLATES / "project" / "conf" / "config.yaml"
    assert project.read_bytes() == (PACKAGED_CONFIGS / "config.yaml").read_bytes()


@pytest.mark.parametrize(
    ("hooks", "recipes"),
    [
        ([], []),
        (["on_fit_start", "training_step"], []),
        ([], ["freeze_backbone", "weight_noise"]),
        (HOOKS, suitable(BASE)),
    ],
    ids=["empty", "stubs", "recipes", "everything"],
)
def test_generated_test_passes_unedited(
    hooks: list[str], recipes: list[str], project: Path, run: Run
) -> None:
    new_task(project, "mine", BASE, hooks, recipes)
    done = run("pytest", "--quiet")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_generated_tests_of_every_base_pass_unedited(project: Path, run: Run) -> None:
    for base in BASES:
        new_task(project, f"my_{base}", base)
    done = run("pytest", "--quiet")
    assert done.returncode == 0, done.stdout
    assert f"{3 * len(BASES)} passed" in done.stdout


def test_generated_test_fails_for_a_class_that_the_config_does_not_name(
    project: Path, run: Run
) -> None:
    new_task(project, "mine", BASE)
    config = project / "conf/task/nlp/mine.yaml"
    target = "lightning_transformers.task.nlp.language_modeling.LanguageModelingTransformer"
    config.write_text(config.read_text().replace("tasks.mine.model.MineTransformer", target))
    done = run("pytest", "--quiet", "-k", "names_the_class")
    assert done.returncode == 1


def test_released_versions_stay(tmp_path: Path) -> None:
    """Projects were rendered at them: the commit behind a tag never changes."""
    released = yaml.safe_load((Path(__file__).parent / "released.yaml").read_text())
    listed = subprocess.run(
        ["git", "--git-dir", source.repository(source.SOURCE_URL), "rev-parse", *source.versions(source.SOURCE_URL)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert dict(zip(source.versions(source.SOURCE_URL), listed.stdout.split(), strict=True)) == released


def test_project_of_the_first_version_works_with_the_runtime_of_today(
    project: Path, run: Run
) -> None:
    """Its config.yaml has not all the groups of today's, until the project is updated."""
    new_task(project, "mine", BASE)
    first = source.checkout(source.SOURCE_URL, source.versions(source.SOURCE_URL)[0])
    config = first / "project" / "conf" / "config.yaml"
    (project / "conf" / "config.yaml").write_bytes(config.read_bytes())
    assert config.read_bytes() != (TEMPLATES / "project/conf/config.yaml").read_bytes()
    done = run("pytest", "--quiet")
    assert done.returncode == 0, done.stdout


def test_generated_test_names_a_stub_until_it_is_filled_in(project: Path, run: Run) -> None:
    new_task(project, "mine", BASE, ["training_step"])
    model = project / "tasks/mine/model.py"
    line = model.read_text().splitlines().index(
        "    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:"
    )
    expected = f"{model}:{line + 1}: training_step does what the base does"
    assert expected in run("pytest", "-k", "hooks").stdout
    model.write_text(model.read_text().replace("return super()", "return 2 * super()"))
    assert "does what the base does" not in run("pytest", "-k", "hooks").stdout


def test_generated_test_fails_if_a_hook_is_never_called(project: Path, run: Run) -> None:
    new_task(project, "mine", BASE, ["training_step", "shared_step"])
    model = project / "tasks/mine/model.py"
    text = model.read_text()
    model.write_text(text.replace("return super().training_step(", "return self.own(") + OWN)
    done = run("pytest", "--quiet", "-k", "hooks")
    assert done.returncode == 1
    assert "never called: ['shared_step']" in done.stdout


OWN = """
    def own(self, batch: Batch, batch_idx: int) -> Tensor:
        loss: Tensor = self.model(**batch).loss
        return loss

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.log("val/loss", self.model(**batch).loss)

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.log("test/loss", self.model(**batch).loss)

    def on_validation_epoch_end(self) -> None: ...

    def on_test_epoch_end(self) -> None: ...
"""
