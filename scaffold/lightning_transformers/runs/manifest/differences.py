"""What a later state has other than the one that was recorded, one line each."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from lightning_transformers.base.run_folder import CONFIG, Manifest
from lightning_transformers.runs.manifest.code import code_now
from lightning_transformers.runs.manifest.digests import digest_of
from lightning_transformers.runs.manifest.environment import machine, versions_of
from lightning_transformers.runs.manifest.git import git_state

SHORT = 12
"""Digits of a digest or commit that are shown."""


def state_before(recorded: Manifest, folder: Path, directory: Path) -> Manifest:
    """Return the parts of a manifest that are known before anything of the run is imported.

    Args:
        recorded: the manifest of a run.
        folder: the run folder.
        directory: where the run is to be repeated, as its command was typed in one.
    """
    return {
        "config": digest_of(folder / CONFIG),
        "versions": versions_of([*recorded["versions"]]),
        "machine": machine(),
        "git": git_state(directory),
        "code": code_now(recorded["code"], directory),
    }


def differences(recorded: Manifest, now: Manifest, parts: Collection[str]) -> Iterator[str]:
    """Yield a line for whatever is not as it was recorded, among parts of the manifests."""
    for part in parts:
        yield from COMPARED[part](recorded[part], now[part])


def changed_values(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each value that is another one now."""
    for name, value in recorded.items():
        if now.get(name) != value:
            yield f"{name} {_shown(value)} then, {_shown(now.get(name))} now"


def changed_files(recorded: Mapping[str, str | None], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each file that has another content now, or is gone."""
    for name, digest in recorded.items():
        if name in now and now[name] != digest:
            yield f"{name} {'is gone' if now[name] is None else 'has changed'}"


def changed_config(recorded: str, now: str | None) -> Iterator[str]:
    """Yield a line if the config that the run folder holds is not the one that was trained."""
    yield from changed_files({f"{CONFIG} of the run": recorded}, {f"{CONFIG} of the run": now})


def changed_git(
    recorded: Mapping[str, str | None] | None, now: Mapping[str, str | None] | None
) -> Iterator[str]:
    """Yield a line about the commit, and one about what is not committed."""
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
    recorded: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a line for each split whose rows are others now."""
    for split, then in recorded.items():
        if split not in now:
            yield f"the {split} set ({then['source']}) is gone"
        elif then != now[split]:
            values = f"{_rows(then)} then, {_rows(now[split])} now"
            yield f"the {split} set ({now[split]['source']}) has changed: {values}"


def _rows(split: Mapping[str, Any]) -> str:
    count = "rows" if split["rows"] is None else f"{split['rows']} rows"
    return f"{count} {_shown(split['digest'])}"


def _repository(state: Mapping[str, str | None] | None) -> str:
    return "none" if state is None else f"commit {_shown(state['commit'])}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = str(value)
    is_digest = len(text) >= 40 and " " not in text and "/" not in text
    return text[:SHORT] if is_digest else text


COMPARED: Mapping[str, Callable[[Any, Any], Iterator[str]]] = {
    "config": changed_config,
    "versions": changed_values,
    "machine": changed_values,
    "git": changed_git,
    "code": changed_files,
    "training": changed_values,
    "inputs": changed_files,
    "data": changed_data,
}
"""How each part of a manifest is compared."""
