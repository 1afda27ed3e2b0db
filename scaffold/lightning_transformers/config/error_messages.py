"""One-line messages for the errors that Hydra, OmegaConf and YAML raise on invalid configs."""

import os
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import hydra
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import (
    ConfigCompositionException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from lightning_transformers.base.errors import (
    ConfigurationError,
    did_you_mean,
    disk_full,
    first_line,
    suggestion,
)
from lightning_transformers.config.config_tree import (
    CONFIG,
    group_names,
    in_file_with,
    options_of,
)
from lightning_transformers.config.legacy import legacy_hint
from lightning_transformers.config.schema.training_arguments import present_key

NO_METRIC = "Early stopping conditioned on metric"
"""Start of Lightning's message about an unknown metric."""
LAUNCHERS = {
    "launcher/joblib": "hydra-joblib-launcher",
    "launcher/ray": "hydra-ray-launcher",
    "launcher/submitit_local": '"ltscaffold[slurm]"',
    "launcher/submitit_slurm": '"ltscaffold[slurm]"',
}
"""Launchers of Hydra, as options of its group `hydra`, and what provides them."""

NO_SLURM = (
    "there is no SLURM here: sbatch and srun are not on the PATH; run the command on a login node "
    "of the cluster, or without cluster=slurm and hydra/launcher=submitit_slurm"
)
REFUSALS = {
    "partition": "sinfo lists the partitions",
    "account": "sacctmgr show associations lists the accounts",
    "qos": "sacctmgr show qos lists the qualities of service",
    "gres": "sinfo -o '%P %N %G' lists the GPUs of the nodes; cluster.gpus=0 uses none",
    "node": "sinfo -o '%P %D %c %m %G %l' lists nodes, cores, memory, GPUs and time limits",
    "processors": "sinfo -o '%P %D %c %m %G %l' lists the nodes of each partition and their cores",
    "time": "sinfo -o '%P %l' lists the time limits",
}
"""The next step for an error of sbatch, by a word in it."""


def user_error(error: BaseException | None) -> ConfigurationError | None:
    """Return the user error that caused an exception, or None for any other cause.

    A user error is a `ConfigurationError` anywhere in the chain of causes, a
    MisconfigurationException of Lightning, an unknown metric of early stopping, or a full disk.
    """
    cause = error
    while cause is not None and not isinstance(cause, ConfigurationError):
        cause = cause.__cause__
    if cause is not None:
        # A dataloader worker prepends its traceback to the message.
        return ConfigurationError(str(cause).rpartition("ConfigurationError: ")[2].strip())
    if isinstance(error, Exception) and (line := disk_full(error)):
        return ConfigurationError(line)
    # By name, since importing Lightning is slow.
    if type(error).__name__ == "MisconfigurationException" or str(error).startswith(NO_METRIC):
        assert error is not None
        return ConfigurationError(first_line(error))
    return None


def explain(error: Exception, typed: Sequence[str], config_dir: Path) -> str:
    """Return the one-line message for an error that composing a config raised.

    Args:
        error: the error.
        typed: the overrides of the command line.
        config_dir: the folder of `config.yaml`, with which Hydra must be initialized.
    """
    match error:
        case ConfigurationError():
            return str(error)
        case OverrideParseException():
            return invalid_override(error)
        case MissingConfigException(missing_cfg_file=str() as path):
            return unknown_option(path, typed, config_dir)
        case ConfigCompositionException(__cause__=OmegaConfBaseException() as cause):
            if isinstance(cause, ConfigKeyError | ConfigAttributeError):
                return unknown_key(cause, typed)
            return invalid_interpolation(cause, typed, config_dir)
        case OmegaConfBaseException():
            return invalid_interpolation(error, typed, config_dir)
        case Exception(__module__="submitit.core.utils"):
            return refusal(str(error)) if "sbatch" in str(error) else failed_job(str(error))
        case RuntimeError() if "srun" in str(error):  # of submitit
            return NO_SLURM
        case ModuleNotFoundError():  # of a launcher, or of a task that it has run elsewhere
            fix = ": pip install its package, or choose another hydra/launcher"
            return first_line(error) + fix * ("hydra_plugins" in origin_of(error))
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark() as mark):
            return f"{os.path.relpath(mark.name)}, line {mark.line + 1}: {error.problem}"
    overrides = OverridesParser.create().parse_overrides([*typed])
    wrong = (
        *(wrong_option(override) for override in overrides if isinstance(error, ValueError)),
        *wrong_overrides(overrides),
        *wrong_defaults(typed, config_dir),
    )
    return next(filter(None, wrong), None) or first_line(error)


def origin_of(error: BaseException) -> str:
    """Return the file that has raised an error."""
    frames = [*traceback.walk_tb(error.__traceback__)]
    return frames[-1][0].f_code.co_filename if frames else ""


def wrong_option(override: Override) -> str | None:
    """Return the message for an override that chooses no text as the option of a group, or None."""
    key = override.key_or_group
    is_option = isinstance(override.value(), str | list) or key not in group_names()
    return None if is_option else no_such_option(key, override.get_value_string())


def wrong_overrides(overrides: Sequence[Override]) -> Iterator[str]:
    """Yield the message for each override without which the others can be composed.

    Args:
        overrides: those of the command line. With `-m`, the values of a sweep are valid, so any
            other override precedes one with a sweep.
    """
    for override in sorted(overrides, key=Override.is_sweep_override):
        key, typed = override.key_or_group, override.input_line
        others = [
            str(other.input_line)
            for other in overrides
            if other is not override and not other.is_sweep_override()
        ]
        swept, deleted, added = (
            override.is_sweep_override(),
            override.is_delete(),
            override.is_add() and "@" not in key,
        )
        if not (swept or deleted or added) or not can_be_composed(others):
            continue
        if added and not can_be_composed([*others, f"+{key}=null"]):
            yield legacy_hint(str(typed)) or f"{key} is already in the config: remove the plus"
        elif swept:
            yield (
                f"{typed}: commas separate the values of a sweep: add -m, or write a list as [a,b] "
                """and a text as '"a,b"'"""
            )
        elif deleted and not can_be_composed([*others, str(typed)]):
            named = str(typed).lstrip("~")
            missing = f"{named} is not chosen" if "=" in named else f"the config has no key {key}"
            yield f"{typed}: {missing}"


def can_be_composed(overrides: Sequence[str]) -> bool:
    """Return whether the config can be composed with these overrides."""
    try:
        hydra.compose("config", overrides=[*overrides])
    except Exception:
        return False
    return True


class Entry(NamedTuple):
    """An entry of a defaults list: `- override /optimizer: sgd` chooses `sgd` in `/optimizer`."""

    line: str
    """As in the file, without the dash."""
    group: str
    """With its package, as in `/optimizer@_global_.optimizer`; `_self_` or a file without group."""
    option: object
    is_override: bool


def entries(file: Path) -> list[Entry] | None:
    """Return the defaults list of a config file, or None if it is something else."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    listed = content.get("defaults", []) if isinstance(content, dict) else []
    if not isinstance(listed, list):
        return None
    pairs = [
        pair for each in listed for pair in (each if isinstance(each, dict) else {each: ""}).items()
    ]
    found = []
    for key, option in pairs:
        *words, group = str(key).split() or [""]
        line = f"{key}: {option}" if option != "" else str(key)
        found.append(Entry(line, group, option, "override" in words))
    return found


def wrong_defaults(typed: Sequence[str], config_dir: Path) -> Iterator[str]:
    """Yield the message for each mistake in a defaults list of the project.

    The lists are read again, since Hydra's error names the file and the entry only in its text.

    Args:
        typed: the overrides of the command line, which choose further files.
        config_dir: the folder of `config.yaml`.
    """
    primary = config_dir / f"{CONFIG}.yaml"
    known, first = {*group_names(), "hydra"}, {entry.group for entry in entries(primary) or ()}
    for file in chosen_files(typed, config_dir):
        where, listed = os.path.relpath(file), entries(file)
        if listed is None:
            yield f"{where}: defaults is not a list: write `- <group>: <option>` for each group"
            continue
        chosen = Counter(entry.group for entry in listed if not entry.is_override)
        yield from (
            f"{where}: {group} stands {number} times in the defaults list: keep one of them"
            for group, number in chosen.items()
            if number > 1
        )
        package, past = package_of(file, config_dir), None
        for entry in listed:
            group, _, of_entry = entry.group.lstrip("/").partition("@")
            if entry.is_override and group.partition("/")[0] not in known:
                near = did_you_mean(group, group_names())
                yield f"{where}: `{entry.line}`: no such group{near}"
            elif entry.is_override and package and not of_entry.startswith("_global_"):
                yield (
                    f"{where}: write `override /{group}@_global_.{group}: {entry.option}`, since "
                    f"the file has the package {package}"
                )
            elif not (entry.is_override or package) and file != primary and group in first:
                yield (
                    f"{where}: write `override {entry.line}`, since {os.path.relpath(primary)} "
                    f"chooses an option of {group}, too"
                )
            elif past and not entry.is_override:
                yield f"{where}: move `{past.line}` to the end of the defaults list"
            past = entry if entry.is_override else past


def chosen_files(typed: Sequence[str], config_dir: Path) -> list[Path]:
    """Return the config files of the project that a command reads, beginning with `config.yaml`.

    Args:
        typed: the overrides of the command line.
        config_dir: the folder of `config.yaml`.
    """
    words = [word.lstrip("+").partition("=") for word in typed]
    named = [(group, each) for group, _, option in words for each in option.strip("[]").split(",")]
    files = [config_dir / f"{CONFIG}.yaml"]
    for file in files:  # the list grows
        folder = file.parent.relative_to(config_dir).as_posix()
        for entry in entries(file) or ():
            group = entry.group.partition("@")[0]
            group = group.lstrip("/") if group.startswith("/") else f"{folder}/{group}"
            options = entry.option if isinstance(entry.option, list) else [entry.option]
            named += [(group, str(option)) for option in options]
        found = [config_dir / f"{group}/{option}".rstrip("/") for group, option in named]
        new = [path.with_name(f"{path.name}.yaml") for path in dict.fromkeys(found)]
        files += [path for path in new if path not in files and path.is_file()]
    return files


def package_of(file: Path, config_dir: Path) -> str:
    """Return the package of a config file, such as `task`; "" for the top level.

    Args:
        file: the file.
        config_dir: the folder of `config.yaml`.
    """
    header = file.read_text(encoding="utf-8").partition("@package")[2].split()[:1]
    group = file.parent.relative_to(config_dir).as_posix().replace("/", ".").strip(".")
    return "".join(header or [group]).replace("_global_", "")


def invalid_override(error: OverrideParseException) -> str:
    """Return the message for an override that Hydra cannot parse: no `=`, or special characters."""
    key, equals, _ = error.override.partition("=")
    if not equals:
        return f"'{error.override}' is not an override: write <key>=<value>"
    lines = str(error).splitlines()
    reason = lines[1] if lines[0].startswith("Error parsing") else lines[0]
    return f"cannot parse {error.override}: {reason} (quote special characters: {key}='\"…\"')"


def unknown_option(path: str, typed: Sequence[str], config_dir: Path) -> str:
    """Return the message for an unknown option of a group.

    Args:
        path: group and option, such as `optimizer/admw`.
        typed: the overrides of the command line.
        config_dir: the folder in which to find the file that chooses the option.
    """
    group, _, name = path.partition("/")
    on_command_line = any(override.endswith(f"={name}") for override in typed)
    where = "" if on_command_line else in_file_with(name, config_dir, typed)
    return where + no_such_option(group, name)


def no_such_option(group: str, name: str) -> str:
    """Return the message for an unknown option, with its replacement or the nearest known one.

    Args:
        group: an existing group, such as `optimizer`.
        name: the option that does not exist.
    """
    override = f"{group}={name}"
    if package := LAUNCHERS.get(name):
        launcher = name.replace("/", "=")
        return f"hydra/{launcher} needs a package that is not installed: pip install {package}"
    return (
        legacy_hint(override)
        or f"{override}: no such option{did_you_mean(name, options_of(group))}"
    )


def unknown_key(cause: ConfigKeyError | ConfigAttributeError, typed: Sequence[str]) -> str:
    """Return the message for an override of an unknown key.

    Args:
        cause: the error of OmegaConf, which has the key and its parent.
        typed: the overrides of the command line.
    """
    # The parent of the key may be null.
    below = f"{cause.full_key}."
    written = (word for word in typed if f"{word.partition('=')[0]}.".startswith(below))
    appended = next(written, None)
    override = appended or str(cause.full_key)
    if message := legacy_hint(override):
        return message
    node = cause.parent_node
    known = (
        [str(key) for key in node if str(key)[:1] != "_"] if isinstance(node, DictConfig) else []
    )
    name = str(cause.key)
    parent = str(cause.full_key).rpartition(".")[0]
    if parent:
        plus = f" (to add it: +{override})" if appended else ""
        near = present_key(name) or suggestion(name, known) or plus
        return f"{override}: {parent} has no key '{name}'{near}"
    if name in group_names():
        return f"{override}: no option of {name} is chosen{did_you_mean('', options_of(name))}"
    for key in known:
        if isinstance(node[key], DictConfig) and name in node[key]:
            return f"{override}: the config has no key '{name}' (did you mean '{key}.{name}'?)"
    near = present_key(name) or did_you_mean(name, known)
    return f"{override}: the config has no key '{name}'{near}"


def invalid_interpolation(
    error: OmegaConfBaseException, typed: Sequence[str], config_dir: Path
) -> str:
    """Return the message for an interpolation that cannot be parsed or resolved.

    Args:
        error: the error, which has the key of the interpolation.
        typed: the overrides of the command line.
        config_dir: the folder in which to find the file with the interpolation.
    """
    key = str(error.full_key)
    on_command_line = any(override.lstrip("+").startswith(f"{key}=") for override in typed)
    text = f"{key.rpartition('.')[2]}: ${{"
    where = "" if on_command_line else in_file_with(text, config_dir, typed)
    return f"{where}{key}: {first_line(error)}"


def failed_job(trace: str) -> str:
    """Return the line for a job of Hydra's launcher that has failed.

    Args:
        trace: the message of submitit, with the traceback of the job.
    """
    found = [line.strip() for line in trace.splitlines() if "Error: " in line]
    return f"a job has failed: {(found or [trace.strip()])[-1].rpartition('Error: ')[2]}"


def refusal(output: str) -> str:
    """Return the line for a job that SLURM refuses, with the next step.

    Args:
        output: what sbatch has printed.
    """
    lines = [line.partition("error:")[2].strip() for line in output.splitlines()]
    reasons = [line for line in lines if line and "Batch job submission failed" not in line]
    failed = [line.rpartition("failed: ")[2] for line in lines if "submission failed" in line]
    reason = next(iter([*reasons, *failed]), output.strip())
    known = (step for word, step in REFUSALS.items() if word in reason.lower())
    return f"SLURM refuses the job: {reason}; {next(known, 'see man sbatch')}"
