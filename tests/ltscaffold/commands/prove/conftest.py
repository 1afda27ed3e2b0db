"""Fixtures of the tests of proofs."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from ltscaffold.commands.prove import repeat
from tests.helpers import warm


@pytest.fixture
def warm_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let repeated runs find the imports of Python done."""

    def run(
        command: list[str], cwd: Path, env: dict[str, str], **_: object
    ) -> subprocess.CompletedProcess[str]:
        return warm.run(command, cwd, env)

    monkeypatch.setattr(repeat, "subprocess", SimpleNamespace(run=run, DEVNULL=None))
