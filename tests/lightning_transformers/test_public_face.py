"""Public names are complete, imported on first use, and documented by examples that run."""

import re
import subprocess
import sys
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest

import lightning_transformers
from lightning_transformers import recipes
from tests.helpers.python_examples import executable, train_run

NAMES = {
    *("TaskTransformer", "TransformerDataModule", "Backbone", "Batch", "Loss"),
    *("train", "evaluate", "predict", "export", "load"),
}
MODULES = ("callbacks", "cli", "recipes", "task", "testing")
STACK = {"datasets", "pytorch_lightning", "torch", "transformers"}


def test_the_face_is_complete() -> None:
    assert set(lightning_transformers.__all__) == NAMES


@pytest.mark.parametrize("module", [lightning_transformers, recipes])
def test_each_name_is_imported(module: object) -> None:
    for name in module.__all__:  # type: ignore[attr-defined]
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'never'"):
        _ = module.never  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MODULES)
def test_each_public_module_is_imported(name: str) -> None:
    assert import_module(f"lightning_transformers.{name}").__doc__


def test_the_packages_load_no_torch_before_a_name_is_used() -> None:
    code = (
        "import sys\n"
        "from lightning_transformers import cli, recipes, task\n"
        f"loaded = {STACK} & {{*sys.modules}}\n"
        "assert not loaded, loaded\n"
        "from lightning_transformers import *\n"
        "from lightning_transformers.recipes import *\n"
        f"assert {STACK} <= {{*sys.modules}}\n"
        "assert 'peft' not in sys.modules\n"
        "assert load and freeze_backbone\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def example(name: str) -> str:
    """Return the indented code in the docstring of a public name."""
    text = getdoc(getattr(lightning_transformers, name)) or ""
    before_sections = re.split(r"^(?:Args|Attributes|Returns|Raises):", text, flags=re.MULTILINE)[0]
    return "\n".join(re.findall(r"^(?: {4}.*)?$", before_sections, re.MULTILINE)).strip("\n")


@pytest.mark.parametrize("name", sorted(NAMES - {"Batch"}))  # an alias has no docstring
def test_the_example_of_each_name_runs(name: str, project: Path, tmp_path: Path) -> None:
    code = "\n".join(line.removeprefix("    ") for line in example(name).splitlines())
    assert code, f"{name} has no example"
    if "outputs/run" in code:
        train_run()
    else:
        (project / "train.csv").write_text("text,label\n" + "a cat,animal\na log,thing\n" * 10)
    exec(executable(code, tmp_path / "bert"), {"__name__": __name__})
