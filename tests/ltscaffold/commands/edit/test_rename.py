"""`rename` renames what refers to the component, and lists other mentions of its name."""

from pathlib import Path

import pytest

from ltscaffold.commands.inspect.check import check
from ltscaffold.errors import ScaffoldError
from ltscaffold.project.references import Paths, rename_in_python
from tests.conftest import Run
from tests.helpers.projects import new_callback, new_task, rename, undo
from tests.helpers.tree import tree

EXPERIMENT = """# @package _global_
# as in nlp/linear
defaults:
  - override /task: nlp/linear
dataset:
  train_file: /data/nlp/linear.csv
extra:
  _target_: torch.nn.Linear
  helper: tasks.linear.utils.scale
  named: "tasks.linear.model.LinearTransformer"
"""


@pytest.fixture
def linear(project: Path) -> Path:
    """Return a project with a task whose name is a common word, edited and with files beside it."""
    new_task(project, "linear", "language_modeling", ["build_model"])
    model = project / "tasks/linear/model.py"
    text = model.read_text()
    text = text.replace(
        "from transformers import",
        "from tasks.linear.utils import scale\nfrom torch import nn\nfrom transformers import",
    )
    text = text.replace(
        "return super().build_model()",
        "model = super().build_model()\n"
        "        model.extra = nn.Linear(4, scale)\n"
        '        model.source = "/data/nlp/linear.csv"\n'
        "        assert isinstance(self, LinearTransformer)\n"
        "        return model",
    )
    model.write_text(text)
    (project / "tasks/linear/utils.py").write_text("from . import notes\nscale = 1\n")
    (project / "tasks/linear/notes").mkdir()
    (project / "tasks/linear/notes/linear.txt").write_bytes(b"\xff linear")
    (project / "tasks/linear/run.sh").write_text("#!/bin/sh\n")
    (project / "tasks/linear/run.sh").chmod(0o755)
    (project / "conf/experiment").mkdir()
    (project / "conf/experiment/big.yaml").write_text(EXPERIMENT)
    (project / "Makefile").write_text("train:\n\tpython train.py +task=nlp/linear\n")
    (project / "README.md").write_text("Linear models.\nSee tasks/linear/model.py.\n")
    return project


def test_only_references_to_the_component_are_renamed(linear: Path, run: Run) -> None:
    before = tree(linear)
    plan = rename(linear, "linear", "probe")
    model = (linear / "tasks/probe/model.py").read_text()
    assert "nn.Linear(4, scale)" in model
    assert "from tasks.probe.utils import scale" in model
    assert "class ProbeTransformer(" in model
    assert "isinstance(self, ProbeTransformer)" in model
    assert '"/data/nlp/linear.csv"' in model
    assert (linear / "conf/experiment/big.yaml").read_text() == (
        EXPERIMENT.replace("/task: nlp/linear", "/task: nlp/probe")
        .replace("tasks.linear.", "tasks.probe.")
        .replace("LinearTransformer", "ProbeTransformer")
    )
    assert not (linear / "tasks/linear").exists()
    assert (linear / "tasks/probe/notes/linear.txt").read_bytes() == b"\xff linear"
    assert (linear / "tasks/probe/run.sh").stat().st_mode & 0o111
    mentions = {note.rpartition(": ")[0] for note in plan.notes}
    places = {"conf/experiment/big.yaml:2", "conf/experiment/big.yaml:6"}
    places |= {"Makefile:2", "README.md:2"}
    assert places <= mentions
    assert "README.md:1" not in mentions
    assert not check(linear, "probe")
    undo(linear)
    assert tree(linear) == before


@pytest.mark.parametrize("path", ["tasks/probe.py", "tasks/callbacks/probe/__init__.py"])
def test_a_module_that_would_be_hidden_is_named(path: str, project: Path) -> None:
    if "callbacks" in path:
        new_callback(project, "linear")
    else:
        new_task(project, "linear", "language_modeling")
    (project / path).parent.mkdir(exist_ok=True)
    (project / path).write_text("x = 1\n")
    before = tree(project)
    with pytest.raises(ScaffoldError, match=f"^{path} exists and was not generated"):
        rename(project, "linear", "probe")
    assert tree(project) == before


PATHS = Paths({"tasks.a": "tasks.b", "tasks.a.model.A": "tasks.b.model.B"})
CASES = [
    ("own", "from tasks.a.model import A|A()", "from tasks.b.model import B|B()"),
    ("own", "from tasks.a.model import A as X|X.A", "from tasks.b.model import B as X|X.A"),
    ("own", "import tasks.a.model|tasks.a.model.A.a", "import tasks.b.model|tasks.b.model.B.a"),
    ("own", "from tasks import a|a.model.A|a.x", "from tasks import b|b.model.B|b.x"),
    ("own", "from tasks import a|b = a.x", "from tasks import b as a|b = a.x"),
    ("own", "from torch import A|A|a = 1", "from torch import A|A|a = 1"),
    ("own", "from tasks.a.model import A|lambda A: A", "from tasks.b.model import B|lambda A: A"),
    ("tasks.c.model", "from ..a.model import A", "from ..b.model import B"),
    ("tasks.a.__init__", "from .model import A|A", "from .model import B|B"),
    ("tasks.a.model", "class A:|  def f(self): A", "class B:|  def f(self): B"),
    ("own", "class A: ...", "class A: ..."),
    ("own", "def broken(:|    tasks.a", "def broken(:|    tasks.a"),
]


@pytest.mark.parametrize(("module", "code", "expected"), CASES)
def test_python_is_renamed_by_scope(module: str, code: str, expected: str) -> None:
    """A bar stands for the end of a line."""
    lines = code.replace("|", "\n")
    assert rename_in_python(lines, module, PATHS) == expected.replace("|", "\n")
