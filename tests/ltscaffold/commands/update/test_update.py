"""Plain `copier update` applies template changes and keeps edits."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from build_tools.release_templates import BUNDLE, ROOT
from ltscaffold.record.answers import read_answers
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, versions
from tests.conftest import Run
from tests.helpers.copier_update import commit_all
from tests.helpers.projects import new_callback, new_dataset, new_task, undo, update
from tests.helpers.releases import NEXT, next_release
from tests.helpers.tree import tree

NEWEST = versions(SOURCE_URL)[-1]

MODEL = "tasks/mine/model.py"
STUB = "        return super().training_step(batch, batch_idx)\n"
EDIT = "        batch = dict(batch)\n        return super().training_step(batch, batch_idx)\n"


def edit(project: Path) -> None:
    """Fill in the body of the generated hook."""
    model = project / MODEL
    assert STUB in model.read_text()
    model.write_text(model.read_text().replace(STUB, EDIT))


def test_update_keeps_the_edit_and_brings_the_improvement(project: Path, run: Run) -> None:
    new_task(project, "mine", "language_modeling", hooks=["training_step"])
    new_task(project, "other", "language_modeling", recipes=["weight_noise"])
    edit(project)
    commit_all(run)
    bundle = next_release()
    done = run("copier", "update", **{BUNDLE_VARIABLE: str(bundle)})
    assert done.returncode == 0, done.stderr
    for name in ("mine", "other"):
        assert "Better model of the task" in (project / f"tasks/{name}/model.py").read_text()
    assert EDIT in (project / MODEL).read_text()
    answers = read_answers(project)
    assert answers is not None
    assert {answers.version, *(component.template_version for component in answers.components)} == {
        NEXT
    }


def test_plain_update_names_the_command_that_follows_imports(project: Path, run: Run) -> None:
    """Copier knows nothing of codemods; `ltscaffold update` catches up afterwards."""
    new_task(project, "mine", "language_modeling")
    own = project / "own.py"
    own.write_text("from lightning_transformers.core.task import TaskTransformer\n")
    commit_all(run)
    done = run("copier", "update", **{BUNDLE_VARIABLE: str(next_release())})
    assert done.returncode == 0, done.stderr
    assert "ltscaffold update" in done.stderr
    assert "core.task" in own.read_text()
    assert run("ltscaffold", "update", **{BUNDLE_VARIABLE: str(next_release())}).returncode == 0
    assert own.read_text() == "from lightning_transformers import TaskTransformer\n"


def test_update_reaches_components_of_every_type_and_chains(project: Path, run: Run) -> None:
    new_task(project, "zeta", "language_modeling")
    new_task(project, "alpha", "zeta", hooks=["setup"])
    new_dataset(project, "rows", "language_modeling", ["process_data"])
    new_callback(project, "watch", ["on_fit_end"])
    commit_all(run)
    before = tree(project)
    done = run("copier", "update", **{BUNDLE_VARIABLE: str(next_release())})
    assert done.returncode == 0, done.stderr
    after = tree(project)
    assert {path for path in before | after if before.get(path) != after.get(path)} == {
        ".copier-answers.yml",
        "tasks/alpha/model.py",
        "tasks/zeta/model.py",
    }
    answers = read_answers(project)
    assert answers is not None
    assert {component.template_version for component in answers.components} == {NEXT}


def test_own_update_gives_what_copier_gives_also_without_git(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_task(project, "mine", "language_modeling", hooks=["training_step"])
    new_task(project, "other", "language_modeling", recipes=["weight_noise"])
    new_dataset(project, "rows", "translation")
    edit(project)
    before = tree(project)
    bundle = next_release()
    monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    plan = update(project)
    assert not plan.conflicts
    ours = tree(project)
    undo(project)
    assert tree(project) == before
    commit_all(run)
    assert run("copier", "update").returncode == 0
    assert ours == tree(project) != before
    assert update(project).changes == []


def test_update_at_the_same_version_changes_nothing(project: Path, run: Run) -> None:
    new_task(project, "mine", "language_modeling", hooks=["training_step"])
    edit(project)
    commit_all(run)
    before = tree(project)
    assert run("copier", "update").returncode == 0
    assert tree(project) == before


def test_new_components_render_at_the_version_of_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_task(project, "mine", "language_modeling")
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release()))
    new_task(project, "other", "language_modeling")
    first, second = (project / f"tasks/{name}/model.py" for name in ("mine", "other"))
    swapped = second.read_text().replace("other", "mine").replace("Other", "Mine")
    assert first.read_text() == swapped


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text + "  # again\n" + text.splitlines()[-2] + "\n", "names an item twice"),
        (
            lambda text: text.replace('"name": "mine"', '"name": "renamed"', 1).replace(
                f'"v": "{NEWEST}"', '"v": "v0.9.0"', 1
            ),
            "different template versions",
        ),
    ],
)
def test_guard_stops_an_update_of_merged_answers(
    damage: object, message: str, project: Path, run: Run
) -> None:
    new_task(project, "mine", "language_modeling")
    new_task(project, "other", "language_modeling")
    answers = project / ".copier-answers.yml"
    assert callable(damage)
    answers.write_text(damage(answers.read_text()))
    commit_all(run)
    before = tree(project)
    done = run("copier", "update")
    assert done.returncode != 0
    assert message in done.stderr
    assert tree(project) == before


@pytest.mark.slow
def test_from_a_wheel_in_a_fresh_environment_with_another_home(
    project: Path, run: Run, tmp_path: Path
) -> None:
    """A teammate needs the package and nothing else: no cache, no settings, no checkout."""
    new_task(project, "mine", "language_modeling", hooks=["training_step"])
    edit(project)
    commit_all(run)
    wheel = build_wheel(tmp_path, next_release())
    scripts = install(wheel, tmp_path / "venv")
    (tmp_path / "home").mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"XDG_CACHE_HOME", "COPIER_CACHE_DIR", BUNDLE_VARIABLE}
    } | {"HOME": str(tmp_path / "home"), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["git", "clone", "--quiet", project, elsewhere], check=True)
    own = [scripts / "ltscaffold", "update", "--strategy", "line"]
    subprocess.run(own, cwd=elsewhere, env=environment, check=True, capture_output=True)
    done = subprocess.run(
        [scripts / "copier", "update"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert EDIT in (project / MODEL).read_text()
    assert "Better model of the task" in (project / MODEL).read_text()
    assert tree(elsewhere) == tree(project)
    help_text = subprocess.run(
        [scripts / "ltscaffold", "list", "recipes"], capture_output=True, text=True, check=True
    )
    assert "weight_noise" in help_text.stdout


def build_wheel(folder: Path, bundle: Path) -> Path:
    """Return a wheel of the project as it is, with another template history."""
    source = folder / "source"
    for name in ("scaffold", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(ROOT / name, source / name)
    shutil.copy(bundle, source / BUNDLE.relative_to(ROOT))
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel into a new virtual environment and return its folder of scripts."""
    venv.create(folder)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin/python"]
    install = [*pip, "install", "--quiet", "--no-compile", wheel]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "bin"
