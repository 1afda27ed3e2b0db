"""The assets are what their script makes of the text."""

from pathlib import Path

import pytest

import build_assets
from tests.tree import tree


def test_tokenizer_and_config_are_rebuilt_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = tree(build_assets.ASSETS / "tiny")
    monkeypatch.setattr(build_assets, "TOKENIZER", tmp_path / "tokenizer")
    monkeypatch.setattr(build_assets, "GPT2", tmp_path / "gpt2")
    monkeypatch.setattr("sys.argv", ["build_assets.py"])
    build_assets.main()
    assert tree(tmp_path) == committed
