"""Paths that are not UTF-8, and terminals that are not: every command works and prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.slow import sampled

POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
WORLDS = {
    "path": (b"pro\xffject", {"LC_ALL": "C.UTF-8"}),
    "posix": ("projét".encode(), POSIX),
    "both": (b"pro\xffject", POSIX),
}
COMMANDS = [
    ("new-task mine --base language_modeling --hook training_step", 0),
    ("status", 0),
    ("check", 1),
    ("check --json", 1),
    ("list hooks", 0),
    ("add mine --recipe weight_noise --dry-run", 0),
    ("add mine --recipe weight_noise --diff", 0),
    ("add mine --recipe weight_noise --json", 0),
    ("undo", 0),
    ("rename mine other", 0),
    ("update", 0),
    ("undo", 0),
    ("undo --json", 0),
    ("undo", 3),
    ("explain mine", 0),
    ("remove mine", 3),
    ("new-task é --base language_modeling", 2),
    ("template eject hooks/training_step", 0),
    ("template extract-patch mine", 0),
    ("remove mine --force", 0),
]
CHILD = f"""
import os, pathlib, sys
from ltscaffold.cli.app import main
for number, (command, expected) in enumerate({COMMANDS!a}):
    sys.argv = ["ltscaffold", *command.split()]
    try:
        status = main()
    except SystemExit as error:
        status = error.code or 0
    assert status == expected, (command, status)
    if not number:
        model = pathlib.Path("tasks/mine/model.py")
        text = model.read_text("utf-8").replace("Model of the task", "Mod\\xe9le of the task")
        model.write_text(text, "utf-8")
        code = b"from lightning_transformers.core.losses import Loss\\n"
        pathlib.Path(os.fsdecode(b"tasks/mine/h\\xff.py")).write_bytes(code)
        pathlib.Path(os.fsdecode(b"conf/x\\xff.yaml")).write_bytes(b"a: mine\\n")
"""


@pytest.mark.parametrize("world", sampled(WORLDS, ["both"]))
def test_every_command(world: str, tmp_path: Path) -> None:
    name, variables = WORLDS[world]
    project = os.path.join(os.fsencode(tmp_path), name)
    os.mkdir(project)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=project,
        env=os.environ | variables,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert sorted(os.listdir(os.path.join(project, b"tasks"))) == [b"__init__.py", b"mine"]
    assert b"tasks/mine/model.py" in done.stdout
