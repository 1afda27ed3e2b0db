"""The loop of a sweep: ask the study for trials, let Hydra's launcher run them, report the best."""

import hashlib
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from optuna.trial import FrozenTrial

from lightning_transformers.base.atomic import write_atomically
from lightning_transformers.base.errors import ConfigurationError, joined, suggestion
from lightning_transformers.config.compose import quoted
from lightning_transformers.sweeps import TRIAL
from lightning_transformers.sweeps.space import overrides, split_overrides
from lightning_transformers.sweeps.study import PRUNERS, SAMPLERS, Direction, Study, Trial
from lightning_transformers.training.metric_modes import AUTO, mode_of

SWEEPS = "outputs/sweeps"
BEST = "best.yaml"
DIRECTIONS: dict[str, Direction] = {"min": "minimize", "max": "maximize"}


class Search:
    """A sweep.

    Args:
        config: Hydra's config, with the overrides that all trials share.
        settings: those of `OptunaConfig`.
        arguments: the overrides of the command line that are not Hydra's.
        context: Hydra's context, which lists the options of config groups.

    Raises:
        ConfigurationError: for a setting, or values to choose from, that are invalid.
    """

    def __init__(
        self,
        config: DictConfig,
        settings: Mapping[str, Any],
        arguments: list[str],
        context: HydraContext,
    ) -> None:
        self.config, self.context = config, context
        given = [f"{key}={value}" for key, value in settings["params"].items()]
        self.shared, self.space = split_overrides([*given, *arguments], context.config_loader)
        _check("sampler", settings["sampler"], SAMPLERS)
        _check("pruner", settings["pruner"], PRUNERS)
        self.limit, self.jobs = settings["n_trials"], settings["n_jobs"]
        if self.limit is None and settings["sampler"] != "grid":
            raise ConfigurationError(
                "hydra.sweeper.n_trials is not set: give the number of trials, such as "
                "hydra.sweeper.n_trials=20, or hydra.sweeper.sampler=grid for all combinations"
            )
        self.metric, self.direction = _selected(config)
        self.pruner = settings["pruner"]
        self.sampler, self.seed = settings["sampler"], settings["seed"]
        self.folder = self._folder(settings["study"], [*given, *arguments])

    def _folder(self, name: str | None, arguments: list[str]) -> Path:
        """Return the folder of the study: the same one for the same command."""
        hydra_overrides = self.config.hydra.overrides.hydra
        if any(word.startswith("hydra.sweep.dir=") for word in hydra_overrides):
            return Path(self.config.hydra.sweep.dir)
        key = [sorted(arguments), self.sampler, self.seed, self.metric, self.pruner]
        digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=4).hexdigest()
        task = self.config.hydra.runtime.choices.get("task") or "sweep"
        return Path(SWEEPS) / (name or f"{task}-{digest}")

    def run(self, function: TaskFunction) -> None:
        """Run trials until there are as many as the sweep is to have; print the best one.

        Args:
            function: the job of a trial, as Hydra's launcher calls it.
        """
        OmegaConf.update(self.config, "hydra.sweep.dir", str(self.folder))
        # The launcher composes the config of each trial anew, with these overrides.
        self.config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(str(self.folder))}")
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.context, task_function=function, config=self.config
        )
        study = Study(
            self.folder,
            self.space,
            sampler=self.sampler,
            seed=self.seed,
            direction=self.direction,
            pruner=self.pruner,
        )
        print(f"Sweep: {self.metric}, {self.direction}, {self.folder}")
        with study:
            while trials := list(self._batch(study)):
                self._launch(study, trials, launcher.launch)
                self._report(study)
        for line in self._last_lines(study):
            print(line)

    def _batch(self, study: Study) -> Iterable[Trial]:
        for _ in range(self.jobs):
            if trial := study.ask(self.limit):
                yield trial

    def _launch(
        self, study: Study, trials: list[Trial], launch: Callable[..., Iterable[JobReturn]]
    ) -> None:
        jobs = [self._job(trial) for trial in trials]
        # Trials of a batch have consecutive numbers, unless other processes ask as well.
        if [trial.number for trial in trials] == [*range(trials[0].number, trials[-1].number + 1)]:
            results = [*launch(jobs, initial_job_idx=trials[0].number)]
        else:
            results = [
                result
                for trial, job in zip(trials, jobs, strict=True)
                for result in launch([job], initial_job_idx=trial.number)
            ]
        for trial, result in zip(trials, results, strict=True):
            complete = result.status == JobStatus.COMPLETED
            study.tell(trial.number, result.return_value if complete else None)
            if not complete and not study.counts().keys() - {"fail"}:
                _ = result.return_value  # raises the error: no trial has worked so far

    def _job(self, trial: Trial) -> list[str]:
        """Return the overrides of a trial; the environment names it to the callback that prunes."""
        words = [*self.shared, *overrides(trial.params)]
        if trial.resumes:
            words.append("resume=auto")
        if self.pruner:
            about = {
                "folder": str(self.folder.absolute()),
                "number": trial.number,
                "direction": self.direction,
                "pruner": self.pruner,
                "monitor": self.metric,
            }
            words.append(f"+hydra.job.env_set.{TRIAL}={quoted(json.dumps(about))}")
        return words

    def _report(self, study: Study) -> None:
        """Write the best trial as a config of the group `experiment`."""
        if best := study.best():
            with write_atomically(self.folder / BEST) as beside:
                beside.write_text(self._experiment(best), encoding="utf-8")

    def _experiment(self, best: FrozenTrial) -> str:
        content: dict[str, Any] = {}
        choices = []
        for key, text in (word.split("=", 1) for word in overrides(best.params)):
            name = key.lstrip("+")
            if self._options(name):
                choices.append({f"override /{name}": text})
            else:
                OmegaConf.update(node := OmegaConf.create(content), name, yaml.safe_load(text))
                content = OmegaConf.to_container(node)  # type: ignore[assignment]
        if choices:
            content = {"defaults": choices} | content
        lines = ["# @package _global_", f"# {self._score(best)}", f"# {self._command(best)}"]
        return "\n".join([*lines, yaml.safe_dump(content, sort_keys=False)])

    def _options(self, name: str) -> list[str]:
        """Return the options of a config group, none for any other key."""
        hydra = self.config.hydra
        return self.context.config_loader.get_group_options(
            name, config_name=hydra.job.config_name, overrides=[*hydra.overrides.hydra]
        )

    def _score(self, best: FrozenTrial) -> str:
        folder = self.folder / str(best.number)
        return f"{self.metric} {best.value:.4g} in trial {best.number}, {folder}"

    def _command(self, best: FrozenTrial) -> str:
        return shlex.join(["python", sys.argv[0], *self.shared, *overrides(best.params)])

    def _last_lines(self, study: Study) -> Iterable[str]:
        counts = study.counts()
        yield "Trials: " + ", ".join(f"{number} {state}" for state, number in counts.items())
        if best := study.best():
            yield f"Best: {self._score(best)}"
            yield f"Best values: {self.folder / BEST}"
            yield f"Next: {self._command(best)}"


def _selected(config: DictConfig) -> tuple[str, Direction]:
    """Return the metric that selects the best checkpoint, and the direction of the study."""
    checkpoint = (config.get("callbacks") or {}).get("checkpoint")
    if not checkpoint:
        raise ConfigurationError(
            "a sweep selects its best trial by the metric of callbacks.checkpoint, which the "
            "config lacks: add callbacks=default"
        )
    mode = checkpoint.get("mode", AUTO)
    if mode == AUTO:
        mode = mode_of(checkpoint.monitor, "callbacks.checkpoint", {})
    return checkpoint.monitor, DIRECTIONS[mode]


def _check(name: str, value: str | None, known: Iterable[str | None]) -> None:
    if value not in known:
        words = [each or "null" for each in known]
        raise ConfigurationError(
            f"hydra.sweeper.{name}={value} is not one of {joined(words)}"
            f"{suggestion(str(value), words)}"
        )
