"""Commands that are timed in turn, environments of peers, tables in Markdown."""

import itertools
import os
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

PEERS = Path(__file__).resolve().parents[1] / "demo" / "peers"
"""Folder of the environments in which other programs are installed; git ignores it."""

NUMBERS = itertools.count()


@dataclass
class Command:
    """A command to measure.

    Attributes:
        name: its row in the table.
        words: the program and its arguments; `NAME` in them is a new name at each run.
        folder: the working directory.
        environment: variables to add.
        seconds: the wall time of each run.
    """

    name: str
    words: Sequence[str | Path]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def run(self, keep: bool = True) -> None:
        """Run the command; keep its time."""
        name = f"task_{next(NUMBERS)}"
        words = [str(word).replace("NAME", name) for word in self.words]
        start = time.perf_counter()
        subprocess.run(
            words,
            cwd=self.folder,
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        if keep:
            self.seconds.append(time.perf_counter() - start)

    @property
    def median(self) -> float:
        """The median of the wall times."""
        return median(self.seconds)

    @property
    def cell(self) -> str:
        """The median with the least and the greatest value, in seconds."""
        return f"{self.median:.3f} ({min(self.seconds):.3f}–{max(self.seconds):.3f})"


def in_turn(commands: Sequence[Command], rounds: int) -> None:
    """Run each command once unmeasured, then all of them in turn, so that load hits all alike."""
    for command in commands:
        command.run(keep=False)
    for _ in range(rounds):
        for command in commands:
            command.run()


def python_peer(package: str) -> Path:
    """Return the folder of programs of an environment with a package from PyPI alone."""
    folder = PEERS / package
    if not (folder / "bin" / package).exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", package)
        subprocess.run(pip, check=True)
    return folder / "bin"


def npm_peer(package: str) -> Path:
    """Return the folder of programs of a package from npm."""
    folder = PEERS / "npm"
    if not (folder / "node_modules" / package).exists():
        options = ("--silent", "--no-fund", "--prefix", str(folder))
        subprocess.run(("npm", "install", *options, package), check=True)
    return folder / "node_modules" / ".bin"


def printed(*command: str | Path) -> str:
    """Return the output of a command."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def heading(title: str, module: str, *peers: str) -> str:
    """Return the head of a table: the command, the machine, the versions and the date."""
    ours = ", ".join(f"{name} {version(name)}" for name in ("ltscaffold", "typer", "jinja2"))
    load = os.getloadavg()[0]
    machine = f"{os.cpu_count()} processors ({platform.machine()}, {platform.system()})"
    return (
        f"# {title}\n\n    python -m benchmarks.{module}\n\n"
        f"{date.today()}, {machine}, load {load:.1f} at the end, "
        f"Python {platform.python_version()}; {', '.join((ours, *peers))}. "
        "Wall seconds: median (least–greatest).\n"
    )


def write(module: str, lines: Sequence[str]) -> None:
    """Write a table to its file beside the benchmarks, and print it."""
    text = "\n".join(lines) + "\n"
    Path(__file__).with_name(f"{module}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
