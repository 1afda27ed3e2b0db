"""Fixtures of the tests of proofs."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ltscaffold.commands.prove import repeat
from tests.helpers import warm


@pytest.fixture
def warm_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let repeated runs find the imports of Python done."""

    def run(
        command: list[str], folder: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return warm.run(command, folder, {**os.environ, **environment})

    monkeypatch.setattr(repeat, "run_in_group", run)
