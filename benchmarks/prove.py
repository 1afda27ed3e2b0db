"""The time of a proof, beside the run that it repeats."""

import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.trials import Values, in_turn, ratios, spread, timed, write
from ltscaffold.commands.prove.changes import Split
from ltscaffold.commands.prove.prove import is_source
from ltscaffold.commands.update.update import plan_update
from ltscaffold.templating.cache import cache_root
from ltscaffold.templating.source import BUNDLE_VARIABLE
from tests.helpers.releases import build_edited_release

TIMES, STEPS = 1, 200
RECIPES = (
    *("label_smoothing", "custom_schedule", "custom_optimizer"),
    *("gradient_noise", "custom_metric"),
)
GENERATE = (
    *("-m", "ltscaffold.cli", "new-task", "mine", "--base", "text_classification"),
    *(word for recipe in RECIPES for word in ("--recipe", recipe)),
)
TRAIN = (
    *("train.py", "task=nlp/mine", "experiment=smoke", f"trainer.max_steps={STEPS}"),
    *("trainer.max_epochs=-1", "trainer.val_check_interval=1.0"),
    *("+backbone.config.hidden_size=128", "+backbone.config.num_hidden_layers=3"),
)
PYTEST = ("-m", "pytest", "--quiet", "-p", "no:cacheprovider")
PROVE = ("-m", "ltscaffold.cli", "update", "--prove", "--dry-run", "--json")
REWORDED: Mapping[str, Mapping[str, str]] = {
    "recipes/label_smoothing.jinja": {"logits": "scores", "scores_and": "logits_and"},
    "recipes/custom_schedule.jinja": {"decay_steps": "decay"},
    "recipes/custom_optimizer.jinja": {"    groups,\n": "    [*groups],\n"},
    "recipes/gradient_noise.jinja": {"variance = ": "noise = ", ", variance,": ", noise,"},
    "recipes/custom_metric.jinja": {"logits": "scores", "scores_and": "logits_and"},
    "project/conf/config.yaml": {"export_dir: exported": "export_dir: export"},
}
"""Changes of templates that change no number."""
CHANGED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "different at once": {"recipes/label_smoothing.jinja": {'"default": 0.1': '"default": 0.2'}},
    "different late": {"recipes/custom_schedule.jinja": {'"default": 0.2': '"default": 0.19'}},
}
"""Changes of a default, by the case in the table."""
TEXT = f"""
Seconds of CPU, user and system, of a proof, `ltscaffold update --prove`, of a task whose run of
{STEPS} steps is recorded. A run is the command that was repeated, `python train.py` from its start
to its end; the last column leaves out the generated test, which a proof runs once. The updates
rewrite members and keys without an effect; two change a default, too. The search for the cause ends
each of its runs at the first difference, and takes at most log2(changes) + 1 of them. One trial
each.
"""
HEAD = (
    *("command", "changes", "first difference", "runs of the search"),
    *("seconds", "÷ a run", "÷ a run, without its test"),
)


def train(project: Path) -> Values:
    """Train again, in a folder that no proof looks into."""
    with tempfile.TemporaryDirectory() as folder:
        return {"seconds": timed(project, *TRAIN, f"hydra.run.dir={folder}")[0]}


def run_test(project: Path) -> Values:
    """Run the generated test of the task."""
    return {"seconds": timed(project, *PYTEST, "tests/test_mine.py")[0]}


def prove(project: Path, bundle: Path, status: int) -> Values:
    """Prove an update whose result no cache has; return its figures."""
    os.environ[BUNDLE_VARIABLE] = str(bundle)
    shutil.rmtree(cache_root() / "proofs", ignore_errors=True)
    seconds, output = timed(project, *PROVE, status=status)
    (proof,) = json.loads(output)["proof"]["components"]
    if proof["tests"] != "" or proof["verdict"] == "unproven":
        raise SystemExit(output)
    plan = plan_update(project)
    changes = len(Split([each for each in plan.changes if is_source(each.path)]).atoms)
    step = (proof["difference"] or {"step": 0})["step"]
    return {"seconds": seconds, "runs": proof["repetitions"], "changes": changes, "step": step}


def main() -> None:
    """Measure a run, its test and the proofs in turn, and write the table."""
    with tempfile.TemporaryDirectory() as name:
        folder, project = Path(name), Path(name, "project")
        os.environ |= {f"XDG_{kind}_HOME": f"{name}/{kind}" for kind in ("CACHE", "STATE")}
        os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": f"{name}/hf"}
        project.mkdir()
        timed(project, *GENERATE)
        timed(project, *TRAIN)
        trials = {
            "a run": partial(train, project),
            "its test": partial(run_test, project),
        }
        for case, edits in {"identical": {}, **CHANGED}.items():
            bundle = build_edited_release(folder / case, merged(edits))
            trials[case] = partial(prove, project, bundle, int(bool(edits)))
        show(in_turn(trials, TIMES))


def show(found: Mapping[str, Sequence[Values]]) -> None:
    """Write the table.

    Args:
        found: the figures of each trial, by case.
    """
    rows: list[Sequence[str]] = [HEAD]
    for case, values in found.items():
        first = values[0]
        cells = ["–"] * 3
        if "changes" in first:
            most = math.ceil(math.log2(first["changes"])) + 1
            runs = f"{first['runs']:.0f} of at most {most}"
            is_different = first["step"] > 0
            cells = [f"{first['changes']:.0f}"]
            cells += [f"step {first['step']:.0f}", runs] if is_different else ["none", "–"]
        seconds = [each["seconds"] for each in values]
        of_run = ratios(values, found["a run"], "seconds")
        cells += [spread(seconds, 1), spread(of_run)]
        of_test = ratios(found["its test"], found["a run"], "seconds")
        rest = [both - test for both, test in zip(of_run, of_test, strict=True)]
        rows.append([case, *cells, spread(rest) if "changes" in first else "–"])
    write("prove", "Proofs of updates", TEXT, rows, "torch", "transformers", "pytorch-lightning")


def merged(edits: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the edits together with `REWORDED`."""
    paths = dict.fromkeys([*REWORDED, *edits])
    return {path: {**REWORDED.get(path, {}), **edits.get(path, {})} for path in paths}


if __name__ == "__main__":
    main()
