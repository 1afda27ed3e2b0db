"""Fixtures of the generator's tests."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ltscaffold.project import interpreter
from ltscaffold.templating import cache
from tests.helpers import warm


@pytest.fixture
def warm_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that are called in this process find the imports of Python done, too."""

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        return warm.run(command, cwd)

    monkeypatch.setattr(interpreter, "subprocess", SimpleNamespace(run=run))


@pytest.fixture
def cache_of_the_test() -> Iterator[None]:
    """Let a test choose the user's cache by variables of the environment."""
    cache.cache_root.cache_clear()
    yield
    cache.cache_root.cache_clear()
