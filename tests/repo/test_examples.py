"""The committed examples equal the present output of the generator with edits, and train."""

import csv
import shutil
from functools import partial
from pathlib import Path

import pytest
from edits import EXAMPLES
from make_tickets import CATEGORIES, COLUMNS, tickets, write

from build_tools.release_templates import ROOT
from ltscaffold.commands.create.new_component import NewComponent, plan_new_component
from ltscaffold.record.component_types import DATASET
from ltscaffold.writing.transaction import apply
from tests.conftest import Run
from tests.helpers.slow import sampled
from tests.helpers.tree import tree

GENERATED = ROOT / "generated_examples"
CACHES = shutil.ignore_patterns(
    "__pycache__", ".*_cache", "outputs", "tickets.csv", "new_tickets.csv"
)


def test_every_folder_is_an_example() -> None:
    folders = {path.name for path in GENERATED.iterdir() if (path / "conf").is_dir()}
    assert folders == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_a_fresh_render(name: str, project: Path, tmp_path: Path) -> None:
    EXAMPLES[name].generate(project)
    shutil.copytree(GENERATED / name, tmp_path / "committed", ignore=CACHES)
    assert tree(project) == tree(tmp_path / "committed"), "run make examples"


@pytest.mark.parametrize("name", sampled(EXAMPLES, ("custom_language_modeling", "tickets")))
def test_example_passes_its_own_tests(name: str, project: Path, run: Run) -> None:
    shutil.copytree(GENERATED / name, project, dirs_exist_ok=True, ignore=CACHES)
    done = run("pytest", "--quiet", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout


def test_the_tickets_are_trained_on_reported_and_predicted(project: Path, run: Run) -> None:
    shutil.copytree(GENERATED / "tickets", project, dirs_exist_ok=True, ignore=CACHES)
    write(project / "tickets.csv", tickets(400, seed=0))
    write(project / "new_tickets.csv", tickets(40, seed=2), COLUMNS[:-1])
    tiny = ("backbone=tiny", "trainer.accelerator=cpu", "trainer.max_epochs=1")
    done = run("python", "train.py", "experiment=tickets", *tiny, "hydra.run.dir=outputs/run")
    assert done.returncode == 0, done.stderr
    log = (project / "outputs/run/train.log").read_text()
    assert "class_weights=balanced: billing" in log
    assert "Best: val/f1_macro" in log
    page = (project / "outputs/run/report.html").read_text()
    assert "Confusion matrix" in page
    assert all(page.count(category) > 2 for category in CATEGORIES)
    assert [*(project / "outputs/run/report_pictures").glob("*onfusion*.png")]

    best = "checkpoint_path=outputs/run/checkpoints/best.ckpt"
    files = ("dataset.predict_file=new_tickets.csv", "output_file=out.csv")
    done = run("python", "predict.py", "experiment=tickets", best, *files)
    assert done.returncode == 0, done.stderr
    with (project / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["number"] for row in rows] == [f"T-{number:05}" for number in range(40)]
    blank = [row for row in rows if row["error"]]
    assert 0 < len(blank) < 10
    assert all(not (row["subject"] + row["message"]).strip() for row in blank)
    for row in rows:
        if row not in blank:
            shares = {name: float(row[f"probability_{name}"]) for name in CATEGORIES}
            assert row["prediction"] == max(shares, key=lambda name: shares[name])


@pytest.mark.parametrize(("kind", "of_import"), [("py", ("from ", "import ")), ("yaml", ())])
def test_the_tickets_take_ten_lines_of_a_kind(
    kind: str, of_import: tuple[str, ...], project: Path
) -> None:
    dataset = NewComponent(DATASET, "support_tickets", "text_classification", ("clean_row",))
    apply(project, partial(plan_new_component, project, dataset, "tasks"))
    generated = {
        file.relative_to(project): file.read_text().splitlines()
        for file in project.rglob(f"*.{kind}")
    }
    own = [
        line.strip()
        for file in sorted((GENERATED / "tickets").rglob(f"*.{kind}"))
        for line in file.read_text().splitlines()
        if line not in generated.get(file.relative_to(GENERATED / "tickets"), [])
    ]
    written = [line for line in own if line and not line.startswith(("#", *of_import))]
    assert len(written) <= 10, written
