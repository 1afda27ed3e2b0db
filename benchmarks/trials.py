"""The common part of benchmarks: trials in their own processes, in turn, and a Markdown table."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
Values = dict[str, float]
"""The figures of a trial, by name."""
BARE = dict.fromkeys(
    ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
)
"""Arguments of a Lightning trainer that does nothing but train."""


def trial(module: str, *arguments: object) -> Values:
    """Return the figures that a module prints as JSON, in a process of its own.

    Args:
        module: name of the module in `benchmarks`.
        arguments: its command line.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    values: Values = json.loads(done.stdout.splitlines()[-1])
    return values


def timed(folder: Path, *words: str | Path, status: int = 0) -> tuple[float, str]:
    """Return the CPU time of Python with some arguments and all that it starts, and its output.

    Args:
        folder: the working directory.
        words: the arguments.
        status: the exit status that they must have.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != status:
        raise SystemExit(f"{words}: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def in_turn(trials: Mapping[str, Callable[[], Values]], times: int) -> dict[str, list[Values]]:
    """Run trials one after the other, several times, and return the figures of each.

    Args:
        trials: runs a trial, by its name.
        times: how often to run all.
    """
    found: dict[str, list[Values]] = {name: [] for name in trials}
    for _ in range(times):
        for name, run in trials.items():
            found[name].append(run())
            print(name, found[name][-1], file=sys.stderr, flush=True)
    return found


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median of values and their range, as `1.02 (1.00-1.05)`, with an en dash."""
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{middle} ({low}–{high})"


def ratios(ours: Sequence[Values], peer: Sequence[Values], name: str) -> list[float]:
    """Return the ratio of a figure in each pair of trials."""
    return [mine[name] / other[name] for mine, other in zip(ours, peer, strict=True)]


def write(name: str, title: str, text: str, rows: Sequence[Sequence[str]], *packages: str) -> None:
    """Print a table, and write it to `benchmarks/<name>.md` with machine, versions and date.

    Args:
        name: name of the module.
        title: heading of the file.
        text: what was measured.
        rows: the head of the table and its rows.
        packages: distributions whose versions count.
    """
    head, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    table = "\n".join([head, "|" + "---|" * len(rows[0]), *body])
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    when = time.strftime("%Y-%m-%d")
    (HERE / f"{name}.md").write_text(
        f"# {title}\n\n    python -m benchmarks.{name}\n\n{text.strip()}\n\n{table}\n\n"
        f"Measured on {when}: {machine}, {versions}. Each figure is the median, with its range.\n"
    )
    print(table)
