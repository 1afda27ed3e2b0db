"""From every version of the templates that was released to the newest, by plain `copier update`."""

import os
import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from ltscaffold.project.components import SKIP_IF_EXISTS
from ltscaffold.record.answers import Answers, Component
from ltscaffold.templating.render import render
from ltscaffold.templating.source import SOURCE_URL, checkout, versions
from tests.conftest import Run
from tests.helpers.projects import update
from tests.helpers.tree import tree

RELEASED = versions(SOURCE_URL)
MODEL = "tasks/mine/model.py"
STUB = "        return super().training_step(batch, batch_idx)\n"
FILLED = "        batch = dict(batch)\n" + STUB
TRIALS = int(os.environ.get("LTSCAFFOLD_UPDATES", "12"))
EDITS = (
    (STUB, FILLED),
    ('"""Return the loss of one training batch."""', '"""Train on a batch."""'),
    ("noise_std: 0.01", "noise_std: 0.02"),
    ("class MineTransformer", "SCALE = 2.0\n\n\nclass MineTransformer"),
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


def commit(run: Run) -> None:
    run("git", "init", "--quiet")
    run("git", "add", "--all")
    assert run("git", "commit", "--quiet", "--message", "work").returncode == 0


def edit(project: Path, *edits: tuple[str, str]) -> None:
    """Replace words wherever the project has them."""
    for path in [MODEL, "conf/task/nlp/mine.yaml", "conf/config.yaml"]:
        text = (project / path).read_text()
        for old, new in edits:
            text = text.replace(old, new)
        (project / path).write_text(text)


def test_direct_and_stepwise_come_to_the_same_and_its_tests_pass(
    project: Path, run: Run, tmp_path: Path
) -> None:
    """Stepwise through all versions: at each, the project is what one that begins there is."""
    project_at(project, RELEASED[0])
    edit(project, (STUB, FILLED))
    commit(run)
    for version, after in pairwise(RELEASED):
        direct = tmp_path / version
        project_at(direct, version)
        edit(direct, (STUB, FILLED))
        assert updated_files(direct) == updated_files(project)
        assert run("copier", "update", "--vcs-ref", after).returncode == 0, (version, after)
        commit(run)
        update(direct, strategy="line")
    assert FILLED in (project / MODEL).read_text()
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
    [pytest.param(n, marks=[pytest.mark.slow] * (n >= len(RELEASED))) for n in range(TRIALS)],
)
def test_plain_copier_update_gives_what_a_text_merge_gives(
    seed: int, project: Path, tmp_path: Path, run: Run
) -> None:
    dice = random.Random(seed)
    project_at(project, RELEASED[seed % (len(RELEASED) - 1)])
    edit(project, *dice.sample(EDITS, dice.randint(1, 4)))
    commit(run)
    shutil.copytree(project, tmp_path / "own")
    update(tmp_path / "own", strategy="line")
    done = run("copier", "update")
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "own") == tree(project)
