"""Updates from every released template version to the latest, with edits."""

import os
import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from lightning_transformers.former_paths import NAMES, ROOT
from ltscaffold.commands.update.runtime_names import former_mentions
from ltscaffold.project.components import SKIP_IF_EXISTS
from ltscaffold.record.answers import Answers, Component
from ltscaffold.templating.render import render
from ltscaffold.templating.source import SOURCE_URL, checkout, versions
from ltscaffold.writing.plan import write_files
from tests.conftest import Run
from tests.helpers.copier_update import commit_all
from tests.helpers.merge_corpus import edited
from tests.helpers.merge_corpus import project_at as corpus_record
from tests.helpers.merge_edits import (
    EDITS,
    YAML_EDITS,
    last_key_deleted,
    own_key,
    own_option,
    own_value,
)
from tests.helpers.merge_facts import lost
from tests.helpers.projects import undo, update
from tests.helpers.tree import tree

SCALE = ("class MineTransformer", "SCALE = 2.0\n\n\nclass MineTransformer")
"""An edit that merges by line with each version; filled stubs conflict with the order of 2.0.0."""
RELEASED = versions(SOURCE_URL)
MODEL = "tasks/mine/model.py"
STUB = "        return super().training_step(batch, batch_idx)\n"
FILLED = "        batch = dict(batch)\n" + STUB
TRIALS = int(os.environ.get("LTSCAFFOLD_UPDATES", "12"))
PROJECTS = int(os.environ.get("LTSCAFFOLD_PROJECTS", "20"))
TESTED = 15
"""From this one on, projects run their own tests."""
MODULES = ("model.py", "data.py", "callback.py")
UNLOADABLE = (own_key, own_option, own_value, last_key_deleted)
"""Edits of the corpus after which the config is refused, or describes another model."""
REPLACEMENTS = (
    (STUB, FILLED),
    ('"""Return the loss of one training batch."""', '"""Train on a batch."""'),
    ("noise_std: 0.01", "noise_std: 0.02"),
    SCALE,
    ("    # New hooks go below this line.\n", "    # Hooks.\n"),
    (
        "self,\n        outputs: Any,\n        batch: Batch,\n        batch_idx: int,\n"
        "        dataloader_idx: int = 0,\n",
        "self, outputs: Any, *rest: Any\n",
    ),
    ("_self_\n", "_self_\n  - extra: more\n"),
    ("  - debug: null\n", ""),
)


def project_at(project: Path, version: str) -> None:
    """Write a project with a task as a version of the templates gave it, under git."""
    parts = ["recipes/weight_noise", "hooks/on_predict_batch_end", "hooks/training_step"]
    component = Component("task", "mine", "nlp", "language_modeling", parts, version)
    answers = Answers(version, SOURCE_URL, "tasks", [component])
    for path, text in render(checkout(SOURCE_URL, version), answers).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)


def edit(project: Path, *edits: tuple[str, str]) -> None:
    """Replace words wherever the project has them."""
    for path in [MODEL, "conf/task/nlp/mine.yaml", "conf/config.yaml"]:
        text = (project / path).read_text()
        for old, new in edits:
            text = text.replace(old, new)
        (project / path).write_text(text)


@pytest.mark.slow
def test_direct_and_stepwise_come_to_the_same_and_its_tests_pass(
    project: Path, run: Run, tmp_path: Path
) -> None:
    """Stepwise through all versions: at each, the project is what one that begins there is."""
    project_at(project, RELEASED[0])
    edit(project, SCALE)
    commit_all(run)
    for version, after in pairwise(RELEASED):
        direct = tmp_path / version
        project_at(direct, version)
        edit(direct, SCALE)
        assert updated_files(direct) == updated_files(project)
        assert run("copier", "update", "--vcs-ref", after).returncode == 0, (version, after)
        commit_all(run)
        update(direct, strategy="line")
    assert SCALE[1] in (project / MODEL).read_text()
    for version in RELEASED[:-1]:
        assert updated_files(tmp_path / version) == updated_files(project)
    done = run("pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    run("git", "checkout", "--quiet", ".")
    assert run("copier", "update").returncode == 0
    assert not run("git", "status", "--porcelain").stdout


def updated_files(project: Path) -> dict[str, bytes]:
    """Return the files of a project, without those that an update leaves to the user."""
    return {path: content for path, content in tree(project).items() if path not in SKIP_IF_EXISTS}


@pytest.mark.parametrize(
    "seed",
    [pytest.param(n, marks=[pytest.mark.slow] * (n >= 1)) for n in range(TRIALS)],
)
def test_plain_copier_update_gives_what_a_text_merge_gives(
    seed: int, project: Path, tmp_path: Path, run: Run
) -> None:
    dice = random.Random(seed)
    project_at(project, RELEASED[seed % (len(RELEASED) - 1)])
    edit(project, *dice.sample(REPLACEMENTS, dice.randint(1, 4)))
    commit_all(run)
    shutil.copytree(project, tmp_path / "own")
    update(tmp_path / "own", strategy="line")
    done = run("copier", "update")
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "own") == tree(project)


OWN = "".join(
    f"from {ROOT}.{module} import {name}\n"
    for module, _, name in (path.rpartition(".") for path in NAMES if path != "build.load")
)
OWN += f"""from {ROOT}.train import train
import {ROOT}.core.task as t


class Own(t.TaskTransformer):
    ignored = IGNORED
"""
"""A module of the user, with each name that is another one now."""
IMPORT_ALL = """
import importlib, pathlib, sys, warnings
warnings.simplefilter("error", FutureWarning)
sys.path.insert(0, ".")
for path in pathlib.Path().rglob("*.py"):
    if "tests" not in path.parts:
        importlib.import_module(".".join(path.with_suffix("").parts))
"""


@pytest.mark.parametrize(
    "seed",
    [pytest.param(n, marks=[pytest.mark.slow] * (n >= len(RELEASED) - 1)) for n in range(PROJECTS)],
)
def test_an_edited_project_of_each_version_loses_nothing(
    seed: int, project: Path, run: Run
) -> None:
    """Over all seeds a hundred files are edited, most of them several times."""
    rng = random.Random(seed)
    answers = corpus_record(RELEASED[seed % (len(RELEASED) - 1)], rng)
    rendered = render(checkout(SOURCE_URL, answers.version), answers)
    write_files(project, rendered | {"scripts/own.py": OWN})
    loadable = [edit for edit in YAML_EDITS if edit not in UNLOADABLE]
    edits = {".py": EDITS, ".yaml": YAML_EDITS if seed < TESTED else loadable}
    ours = {
        path: edited(text, edits[Path(path).suffix], rng)
        for path, text in rendered.items()
        if path.endswith((*MODULES, ".yaml"))
    }
    write_files(project, ours)
    before = tree(project)
    plan = update(project)
    assert not update(project).changes
    conflicts = {place.path for place in plan.conflicts}
    for path, text in ours.items():
        result = (project / path).read_text()
        if path in conflicts:  # both sides are in the file
            gone = {*text.split("\n")} - {*result.split("\n"), *rendered[path].split("\n")}
            assert not [line for line in gone if ROOT not in line]
        else:
            missing = lost(path, text, rendered[path], result)
            assert not [fact for fact in missing if ROOT not in fact[-1]], path
    assert len(conflicts) <= 1
    if not conflicts:
        check_code(project, run, with_tests=seed >= TESTED)
    undo(project)
    assert tree(project) == before


def check_code(project: Path, run: Run, with_tests: bool) -> None:
    """Import a project's modules without a former path, and run its own tests."""
    code = "".join(path.read_text() for path in project.rglob("*.py"))
    assert not [*former_mentions(code)]
    done = run("python", "-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    if with_tests:
        done = run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error::FutureWarning")
        assert done.returncode == 0, done.stdout
