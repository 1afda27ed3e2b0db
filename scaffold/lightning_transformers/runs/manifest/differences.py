"""Differences between the record of a run and a later state, one line each."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from lightning_transformers.base.run_folder import CONFIG, Manifest
from lightning_transformers.runs.manifest.code import code_now
from lightning_transformers.runs.manifest.digests import digest_of
from lightning_transformers.runs.manifest.environment import machine, versions_of
from lightning_transformers.runs.manifest.git import git_state

SHORT = 12
"""Displayed digits of a digest or commit."""


def state_before(recorded: Manifest, folder: Path, directory: Path) -> Manifest:
    """Return a manifest of the present state, as far as it is known before the run is imported.

    Args:
        recorded: the manifest of the run.
        folder: the run folder.
        directory: the working directory of the repetition.
    """
    return {
        **recorded,
        "config": digest_of(folder / CONFIG),
        "versions": versions_of([*recorded["versions"]]),
        "machine": machine(),
        "git": git_state(directory),
        "code": code_now(recorded["code"], directory),
    }


def early_differences(recorded: Manifest, now: Manifest) -> Iterator[str]:
    """Yield a line for each difference in config, versions, machine, git and code.

    Args:
        recorded: the manifest of the run.
        now: the manifest of the later state, see `state_before`.
    """
    file = f"{CONFIG} of the run"
    yield from changed_files({file: recorded["config"]}, {file: now["config"]})
    yield from changed_values(recorded["versions"], now["versions"])
    yield from changed_values(recorded["machine"], now["machine"])
    yield from changed_git(recorded["git"], now["git"])
    yield from changed_files(recorded["code"], now["code"])


def late_differences(recorded: Manifest, now: Manifest) -> Iterator[str]:
    """Yield a line for each difference in devices, inputs and data.

    Args:
        recorded: the manifest of the run.
        now: the manifest that the rerun has written.
    """
    yield from changed_values(recorded["training"], now["training"])
    yield from changed_files(recorded["inputs"], now["inputs"])
    yield from changed_data(recorded["data"], now["data"])


def changed_values(recorded: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """Yield a line for each recorded value, by name, that differs now or is missing."""
    for name, value in recorded.items():
        if now.get(name) != value:
            yield f"{name} {_shown(value)} then, {_shown(now.get(name))} now"


def changed_files(recorded: Mapping[str, str | None], now: Mapping[str, object]) -> Iterator[str]:
    """Yield a line for each file whose digest differs, or that is gone (a digest of None).

    Args:
        recorded: digests of the run, by file.
        now: present digests; a file that is not among them was not looked for.
    """
    for name, digest in recorded.items():
        if name in now and now[name] != digest:
            yield f"{name} {'is gone' if now[name] is None else 'has changed'}"


def changed_git(
    recorded: Mapping[str, str | None] | None, now: Mapping[str, str | None] | None
) -> Iterator[str]:
    """Yield a line for another commit, and one for other uncommitted changes.

    Args:
        recorded: `git_state` at the run; None outside of a repository.
        now: `git_state` at present.
    """
    if recorded is None or now is None:
        if recorded is not now:
            yield f"git: {_repository(recorded)} then, {_repository(now)} now"
        return
    if recorded["commit"] != now["commit"]:
        yield f"git: commit {_shown(recorded['commit'])} then, {_shown(now['commit'])} now"
    if recorded["changes"] != now["changes"]:
        then, at_present = ("some" if state["changes"] else "none" for state in (recorded, now))
        others = "other ones" if then == at_present else at_present
        yield f"git: uncommitted changes: {then} then, {others} now"


def changed_data(
    recorded: Mapping[str, Mapping[str, object]], now: Mapping[str, Mapping[str, object]]
) -> Iterator[str]:
    """Yield a line for each recorded split whose source, number of rows or digest differs.

    Args:
        recorded: `data_of` the run, by split.
        now: `data_of` the rerun.
    """
    for split, then in recorded.items():
        if split not in now:
            yield f"the {split} set ({then['source']}) is gone"
        elif then != now[split]:
            values = f"{_rows(then)} then, {_rows(now[split])} now"
            yield f"the {split} set ({now[split]['source']}) has changed: {values}"


def _rows(split: Mapping[str, object]) -> str:
    count = "rows" if split["rows"] is None else f"{split['rows']} rows"
    return f"{count} {_shown(split['digest'])}"


def _repository(state: Mapping[str, str | None] | None) -> str:
    return "none" if state is None else f"commit {_shown(state['commit'])}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    text = str(value)
    is_digest = len(text) >= 40 and " " not in text and "/" not in text
    return text[:SHORT] if is_digest else text
