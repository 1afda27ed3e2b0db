"""The table of runs, and the question before they are deleted."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import typer

from ltscaffold.cli.output import show_json
from ltscaffold.commands.runs.table import Run, differing
from ltscaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from ltscaffold.cli.json_types import BestCheckpoint, RunRow


def show_runs(runs: Sequence[Run], as_json: bool) -> None:
    """Print the runs and their size: one JSON object, or lines, in a pipe one per run."""
    if as_json:
        show_json({"runs": [_object(run) for run in runs]})
        return
    shown = differing(runs)
    rows = [_cells(run, shown) for run in runs]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, date, overrides in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
        typer.echo("  ".join(padded).rstrip())
        typer.secho(f"    {date}  {overrides}".rstrip(), dim=True)
    total = in_bytes(sum(run.size for run in runs))
    typer.echo(f"{counted(len(runs), 'run')}, {total}" if runs else "no runs")


def confirm(amount: str, as_json: bool) -> bool:
    """Ask whether to delete an amount of files.

    Args:
        amount: their number and size, in words.
        as_json: whether the command prints JSON, which excludes questions.

    Raises:
        ScaffoldError: if the terminal cannot answer.
    """
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ScaffoldError("no terminal can confirm this; add --yes to delete without asking")
    return typer.confirm(f"Delete {amount}?")


def in_bytes(size: float) -> str:
    """Return a number of bytes in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cells(run: Run, shown: set[str]) -> list[str]:
    overrides = (f"{key}={value}" for key, value in run.overrides.items() if key in shown)
    score = f"{run.best['monitor']} {float(run.best['score']):.4g}" if run.best else "-"
    size, changed = in_bytes(run.size), f"{run.changed:%Y-%m-%d %H:%M}"
    return [str(run.folder), run.status, score, size, changed, " ".join(overrides)]


def _object(run: Run) -> "RunRow":
    return {
        "run": str(run.folder),
        "date": run.changed.isoformat(timespec="seconds"),
        "status": run.status,
        "reason": run.manifest.get("reason"),
        "best": cast("BestCheckpoint | None", run.best or None),
        "metrics": run.manifest.get("metrics"),
        "overrides": {**run.overrides},
        "bytes": run.size,
    }
