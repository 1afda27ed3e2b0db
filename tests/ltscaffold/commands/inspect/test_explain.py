"""`ltscaffold explain` runs Python in a project without running the project's own modules."""

from pathlib import Path

import pytest

from ltscaffold.commands.inspect.explain import explain
from ltscaffold.project.interpreter import run_python
from tests.helpers.projects import new_task

SHADOWED = ("yaml", "hydra", "json", "typing_extensions")


@pytest.mark.parametrize("module", SHADOWED)
def test_a_module_of_the_project_shadows_no_other(project: Path, module: str) -> None:
    new_task(project, "mine", "language_modeling")
    (project / f"{module}.py").write_text("open('imported', 'w')\n")
    keys = {row["key"] for row in explain(project, "mine")}
    assert "trainer.max_epochs" in keys
    assert not (project / "imported").exists()


def test_python_without_the_safe_path_would_run_it(project: Path) -> None:
    (project / "yaml.py").write_text("print('shadowed')\n")
    assert run_python(project, "-c", "import yaml").stdout == ""
    assert run_python(project, "-c", "import sys; sys.path.insert(0, ''); import yaml").stdout
