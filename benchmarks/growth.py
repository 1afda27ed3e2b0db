"""How `status`, `check` and `update` grow with a project, beside plain Copier, in turn.

    python -m benchmarks.growth [--components 1 50 1000] [--copier-up-to 50] [--rounds 3]

Projects at the newest version with an implemented hook in each task; a version that changes each
`model.py` is added to the templates, so that each one is merged by its members. Copier is a
dependency, and updates copies of the same projects. Writes `growth.md`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.timed_commands import Command, heading, write
from ltscaffold.record.answers import Answers, Component
from ltscaffold.templating.render import render
from ltscaffold.templating.source import BUNDLE_VARIABLE, SOURCE_URL, checkout, versions
from tests.helpers.releases import next_release

BIN = Path(sys.executable).parent
STUB = "        return super().training_step(batch, batch_idx)\n"
FILLED = "        batch = dict(batch)\n" + STUB


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--components", type=int, nargs="+", default=[1, 50, 1000])
    parser.add_argument("--copier-up-to", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for count in options.components:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row(Path(folder), count, count <= options.copier_up_to, options.rounds))
    lines = [heading("Growth of a project", "growth", f"copier {version('copier')}")]
    lines += ["| components | status | check | update | nothing to update | copier update |"]
    write("growth", [*lines, "|---|---|---|---|---|---|", *rows])


def row(folder: Path, count: int, with_copier: bool, rounds: int) -> str:
    """Return a line of the table."""
    project, former = folder / "project", folder / "former"
    write_project(former, count)
    variables = {
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
    }
    newer = variables | {BUNDLE_VARIABLE: str(next_release())}
    shown = {
        name: Command(name, [BIN / "ltscaffold", *words], project, newer if is_newer else variables)
        for name, words, is_newer in (
            ("status", ["status"], False),
            ("check", ["check"], False),
            ("update", ["update"], True),
            ("nothing", ["update"], True),
        )
    }
    if with_copier:
        shown["copier"] = Command("copier", [BIN / "copier", "update", "--quiet"], project, newer)
    for number in range(rounds + 1):  # the first fills the cache of templates
        for name, command in shown.items():
            if name != "nothing":
                shutil.rmtree(project, ignore_errors=True)
                shutil.copytree(former, project)
            if name == "copier":
                commit(project)
            command.run(keep=number > 0)
    cells = [shown[name].cell if name in shown else "–" for name in (*shown, "copier")][:5]
    return f"| {count} | {' | '.join(cells)} |"


def write_project(project: Path, count: int) -> None:
    """Write a project with tasks whose hook is implemented, at the newest version."""
    latest = versions(SOURCE_URL)[-1]
    parts = ["recipes/weight_noise", "hooks/training_step"]
    items = [
        Component("task", f"task_{number:04}", "nlp", "language_modeling", parts, latest)
        for number in range(count)
    ]
    answers = Answers(latest, SOURCE_URL, "tasks", items)
    for path, text in render(checkout(SOURCE_URL, latest), answers).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text.replace(STUB, FILLED))


def commit(project: Path) -> None:
    """Put a project under git, as Copier requires."""
    who = ["-c", "user.name=A. User", "-c", "user.email=user@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "work"]):
        subprocess.run(["git", *words], cwd=project, check=True)


if __name__ == "__main__":
    main()
