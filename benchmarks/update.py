"""How long an update takes, by ours and by plain Copier, side by side.

    python benchmarks/update.py [--items 1 10 50] [--copier-up-to 50]

Projects at the newest version with a filled hook in each task; a version that changes a docstring
of each task is added to the templates, and the project is brought to it. CPU is that of the process
and its children. Prints a table in Markdown.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ltscaffold.record.answers import Answers, Component
from ltscaffold.templating.render import render
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, checkout, versions

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.helpers.releases import next_release

STUB = "        return super().training_step(batch, batch_idx)\n"
FILLED = "        batch = dict(batch)\n" + STUB


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=[1, 10, 50, 100, 1000])
    parser.add_argument("--copier-up-to", type=int, default=50)
    options = parser.parse_args()
    print("| components | ours, CPU s | ours, wall s | nothing to do, wall s | copier, wall s |")
    print("|---|---|---|---|---|")
    for count in options.items:
        with tempfile.TemporaryDirectory() as folder:
            print(row(Path(folder), count, count <= options.copier_up_to), flush=True)


def row(folder: Path, count: int, with_copier: bool) -> str:
    """Return a line of the table."""
    for name in ("own", "copied"):
        write_project(folder / name, count)
    variables = {
        BUNDLE_VARIABLE: str(next_release(folder / "release")),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def run(name: str, *command: str) -> tuple[float, float]:
        return measured(*command, cwd=folder / name, environment=os.environ | variables)

    run("own", "ltscaffold", "update", "--dry-run")  # fills the cache of templates
    cpu, wall = run("own", "ltscaffold", "update")
    _, nothing = run("own", "ltscaffold", "update")
    copied = "-"
    if with_copier:
        git(folder / "copied")
        copied = f"{run('copied', 'copier', 'update', '--quiet')[1]:.2f}"
    return f"| {count} | {cpu:.2f} | {wall:.2f} | {nothing:.2f} | {copied} |"


def write_project(project: Path, count: int) -> None:
    """Write a project with tasks whose hook is filled in, as the version before gave it."""
    version = versions(SOURCE_URL)[-1]
    parts = ["recipes/weight_noise", "hooks/training_step"]
    items = [
        Component("task", f"task_{number:04}", "nlp", "language_modeling", parts, version)
        for number in range(count)
    ]
    answers = Answers(version, SOURCE_URL, "tasks", items)
    for path, text in render(checkout(SOURCE_URL, version), answers).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text.replace(STUB, FILLED))


def git(project: Path) -> None:
    """Put a project under git, as Copier wants it."""
    who = ["-c", "user.name=A. User", "-c", "user.email=user@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "work"]):
        subprocess.run(["git", *command], cwd=project, check=True)


def measured(*command: str, cwd: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return seconds of CPU and of wall time that a command takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    script = Path(sys.executable).parent / command[0]
    subprocess.run(
        [script, *command[1:]], cwd=cwd, env=environment, stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


if __name__ == "__main__":
    main()
