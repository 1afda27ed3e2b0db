"""Recorded runs, and what of their commands is repeated."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ltscaffold.commands.prove.repeat import with_absolute_path
from ltscaffold.commands.prove.runs import (
    CONFIG,
    OVERRIDES,
    Run,
    imports,
    newest_run,
    recorded_run,
    script_in,
)
from ltscaffold.errors import ScaffoldError
from tests.helpers.run_folders import run_folder

MODEL = "tasks/mine/model.py"


def recorded(folder: Path, project: Path, *overrides: str, **manifest: Any) -> Run:
    """Return the run of a folder that a training would have left."""
    content = {"directory": str(project), "code": {MODEL: "0"}, "metrics": {}} | manifest
    run_folder(folder, *overrides, **content)
    (folder / OVERRIDES).parent.mkdir()
    (folder / OVERRIDES).write_text(yaml.safe_dump([*overrides]))
    return recorded_run(project, folder, None)


def test_overrides_that_say_where_a_run_trains_or_writes_to_are_replaced(project: Path) -> None:
    kept = ["task=nlp/mine", "+loggers=1", "~callbacks.loss_curve", "training.seed=1"]
    replaced = ["cluster=slurm", "+cluster=slurm", "cluster.time=5", "++cluster.gpus=1"]
    replaced += ["hydra.run.dir=x", "hydra/launcher=joblib", "resume=auto", "+logger=wandb"]
    replaced += ["logger=[csv,wandb]", "~logger", "+logger@x=csv", "training.run_dir=best"]
    run = recorded(project / "outputs/run", project, *kept, *replaced)
    assert run.overrides == kept


def test_a_script_is_that_of_the_project(project: Path) -> None:
    """Typed in the project, below, above or in a copy that has moved; or in the copy of a job."""
    copy = run_folder(project / "outputs/run") / "code/now"
    for folder in (project, copy, project / "scripts"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train.py").touch()
    below = project / "experiments"
    typed = {
        (project, "train.py"): "train.py",
        (below, "../train.py"): "train.py",
        (below, f"{project}/train.py"): "train.py",
        (project.parent, f"{project.name}/train.py"): "train.py",
        (Path("/moved"), "train.py"): "train.py",
        (Path("/moved"), "scripts/train.py"): "scripts/train.py",
        (project, "scripts/train.py"): "scripts/train.py",
        (project, f"{copy}/train.py"): "train.py",
    }
    found = {place: script_in(project, place[0], Path(place[1])) for place in typed}
    assert found == typed


def test_a_run_that_writes_elsewhere_is_an_obstacle(project: Path) -> None:
    run = recorded(project / "outputs/plain", project)
    (run.folder or Path()).joinpath(CONFIG).write_text(
        "trainer: {default_root_dir: '${training.run_dir}', logger: {dirpath: null}}\n"
        "logger: {csv: {save_dir: logs}}\n"
    )
    assert [*run.obstacles()] == []
    run = recorded(project / "outputs/best", project, "callbacks.checkpoint.dirpath=best")
    (obstacle,) = run.obstacles()
    assert obstacle.startswith(
        "it may write to best (callbacks.checkpoint.dirpath); choose another"
    )
    run = recorded(project / "outputs/curve", project, "callbacks.loss_curve.path=curve.png")
    (obstacle,) = run.obstacles()
    assert obstacle.startswith(
        "it may write to curve.png (callbacks.loss_curve.path); choose another"
    )
    run = recorded(project / "outputs/config", project)
    (run.folder or Path()).joinpath(CONFIG).write_text("trainer: {default_root_dir: logs}\n")
    (obstacle,) = run.obstacles()
    assert "logs (trainer.default_root_dir)" in obstacle


def test_a_run_is_of_the_components_whose_files_it_has_imported(project: Path) -> None:
    below = project / "experiments"
    typed = recorded(
        project / "outputs/a", project, directory=str(below), code={f"{project}/{MODEL}": "0"}
    )
    job = recorded(project / "outputs/b", project, directory=str(below))
    assert imports(typed, project, [MODEL])
    assert imports(job, project, [MODEL])
    assert not imports(job, project, ["tasks/other/model.py"])
    assert newest_run(project, ["tasks/other/model.py"], None) is None
    found = newest_run(project, [MODEL], None)
    assert found is not None
    assert found.directory == Path("experiments")
    with pytest.raises(ScaffoldError, match="does not exist"):
        recorded_run(project, project / "outputs/none", None)


def test_a_path_beside_the_project_is_made_absolute(project: Path) -> None:
    (project.parent / "rows.csv").touch()
    (project / "rows.csv").touch()
    below = Run([], directory=Path("sub"))
    beside = f"dataset.train_file='{project.parent}/rows.csv'"
    found = [
        with_absolute_path(f"dataset.train_file={value}", project, run)
        for value, run in [
            ("../rows.csv", Run([])),
            ("'../rows.csv'", Run([])),
            ("../../rows.csv", below),
            ("../rows.csv", below),
            ("rows.csv", Run([])),
            ("../none.csv", Run([])),
        ]
    ]
    assert found[:3] == [beside] * 3
    kept = ["../rows.csv", "rows.csv", "../none.csv"]
    assert found[3:] == [f"dataset.train_file={value}" for value in kept]
