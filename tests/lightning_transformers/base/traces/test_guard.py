"""A guarded process reads a folder, and does not write to it, directly or through a link."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.tree import tree

WRITES = {
    "open": "open('copy/data/rows.csv', 'a')",
    "open of a linked file": "open('copy/rows.csv', 'w')",
    "create": "open('copy/data/new.csv', 'x')",
    "absolute path": "(project / 'new.csv').touch()",
    "make a folder": "(project / 'data/new').mkdir()",
    "remove": "(project / 'rows.csv').unlink()",
    "remove through a link": "Path('copy/data/rows.csv').unlink()",
    "remove a tree": "shutil.rmtree(project / 'data')",
    "move out": "(project / 'rows.csv').rename('rows.csv')",
    "move in": "Path('mine').touch(); Path('mine').rename(project / 'mine')",
    "link": "(project / 'link').symlink_to('rows.csv')",
    "truncate": "os.truncate('copy/rows.csv', 0)",
    "in a module": "open(project / 'new', 'w')",
    "time": "os.utime('copy/rows.csv', (1, 1))",
}
ALLOWED = [
    "assert open('copy/rows.csv').read() == 'text'",
    "assert Path('copy/data/rows.csv').read_text() == 'text'",
    "Path('copy/new').mkdir(); Path('copy/new/file').write_text('text')",
    "Path('copy/rows.csv').unlink(); Path('copy/rows.csv').write_text('other')",
    "Path(f'{project}-2').mkdir()",
    "assert sys.argv == ['mine.py', 'a', '-m'], sys.argv",
]


@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_refused(name: str, tmp_path: Path) -> None:
    project = make_folders(tmp_path)
    before = tree(project)
    done = guarded(tmp_path, WRITES[name], as_module=name == "in a module")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("PermissionError: [Errno 13] a repetition must not write to the project")
    assert f"'{project.resolve()}" in last
    assert tree(project) == before


def test_all_else_is_allowed(tmp_path: Path) -> None:
    project = make_folders(tmp_path)
    before = tree(project)
    done = guarded(tmp_path, "\n".join(ALLOWED))
    assert done.returncode == 0, done.stderr
    assert tree(project) == before


def make_folders(folder: Path) -> Path:
    """Return a project, beside a copy that links its data."""
    project, copy = folder / "project", folder / "copy"
    (project / "data").mkdir(parents=True)
    copy.mkdir()
    for path in ("rows.csv", "data/rows.csv"):
        (project / path).write_text("text")
    for name in ("rows.csv", "data"):
        (copy / name).symlink_to(project / name)
    return project


def guarded(folder: Path, code: str, as_module: bool = False) -> subprocess.CompletedProcess[str]:
    """Run code that must not write to the project."""
    start = "import os, shutil, sys\nfrom pathlib import Path\n"
    (folder / "mine.py").write_text(f"{start}project = Path('project').resolve()\n{code}")
    command = ["-m", "mine"] if as_module else ["mine.py"]
    module = "lightning_transformers.base.traces.guard"
    return subprocess.run(
        [sys.executable, "-m", module, "project", *command, "a", "-m"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
