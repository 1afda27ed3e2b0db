"""A release that reformats, renames and reorders is proven identical for a task of every base."""

from pathlib import Path

import pytest

from ltscaffold.commands.prove.prove import Prover
from ltscaffold.commands.update.update import plan_update
from ltscaffold.record.answers import read_project
from ltscaffold.templating.source import BUNDLE_VARIABLE
from tests.helpers.projects import new_task
from tests.helpers.releases import build_edited_release
from tests.helpers.rendered import BASES

NOISE, LION = "recipes/gradient_noise.jinja", "recipes/custom_optimizer.jinja"
CLASS = "{{ class_line(class_name"
HELPER = "def _annealed(noise, step, decay):\n    return noise / step**decay\n\n\n"
FORMER = {
    NOISE: {
        "self.gradient_noise / step**self.gradient_noise_decay": (
            "_annealed(self.gradient_noise, step, self.gradient_noise_decay)"
        )
    },
    "**/model.py.jinja": {CLASS: HELPER + CLASS},
}
"""A private helper, in a function of the module."""
CALL = (
    '    groups,\n    lr=self.optimizer_config["lr"],\n    weight_decay=self.lion_weight_decay,\n'
)
NEWEST = {
    NOISE: {"_annealed(": "_variance("},
    "**/model.py.jinja": {"_annealed(": "_variance("},
    LION: {CALL: f"    {' '.join(CALL.split()).removesuffix(',')}\n"},
    "lifecycle.jinja": {
        '  "build_optimizer",\n': "",
        '  "on_before_optimizer_step",\n': '  "on_before_optimizer_step",\n  "build_optimizer",\n',
    },
}
"""The helper renamed, a call on one line, and another order of two methods."""
STEPS = 3


@pytest.mark.slow
@pytest.mark.usefixtures("warm_runs")
def test_a_task_of_every_base_is_proven_identical(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = build_edited_release(tmp_path / "former", FORMER, "v98.0.0")
    monkeypatch.setenv(BUNDLE_VARIABLE, str(former))
    for base in BASES:
        new_task(project, f"my_{base}", base, recipes=["custom_optimizer", "gradient_noise"])
        (project / f"tests/test_my_{base}.py").unlink()  # it takes as long as several runs
    newest = build_edited_release(tmp_path / "newest", NEWEST, bundle=former, start=FORMER)
    monkeypatch.setenv(BUNDLE_VARIABLE, str(newest))
    plan = plan_update(project)
    models = [each for each in plan.changes if each.path.endswith("model.py")]
    assert len(models) == len(BASES) == 9
    for each in models:
        before, after = (text.decode() for text in (each.before or b"", each.after or b""))
        assert ("_annealed(" in before, "_annealed(" in after) == (True, False)
        assert "groups, lr=" in after
        assert after.index("def on_before_optimizer_step") < after.index("def build_optimizer")
        assert before.index("def build_optimizer") < before.index("def on_before_optimizer_step")
    proof = Prover(project, lambda line: None, STEPS).prove_plan(plan, read_project(project))
    found = {each.name: (each.verdict, each.limits) for each in proof.components}
    assert found == {f"my_{base}": ("identical", []) for base in BASES}
    assert all(each.values > STEPS and each.steps == STEPS for each in proof.components)
