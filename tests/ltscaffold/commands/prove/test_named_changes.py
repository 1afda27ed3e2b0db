"""A proof names the cause of each change in a table, written before its author read the proofs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from build_tools.release_templates import BUNDLE
from ltscaffold.commands.prove.prove import Prover
from ltscaffold.commands.update.update import plan_update
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import BUNDLE_VARIABLE
from tests.helpers.projects import new_task
from tests.helpers.releases import build_edited_release

TABLE = Path(__file__).with_name("changes.yaml")
CHANGES: Mapping[str, Mapping[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
STEPS = 6


def test_the_table_has_twenty_causes_of_all_bases_and_five_identical_changes() -> None:
    causes = [row for row in CHANGES.values() if "cause" in row]
    assert (len(causes), len(CHANGES)) == (20, 25)
    assert len({row["base"] for row in causes}) == 9


@pytest.mark.slow
@pytest.mark.usefixtures("warm_runs")
@pytest.mark.parametrize("name", CHANGES)
def test_a_release_is_named_or_identical(
    name: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = CHANGES[name]
    former = row.get("before", {})
    bundle = BUNDLE
    if former:
        bundle = build_edited_release(tmp_path / "former", former, "v98.0.0")
        monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    new_task(project, "mine", row["base"], recipes=[row["recipe"]] if "recipe" in row else [])
    (project / "tests/test_mine.py").unlink()  # it takes as long as several runs
    newest = build_edited_release(tmp_path / "newest", row["changes"], bundle=bundle, start=former)
    monkeypatch.setenv(BUNDLE_VARIABLE, str(newest))
    proof = Prover(project, lambda line: None, row.get("steps", STEPS)).prove_plan(
        plan_update(project), read_project(project)
    )
    (found,) = proof.components
    if "cause" not in row:
        assert (found.verdict, found.causes) == ("identical", []), found
        return
    assert (found.verdict, found.causes) == ("different", [row["cause"]]), found
    (origin,) = found.origins
    path = next(iter(row["changes"]))
    assert origin.startswith(f"templates v99.0.0, {path}, commit ")
