"""Updates are proven by runs before and after, and what changes a number is named."""

import subprocess
from pathlib import Path

import pytest

from ltscaffold.commands.prove import repeat
from ltscaffold.commands.prove.prove import ComponentProof, Proof, Prover
from ltscaffold.commands.prove.runs import smoke_run
from ltscaffold.commands.update.update import plan_update
from ltscaffold.record.answers import read_project
from ltscaffold.templating.cache import cache_root
from ltscaffold.templating.source import BUNDLE_VARIABLE
from ltscaffold.writing.state import state_folder
from tests.conftest import Run
from tests.helpers.projects import new_callback, new_dataset, new_task
from tests.helpers.releases import MODEL, next_release
from tests.helpers.tree import tree

STEPS = 3
SMOOTHING = "recipes/label_smoothing.jinja"
CONFIG = "project/conf/config.yaml"
DEFAULT = ('"default": 0.1', '"default": 0.2')


@pytest.fixture
def mine(project: Path) -> Path:
    """Return a project with a task, without its tests, which take as long as several runs."""
    new_task(project, "mine", "text_classification", recipes=["label_smoothing"])
    (project / "tests/test_mine.py").unlink()
    return project


def prove(
    project: Path, monkeypatch: pytest.MonkeyPatch, path: str, change: tuple[str, str]
) -> tuple[Proof, Prover]:
    """Prove an update to a release that replaces a text in a template."""
    monkeypatch.setenv(BUNDLE_VARIABLE, str(next_release(change=change, path=path)))
    prover = Prover(project, lambda line: None, STEPS)
    return prover.prove_plan(plan_update(project), read_project(project)), prover


def only(proof: Proof) -> ComponentProof:
    (component,) = proof.components
    return component


@pytest.mark.usefixtures("warm_runs")
def test_a_changed_default_is_named_and_the_project_stays_as_it_is(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", mine], check=True)
    before = {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    times = {path: path.stat().st_mtime_ns for path in mine.rglob("*")}
    proof, prover = prove(mine, monkeypatch, SMOOTHING, DEFAULT)
    found = only(proof)
    assert found.verdict == "different", found.limits
    assert found.difference is not None
    assert found.difference.step == 1
    assert float(found.difference.expected) < float(found.difference.found)
    assert found.causes == ["label_smoothing in conf/task/nlp/mine.yaml"]
    (origin,) = found.origins
    assert origin.startswith(f"templates v99.0.0, {SMOOTHING}, commit ")
    assert {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()} == before
    assert {path: path.stat().st_mtime_ns for path in mine.rglob("*")} == times
    started = prover.repeater.started
    # Before twice, since no recorded run shows that it repeats; after; the search.
    assert started == 3 + found.repetitions
    again, prover = prove(mine, monkeypatch, SMOOTHING, DEFAULT)
    assert again == proof
    assert prover.repeater.started == 0  # each run is kept in the cache


@pytest.mark.slow
@pytest.mark.usefixtures("warm_runs")
def test_another_docstring_is_proven(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("Model of the task", "Better model of the task")
    found = only(prove(mine, monkeypatch, MODEL, words)[0])
    assert (found.verdict, found.difference, found.steps) == ("identical", None, STEPS), (
        found.limits
    )
    assert found.values > STEPS


DIFFERENT = {
    "seed": (
        CONFIG,
        ("# Set on the command line.", "training:\n  seed: 7\n\n# Set on the command line."),
        "training.seed in conf/config.yaml",
    ),
    "config default": (
        CONFIG,
        ("optimizer: adamw", "optimizer: sgd"),
        "defaults in conf/config.yaml",
    ),
    "formula": (
        SMOOTHING,
        ("self.label_smoothing))", "self.label_smoothing / 2))"),
        "MineTransformer.compute_loss in tasks/mine/model.py",
    ),
    "order of operations": (
        SMOOTHING,
        (
            "loss.plus(smoothing_term(logits, labels, self.label_smoothing))",
            "loss.plus(smoothing_term(logits + 1000 - 1000, labels, self.label_smoothing))",
        ),
        "MineTransformer.compute_loss in tasks/mine/model.py",
    ),
}
IDENTICAL = {
    "layout": (MODEL, ('"""Model of', '"""The\n\nmodel of')),
    "comment": (CONFIG, ("# Set on the", "# Given on the")),
    "renamed variable": (
        SMOOTHING,
        (
            "logits, labels = self.logits_and_labels(outputs, batch)\n{% endmacro %}\n"
            "{% macro compute_loss_return() %}\nloss.plus(smoothing_term(logits, labels,",
            "scores, labels = self.logits_and_labels(outputs, batch)\n{% endmacro %}\n"
            "{% macro compute_loss_return() %}\nloss.plus(smoothing_term(scores, labels,",
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.usefixtures("warm_runs")
@pytest.mark.parametrize("name", DIFFERENT)
def test_a_change_of_numbers_is_named(
    name: str, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, change, cause = DIFFERENT[name]
    found = only(prove(mine, monkeypatch, path, change)[0])
    assert (found.verdict, found.causes) == ("different", [cause])
    assert f"templates v99.0.0, {path}" in found.origins[0]


@pytest.mark.slow
@pytest.mark.usefixtures("warm_runs")
@pytest.mark.parametrize("name", IDENTICAL)
def test_a_change_of_text_is_identical(
    name: str, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, change = IDENTICAL[name]
    assert only(prove(mine, monkeypatch, path, change)[0]).verdict == "identical"


@pytest.mark.slow
@pytest.mark.usefixtures("warm_runs")
def test_a_dataset_and_a_callback_have_a_smoke_run(project: Path) -> None:
    new_dataset(project, "rows", "text_classification")
    new_callback(project, "watch")
    repeater = repeat.Repeater(project)
    for name in ("rows", "watch"):
        found = repeater.repeat(smoke_run(read_project(project).component(name), 1), {})
        assert found.error == ""
        assert found.trace.entries


@pytest.mark.slow
def test_the_command_applies_only_what_is_proven(mine: Path, run: Run) -> None:
    """A recorded run, its first steps, the statuses, `--accept` and undo."""
    trained = run("python", "train.py", "task=nlp/mine", "experiment=smoke", "trainer.max_steps=6")
    assert trained.returncode == 0, trained.stderr
    history = state_folder(mine)
    before, state = tree(mine), tree(history)
    bundle = {BUNDLE_VARIABLE: str(next_release(change=DEFAULT, path=SMOOTHING))}
    command = ["ltscaffold", "update", "--prove", "--steps", "3"]
    done = run(*command, "--json", **bundle)
    assert done.returncode == 1, done.stderr
    assert '"applied": false' in done.stdout
    assert '"run": "' in done.stdout
    assert tree(mine) == before
    assert tree(history) == state
    done = run(*command, "--html", "proof.html", **bundle)
    assert done.returncode == 1
    assert "repeat the command with --accept" in done.stdout
    page = mine / "proof.html"
    assert "label_smoothing in conf/task/nlp/mine.yaml" in page.read_text()
    kept = tree(cache_root() / "proofs")
    done = run(*command, "--accept", **bundle)
    assert done.returncode == 0, done.stderr
    assert kept
    assert tree(cache_root() / "proofs") == kept  # no run was started
    assert "label_smoothing: 0.2" in (mine / "conf/task/nlp/mine.yaml").read_text()
    assert run("ltscaffold", "undo").returncode == 0
    page.unlink()
    assert tree(mine) == before
    better = {BUNDLE_VARIABLE: str(next_release())}
    done = run(*command, **better)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Better model of the task" in (mine / "tasks/mine/model.py").read_text()


@pytest.mark.slow
def test_another_version_of_a_package(mine: Path, run: Run) -> None:
    done = run("ltscaffold", "prove", "--with", "wrapt", "--steps", "2", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"verdict": "identical"' in done.stdout
