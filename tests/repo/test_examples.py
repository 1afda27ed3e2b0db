"""The committed examples equal the present output of the generator with edits, and train."""

import shutil
from pathlib import Path

import pytest
from edits import EXAMPLES

from build_tools.release_templates import ROOT
from tests.conftest import Run
from tests.helpers.tree import tree

GENERATED = ROOT / "generated_examples"
CACHES = shutil.ignore_patterns("__pycache__", ".*_cache", "outputs")


def test_every_folder_is_an_example() -> None:
    folders = {path.name for path in GENERATED.iterdir() if (path / "conf").is_dir()}
    assert folders == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_a_fresh_render(name: str, project: Path, tmp_path: Path) -> None:
    EXAMPLES[name].generate(project)
    shutil.copytree(GENERATED / name, tmp_path / "committed", ignore=CACHES)
    assert tree(project) == tree(tmp_path / "committed"), "run make examples"


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_passes_its_own_tests(name: str, project: Path, run: Run) -> None:
    shutil.copytree(GENERATED / name, project, dirs_exist_ok=True, ignore=CACHES)
    done = run("pytest", "--quiet", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
