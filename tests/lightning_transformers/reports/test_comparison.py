"""Runs are compared on the terminal and in a page."""

import sys
from pathlib import Path

import pytest

from lightning_transformers import cli
from tests.helpers.pages import Page, run_folder


def compare(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["compare", *arguments])
    cli.compare()


def test_metrics_and_differences_stand_side_by_side(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, lr in (("one", 0.1), ("two", 0.2)):
        settings = {"lr": lr, "betas": [0.9, 0.99], "api_key": "geheim"}
        training = {"run_dir": str(project / name), "seed": 0}
        task = {"optimizer": settings}
        run_folder(Path(name), optimizer=settings, training=training, task=task)
    compare(monkeypatch, "one", "two")
    printed = capsys.readouterr().out
    assert "  metric        one    two\n  val/accuracy  0.750  0.750\n  val/loss " in printed
    assert "  setting       one  two\n  optimizer.lr  0.1  0.2\n" in printed
    assert "training.run_dir" not in printed
    page = Page(Path("comparison.html"))
    assert page.tables["Different settings"][1:] == [["optimizer.lr", "0.1", "0.2"]]
    assert [row[0] for row in page.tables["Last metrics"]] == ["metric", "val/accuracy", "val/loss"]
    assert page.text.count("<svg") == 2
    assert "geheim" not in page.text + printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one"], "error: give two runs or more (usage: compare <run folder>"),
        (["one", "none"], "error: 'none' does not exist"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    message: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_folder(Path("one"))
    with pytest.raises(SystemExit) as stopped:
        compare(monkeypatch, *arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(message)
