"""Commands of these tests find their imports done."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.helpers import warm


@pytest.fixture
def run(project: Path) -> Run:
    """Return a function that runs a command in the project and returns what it did."""

    def run(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return warm.run(command, project, os.environ | environment)

    return run
