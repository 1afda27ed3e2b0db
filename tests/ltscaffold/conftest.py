"""Commands of these tests find their imports done."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from ltscaffold.project import interpreter
from tests.conftest import Run
from tests.helpers import warm


@pytest.fixture
def run(project: Path) -> Run:
    """Return a function that runs a command in the project and returns what it did."""

    def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return warm.run(command, project, os.environ | environment)

    return run


@pytest.fixture
def warm_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that are called in this process find the imports of Python done, too."""

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        return warm.run(command, cwd)

    monkeypatch.setattr(interpreter, "subprocess", SimpleNamespace(run=run))
