"""A command composes its config once, and runs what Hydra would."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from lightning_transformers.config import app
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS

ARGUMENTS = (
    "hydra.run.dir=run",
    "hydra.sweep.dir=sweep",
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
)
SWEEP = "# @package _global_\nhydra:\n  mode: MULTIRUN\n"


@pytest.fixture
def composed(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return a list that gets an entry for each composition, in a project."""
    calls: list[int] = []
    load = ConfigLoaderImpl._load_configuration_impl

    def counted(*arguments: object, **options: object) -> object:
        calls.append(1)
        return load(*arguments, **options)

    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", counted)
    yield calls
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return Hydra's config of each job of a command."""
    jobs: list[Any] = []
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments, *ARGUMENTS])
    app.run_app(lambda config: jobs.append(OmegaConf.to_container(HydraConfig.instance().cfg)))
    return jobs


@pytest.mark.parametrize("mode", [(), ("hydra.mode=RUN",)])
def test_a_run_composes_its_config_once_and_as_hydra_does(
    mode: tuple[str, ...], composed: list[int], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = run("training.seed=3", *mode, monkeypatch=monkeypatch)
    assert len(composed) == 1
    ours = {path.name: path.read_text() for path in Path("run/.hydra").iterdir()}
    monkeypatch.setattr(app, "_mode_of_first_config", Hydra.get_mode)
    assert run("training.seed=3", *mode, monkeypatch=monkeypatch) == jobs
    assert {path.name: path.read_text() for path in Path("run/.hydra").iterdir()} == ours
    assert yaml.safe_load(ours["hydra.yaml"])["hydra"]["mode"] == "RUN"


@pytest.mark.parametrize("values", ["1", "1,2"])
def test_a_config_that_asks_for_a_multirun_has_one(
    values: str, composed: list[int], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "conf/experiment").mkdir(parents=True)
    (project / "conf/experiment/mine.yaml").write_text(SWEEP)
    (project / "conf/config.yaml").write_bytes((PACKAGED_CONFIGS / "config.yaml").read_bytes())
    jobs = run("experiment=mine", f"training.seed={values}", monkeypatch=monkeypatch)
    assert len(jobs) == len(values.split(","))
    assert all(job["hydra"]["mode"] == RunMode.MULTIRUN for job in jobs)


def test_without_a_job_a_sweep_is_refused_and_nothing_written(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders: list[str] = []
    for flags in ([], ["-m"]):
        monkeypatch.setattr(sys, "argv", ["explain", *flags, "training.seed=3", "hydra.run.dir=r"])
        with contextlib.suppress(SystemExit):
            app.run_app(lambda config: folders.append(config.training.run_dir), is_job=False)
    assert folders == [str(project / "r")]
    assert "composes one config: remove --multirun" in capsys.readouterr().err
    assert not [*project.iterdir()]


def test_an_unknown_key_is_found_in_the_first_config(
    composed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    explained: list[int] = []
    monkeypatch.setattr(app, "explain", lambda *_: explained.append(len(composed)) or "found")
    with pytest.raises(SystemExit):
        run("trainer.max_epochz=3", monkeypatch=monkeypatch)
    assert explained == [1]
