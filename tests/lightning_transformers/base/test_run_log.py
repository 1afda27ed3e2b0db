"""The log of a command has all frames of an error, also where no Hydra job writes it."""

import logging
from pathlib import Path

import pytest

from lightning_transformers.base.run_log import log_failure, logged_to

LOG = logging.getLogger("lightning_transformers.run")


@log_failure()
def fails() -> None:
    """Log lines, and raise an error."""
    LOG.info("a line")
    LOG.warning("a warning")
    raise KeyError("mine")


def test_a_failure_is_logged_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run/train.log"
    before = logging.root.level, [*logging.root.handlers]
    with pytest.raises(KeyError), logged_to(file):
        fails()
    assert (logging.root.level, [*logging.root.handlers]) == before
    written = file.read_text()
    assert "[INFO] - a line" in written
    assert 'raise KeyError("mine")' in written
    assert capsys.readouterr().err == "a warning\n"
