"""The verdict of a proof, and what a command says of it, without any run."""

from pathlib import Path

import pytest

from ltscaffold.cli.prove import summary
from ltscaffold.commands.prove import origin, prove
from ltscaffold.commands.prove.changes import Piece
from ltscaffold.commands.prove.prove import ComponentProof, Proof, Prover, touched
from ltscaffold.commands.prove.repeat import Repeater, Repetition
from ltscaffold.commands.prove.workspace import Contents
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.components import component_files
from ltscaffold.record.answers import read_project
from ltscaffold.writing.plan import Change, Plan
from tests.conftest import Run
from tests.helpers.projects import new_task

PLAN = Plan("update", [Change("tasks/base_task/model.py", b"x = 1\n", b"x = 2\n")])


@pytest.fixture
def related(project: Path) -> Path:
    """Return a project with a task, one that inherits from it, and another."""
    new_task(project, "base_task", "text_classification")
    new_task(project, "derived_task", "base_task")
    new_task(project, "other_task", "language_modeling")
    return project


def test_a_change_touches_the_tasks_that_inherit_and_a_shared_file_all(related: Path) -> None:
    answers = read_project(related)
    component = answers.component("base_task")
    (path,) = [p for p in component_files(related, answers, component) if p.endswith("model.py")]
    plan = Plan("update", [Change(path, b"x = 1\n", b"x = 2\n")])
    assert [each.name for each in touched(related, answers, plan)] == ["base_task", "derived_task"]
    plan = Plan("update", [Change("conf/config.yaml", b"a: 1\n", b"a: 2\n")])
    names = [each.name for each in touched(related, answers, plan)]
    assert names == ["base_task", "derived_task", "other_task"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("", "", ""), ("FAILED a", "FAILED a", None), ("", "FAILED a", "FAILED a"),
     ("FAILED b", "FAILED a", "FAILED a")],
)  # fmt: skip
def test_a_test_that_fails_before_the_change_does_not_count(
    before: str, after: str, expected: str | None, related: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(self: Repeater, contents: Contents, test: str) -> str:
        return after if contents else before

    monkeypatch.setattr(Repeater, "failed_tests", failed)
    monkeypatch.setattr(Repeater, "repeat", lambda *_: Repetition(error="stopped"))
    proof = Prover(related, lambda line: None).prove_plan(PLAN, read_project(related))
    found = proof.components[0]
    assert found.tests == expected
    notes = [limit for limit in found.limits if "fails already" in limit]
    assert notes == ([f"its test fails already before the change: {after}"] * (expected is None))


def test_a_component_without_a_test_is_not_tested() -> None:
    found = ComponentProof("mine", "identical")
    assert summary(found).startswith("not tested; ")
    found.tests = ""
    assert summary(found).startswith("tests pass; ")
    found.tests = "FAILED a"
    assert summary(found).startswith("tests fail (FAILED a); ")


def test_a_template_that_does_not_render_has_no_origin(
    related: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> dict[str, str]:
        raise ScaffoldError("undefined")

    answers = read_project(related)
    versions = [*answers.template_versions, "v98.0.0"]
    monkeypatch.setattr(origin.source, "versions", lambda url: versions)
    monkeypatch.setattr(origin.source, "checkout", lambda url, version: Path())
    monkeypatch.setattr(origin, "render", broken)
    monkeypatch.setattr(type(answers), "template_versions", versions)
    assert [*origin.origins(Piece("conf/config.yaml", ""), answers, answers)] == []


def test_options_of_proofs_and_plans_exclude_each_other(related: Path, run: Run) -> None:
    for words, expected in {
        ("--steps", "3"): "--steps belongs to a proof; add --prove or remove --steps",
        ("--accept",): "--accept belongs to a proof; add --prove or remove --accept",
        ("--prove", "--diff"): "--diff shows no proof; remove --diff or --prove",
        ("--prove", "--check"): "--check shows no proof; remove --check or --prove",
    }.items():
        done = run("ltscaffold", "update", *words)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert expected in done.stderr


def test_an_edit_during_the_proof_stops_the_update(
    related: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ltscaffold.cli.prove import prove_update
    from ltscaffold.errors import EditLossError

    def proven(self: Prover, plan: Plan, answers: object) -> Proof:
        proof = Proof("update", "", {}, prove.digest_of_workspace(related, {}), "")
        (related / "train.py").write_text("print('edited')\n")
        return proof

    monkeypatch.setattr(Prover, "prove_plan", proven)
    with pytest.raises(EditLossError, match="changed while the runs were repeated"):
        prove_update(related, lambda: Plan("update"), (None, None), (False, True), None, False)
    monkeypatch.setattr(
        Prover,
        "prove_plan",
        lambda *_: Proof("update", "", {}, prove.digest_of_workspace(related, {}), ""),
    )
    prove_update(related, lambda: Plan("update"), (None, None), (False, True), None, False)
