"""`report.html` of a run folder."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning_transformers.base.run_folder import REPORT, STACK
from lightning_transformers.reports.charts import curves
from lightning_transformers.reports.page import write_page
from lightning_transformers.reports.parts import Facts, Part, Section, Table
from lightning_transformers.reports.picture import Point
from lightning_transformers.reports.redaction import public, public_command
from lightning_transformers.reports.run_files import RunFiles
from lightning_transformers.reports.sections import Thumbnails, evaluation_sections

LARGE = 8
"""Metrics in large digits."""
CURVES = 15


def write_report(
    run: RunFiles,
    metrics: Mapping[str, float],
    summary: Sequence[str] = (),
    thumbnail: Thumbnails | None = None,
) -> Path:
    """Write the report of a run from the files in its folder.

    Args:
        run: the files.
        metrics: the last values.
        summary: lines about the data.
        thumbnail: returns a small picture of an evaluated row by its index.

    Returns:
        The file.
    """
    found = run.evaluation
    sections = [
        Section("Metrics", metric_parts(run, metrics)),
        *(evaluation_sections(found, thumbnail) if found else []),
        Section("Data", [*summary, *data_parts(run)]),
        Section("Settings", setting_parts(run)),
        Section("Environment", environment_parts(run)),
    ]
    file = run.folder / REPORT
    write_page(file, run.folder.name, subtitle(run), [part for part in sections if part.parts])
    return file


def subtitle(run: RunFiles) -> str:
    """Return the outcome of a run and the evaluated rows in one line."""
    status = run.manifest.get("status")
    parts = [str(status)] if status else []
    if reason := run.manifest.get("reason"):
        parts.append(public("", reason))
    if found := run.evaluation:
        about = found.about
        step = f" after step {about['step']}" if about.get("step") else ""
        task = f"{about.get('task', 'task')} on {found.table.num_rows:,} rows"
        parts.append(f"{task} of the {about.get('split', 'validation')} set{step}")
    return " · ".join(parts)


def metric_parts(run: RunFiles, metrics: Mapping[str, float]) -> list[Part]:
    """Return the last metrics and the curves of all, losses first."""
    names = sorted(
        metrics, key=lambda name: (not name.startswith("test/"), name.startswith("train"))
    )
    parts: list[Part] = []
    if best := run.manifest.get("best"):
        facts = {f"best {best['monitor']}": best["score"], "at step": best["step"]}
        parts.append(Facts(facts, large=True))
    if names:
        parts.append(Facts({name: metrics[name] for name in names[:LARGE]}, large=True))
    parts += [plot for plot in grouped_curves(run.curves) if plot][:CURVES]
    if len(names) > LARGE:
        rows = [(name, float(metrics[name])) for name in names]
        parts.append(Table("Last values", ("metric", "value"), rows, folded=True))
    return parts


def grouped_curves(found: Mapping[str, list[Point]]) -> Iterable[Any]:
    """Yield a picture per metric, with training, validation and test in one; the loss first."""
    groups: dict[str, dict[str, list[Point]]] = {"loss": {}}
    for name, points in found.items():
        stage, slash, metric = name.partition("/")
        group = metric if slash and stage in ("train", "val", "test") else name
        groups.setdefault(group, {})[name] = points
    for group, series in groups.items():
        yield curves(group, series)


def data_parts(run: RunFiles) -> list[Part]:
    """Return the source and the rows of each split."""
    parts: list[Part] = []
    if splits := run.manifest.get("data"):
        rows = [
            (split, public("", facts.get("source")), facts.get("rows"), short(facts.get("digest")))
            for split, facts in splits.items()
        ]
        parts.append(Table("Splits", ("split", "source", "rows", "digest"), rows))
    return parts


def setting_parts(run: RunFiles) -> list[Part]:
    """Return the command and the settings that differ from the defaults."""
    parts: list[Part] = []
    if command := run.manifest.get("command"):
        parts.append(Facts({"command": public_command(command)}))
    if changed := run.manifest.get("changed"):
        rows = [(key, *(public(key, value) for value in pair)) for key, pair in changed.items()]
        parts.append(Table("Differences from the defaults", ("key", "default", "value"), rows))
    return parts


def environment_parts(run: RunFiles) -> list[Part]:
    """Return versions, machine, devices, seeds and the state of the code."""
    known = run.manifest
    versions = {name: v for name in STACK if (v := known.get("versions", {}).get(name))}
    git = known.get("git") or {}
    facts = {
        **versions,
        **known.get("machine", {}),
        **known.get("training", {}),
        **{f"seed of {name}": value for name, value in known.get("seeds", {}).items()},
        **{f"git {name}": short(value) for name, value in git.items() if value},
    }
    return [Facts({name: public(name, value) for name, value in facts.items()})] if facts else []


def short(value: Any) -> str | None:
    """Return the start of a digest or a commit."""
    text = None if value is None else str(value)
    return text[:12] if text and len(text) >= 40 and text.isalnum() else text
