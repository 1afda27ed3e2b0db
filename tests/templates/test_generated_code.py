"""Tasks as they are generated: their configs compose, and their tests pass and can fail."""

import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from omegaconf import DictConfig

from build_tools.release_templates import TEMPLATES
from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from ltscaffold.templating import source
from tests.conftest import Run
from tests.helpers.projects import new_task
from tests.helpers.rendered import BASES, HOOKS, combinable, some_bases

BASE = "language_modeling"


def test_generated_configs_compose(project: Path) -> None:
    """And hold overrides only: not a key of one repeats an inherited value."""
    for base in BASES:
        new_task(project, f"my_{base}", base)
        new_task(project, f"all_of_{base}", base, HOOKS, combinable(base))
    new_task(project, "chained", f"my_{BASE}", HOOKS, combinable(BASE))
    new_task(project, "on_that", "chained", HOOKS)

    @cache
    def composed(task: str) -> DictConfig:
        return compose([f"task={task}"], project / "conf").task

    for config in (project / "conf/task").glob("*/*.yaml"):
        group, written = config.parent.name, yaml.safe_load(config.read_text())
        own = composed(f"{group}/{config.stem}")
        assert own._target_.startswith(f"tasks.{config.stem}.model.")
        inherited = composed(written.pop("defaults")[0].removeprefix("/task/"))
        assert own.downstream_model_type == inherited.downstream_model_type
        for key, value in written.items():
            assert inherited.get(key) != value


def test_config_of_the_project_is_the_packaged_one() -> None:
    """Two files, since a project must have its own; a change to one must reach the other."""
    project = TEMPLATES / "project" / "conf" / "config.yaml"
    assert project.read_bytes() == (PACKAGED_CONFIGS / "config.yaml").read_bytes()


@pytest.mark.parametrize("bases", some_bases("image_classification", "translation"))
def test_generated_tests_pass_unedited(bases: list[str], project: Path, run: Run) -> None:
    for base in bases:
        new_task(project, f"my_{base}", base)
    new_task(project, "stubs", BASE, ["on_fit_start", "training_step"])
    new_task(project, "recipes", BASE, [], ["freeze_backbone", "weight_noise"])
    new_task(project, "everything", BASE, HOOKS, combinable(BASE))
    done = run("pytest", "--quiet")
    assert done.returncode == 0, done.stdout
    assert f"{3 * (len(bases) + 3)} passed" in done.stdout


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
        [
            "git",
            "--git-dir",
            source.repository(source.SOURCE_URL),
            "rev-parse",
            *source.versions(source.SOURCE_URL),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    commits = dict(zip(source.versions(source.SOURCE_URL), listed.stdout.split(), strict=True))
    unreleased = commits.keys() - released.keys()
    assert commits.items() >= released.items()
    assert unreleased <= {source.versions(source.SOURCE_URL)[-1]}, "the newest may be amended"


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
    stub, filled = (project / f"tasks/{name}/model.py" for name in ("stub", "filled"))
    for model in (stub, filled):
        new_task(project, model.parent.name, BASE, ["training_step"])
    text = stub.read_text()
    line = text[: text.index("    def training_step")].count("\n") + 1
    filled.write_text(filled.read_text().replace("return super()", "return 2 * super()"))
    printed = run("pytest", "-k", "hooks").stdout
    assert f"{stub}:{line}: training_step only calls super()" in printed
    assert printed.count("only calls super()") == 1


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
