"""What tests of commands share: a process that runs them, with the stack imported once."""

import os
from collections.abc import Iterator

import pytest

from tests.helpers import command_worker
from tests.helpers.command_worker import Execute


@pytest.fixture(scope="module")
def execute() -> Iterator[Execute]:
    """Return a function that runs a command in a process that has imported the stack already."""
    with command_worker.started(os.environ) as execute:
        yield execute
