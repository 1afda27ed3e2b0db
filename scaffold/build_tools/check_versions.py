"""Test the oldest and the newest release of each dependency that pyproject.toml accepts.

    python -m build_tools.check_versions [oldest | newest] [--python 3.11 3.13]

uv resolves them from the index and installs them in build/versions, where the quickstart runs, and
tests of what depends most on the releases. With UV_TORCH_BACKEND=cpu, uv takes the builds of torch
for the CPU.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, distributions
from itertools import product
from pathlib import Path

from build_tools.environments import create, run, run_quickstart
from build_tools.release_templates import ROOT

RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
FOLDER = ROOT / "build/versions"
SHOWN = ("torch", "transformers", "datasets", "peft", "pytorch-lightning", "hydra-core", "pydantic")
RUNTIME = "tests/lightning_transformers"
TESTS = (
    f"{RUNTIME}/config/schema/test_releases.py",
    f"{RUNTIME}/core/test_former_forms.py",
    f"{RUNTIME}/models/test_adapters.py",
    f"{RUNTIME}/runs/test_every_task.py",
    f"{RUNTIME}/task/nlp/language_modeling/test_large_vocabulary.py",
    f"{RUNTIME}/training/test_lightning_internals.py",
    f"{RUNTIME}/training/test_optimizers.py",
    "tests/ltscaffold/commands/create",
)
"""Tests of private parts of libraries, and a training, prediction and export of each task."""


def main() -> None:
    """Test from the command line; the exit status is 1 if an environment fails."""
    rows = [row(releases, python) for python, releases in chosen(sys.argv[1:])]
    print("| Python | releases |", " | ".join(SHOWN), "| result |")
    print("|---" * (len(SHOWN) + 3) + "|")
    for cells in rows:
        print("|", " | ".join(cells), "|")
    raise SystemExit(any(cells[-1] != "passed" for cells in rows))


def chosen(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return the versions of Python and the releases that a command line chooses."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("releases", nargs="?", choices=[*RESOLUTIONS])
    parser.add_argument("--python", nargs="+", default=["3.11"], metavar="VERSION")
    options = parser.parse_args(arguments)
    return [*product(options.python, [options.releases] if options.releases else RESOLUTIONS)]


def row(releases: str, python: str) -> list[str]:
    """Test an environment and return its row of the table."""
    folder = FOLDER / f"{releases}-{python}"
    try:
        check(folder, releases, python)
    except subprocess.CalledProcessError as error:
        result = f"failed: {error.cmd[0]} {' '.join(error.cmd[1:3])}"
    else:
        result = "passed"
    installed = versions(folder)
    return [python, releases, *(installed.get(name, "–") for name in SHOWN), result]


def check(folder: Path, releases: str, python: str) -> None:
    """Install the releases in a folder, and run the quickstart and the tests there.

    Raises:
        CalledProcessError: if a command fails.
    """
    editable = ["--resolution", RESOLUTIONS[releases], "--editable", f"{ROOT}[dev]"]
    scripts = create(folder, python, editable)
    run_quickstart(scripts)
    run(["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS], ROOT, scripts)


def versions(folder: Path) -> dict[str, str]:
    """Return the version of each distribution in an environment, by its normalized name."""
    paths = [str(path) for path in folder.glob("lib/python*/site-packages")]
    found: list[Distribution] = [*distributions(path=paths)]
    return {each.name.lower().replace("_", "-"): each.version for each in found}


if __name__ == "__main__":
    main()
