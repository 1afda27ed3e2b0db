"""A file beside `train.py` that hides an installed module is named in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from lightning_transformers.shadowing import shadowing_modules
from tests.helpers.projects import new_project

HELP = (sys.executable, "train.py", "--help")


@pytest.mark.parametrize("module", ["yaml", "random", "re"])
def test_a_script_names_the_file(project: Path, module: str) -> None:
    new_project(project)
    (project / f"{module}.py").write_text("x = 1\n")
    done = subprocess.run(HELP, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"error: {module}.py in {project} hides the installed module {module}" in done.stderr
    assert done.stderr.endswith("rename the file\n")
    assert done.stderr.count("\n") == 1


def test_an_error_that_another_file_causes_is_left_alone(project: Path) -> None:
    (project / "colorsys.py").write_text("x = 1\n")
    code = "from lightning_transformers.shadowing import NamedShadowing\nwith NamedShadowing(): 1/0"
    (project / "script.py").write_text(code)
    done = subprocess.run(
        (sys.executable, "script.py"), cwd=project, capture_output=True, text=True, check=False
    )
    assert "ZeroDivisionError" in done.stderr.splitlines()[-1]


def test_only_installed_names_and_no_script_of_a_project(tmp_path: Path) -> None:
    for name in ("yaml.py", "evaluate.py", "mine.py", "test.py", "json.txt"):
        (tmp_path / name).touch()
    (tmp_path / "numpy").mkdir()
    assert shadowing_modules(str(tmp_path)) == {"yaml.py": "yaml"}
    (tmp_path / "numpy/__init__.py").touch()
    assert shadowing_modules(str(tmp_path)) == {"numpy": "numpy", "yaml.py": "yaml"}
