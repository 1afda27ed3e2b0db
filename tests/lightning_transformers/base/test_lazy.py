"""Imports without the garbage collector."""

import gc
import sys
from pathlib import Path

import pytest

from lightning_transformers.base.lazy import import_uncollected


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "collector_state.py").write_text("import gc\nwas_on = gc.isenabled()\n")
    (tmp_path / "collector_fails.py").write_text("raise ValueError('a mistake')\n")
    return tmp_path


def test_collector_is_off_during_the_import_only(modules: Path) -> None:
    before = gc.get_freeze_count()
    try:
        import_uncollected("collector_state")
        import collector_state  # type: ignore[import-not-found]

        frozen = gc.get_freeze_count()
        import_uncollected("collector_state")
        assert before < gc.get_freeze_count() <= frozen  # an object may be gone
    finally:
        gc.unfreeze()
        del sys.modules["collector_state"]
    assert not collector_state.was_on
    assert gc.isenabled()


def test_collector_is_on_after_an_error(modules: Path) -> None:
    with pytest.raises(ValueError, match="a mistake"):
        import_uncollected("collector_fails")
    assert gc.isenabled()


def test_collector_that_the_caller_has_disabled_stays_off(modules: Path) -> None:
    gc.disable()
    try:
        import_uncollected("collector_state")
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
        del sys.modules["collector_state"]
