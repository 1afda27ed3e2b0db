"""Predictions are written to a file row by row, by all devices, and continue after a kill."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.predict import predict_from_config
from lightning_transformers.runs.results import prediction_file
from lightning_transformers.runs.results.prediction_file import (
    PartPredictor,
    RowBar,
    predict_inputs,
)
from tests.conftest import Run

SETTINGS = ("experiment=smoke", "training.run_dir=.", "+trainer.enable_progress_bar=false")
CLASSIFIER = ("task=nlp/text_classification", *SETTINGS)
ROWS = 10
SMALL = ("dataset.batch_size=1", "dataset.predict_file=in.csv")


def write_input() -> None:
    """Write ten rows, of which the third is blank, with a column that predictions have, too."""
    lines = [f"{number},{'' if number == 2 else f'text {number}'},old" for number in range(ROWS)]
    Path("in.csv").write_text("\n".join(["id,text,prediction", *lines]))


def predicted(*overrides: str) -> list[dict[str, Any]]:
    """Predict into `out.jsonl`, and return its rows."""
    predict_from_config(compose([*CLASSIFIER, *SMALL, "output_file=out.jsonl", *overrides]))
    return [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]


def test_a_row_of_the_file_is_a_row_of_the_output(project: Path) -> None:
    write_input()
    rows = predicted()
    assert [row["id"] for row in rows] == [str(number) for number in range(ROWS)]
    assert {row["input_prediction"] for row in rows} == {"old"}
    blank = rows.pop(2)
    assert blank["prediction"] is None
    assert "no text" in blank["error"]
    (single,) = predict_from_config(compose([*CLASSIFIER, "x=text 9"]))
    assert rows[-1]["prediction"] == single["label"]
    assert rows[-1]["score"] == pytest.approx(single["score"])
    for row in rows:
        classes = {name: p for name, p in row.items() if name.startswith("probability_")}
        assert sum(classes.values()) == pytest.approx(1)
        assert max(classes, key=lambda name: classes[name]) == f"probability_{row['prediction']}"
        assert row["error"] is None

    config = (*CLASSIFIER, *SMALL)
    predict_from_config(compose([*config, "output_file=out.csv"]))
    with Path("out.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["prediction"] for row in table if row["error"] == ""] == [
        row["prediction"] for row in rows
    ]
    predict_from_config(compose([*config, "output_file=out.parquet"]))
    empty = dict.fromkeys(rows[0])
    found = pq.read_table("out.parquet").to_pylist()
    assert found == [*rows[:2], empty | blank, *rows[2:]]


def test_a_killed_prediction_continues(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_input()
    whole, seen = predicted(), []

    def until_killed(task: Any, rows: Any, *rest: Any, **options: Any) -> list[Any]:
        seen.extend(row["id"] for row in rows)
        if len(seen) == ROWS:
            raise RuntimeError("killed")
        return predict_inputs(task, rows, *rest, **options)

    monkeypatch.setattr(prediction_file, "predict_inputs", until_killed)
    Path("out.jsonl").unlink()
    with pytest.raises(RuntimeError, match="killed"):
        predicted()
    assert not Path("out.jsonl").exists()
    assert predicted() == whole
    assert seen == [*map(str, range(ROWS)), "8", "9"]
    assert sorted(path.name for path in project.iterdir()) == ["in.csv", "out.jsonl"]


def test_rank_0_decides_where_the_parts_are(tmp_path: Path) -> None:
    """The caches of the ranks, and so the keys of their rows, may differ."""
    rows, data = Dataset.from_dict({"text": ["a"] * 20}), SimpleNamespace(batch_size=1)
    first, second = (PartPredictor(None, data, rows, {}, tmp_path / n) for n in "01")  # type: ignore[arg-type]
    first.missing = [8]
    decided: list[Any] = []

    def broadcast(value: object) -> object:
        decided.append(value)
        return decided[0]

    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(broadcast=broadcast))
    for predictor in (first, second):
        predictor._trainer = trainer
        predictor.setup("predict")
    assert (second.folder, second.missing) == (tmp_path / "0", [8])


def test_the_bar_counts_rows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_input()
    totals: list[float] = []
    shown: list[int] = []
    monkeypatch.setattr(RowBar, "disable", lambda bar: None)  # without a terminal
    monkeypatch.setattr(RowBar, "_add_task", lambda bar, total, *_, **__: totals.append(total) or 0)
    monkeypatch.setattr(RowBar, "_update", lambda bar, task, current, **_: shown.append(current))
    predicted("trainer.enable_progress_bar=true")
    assert (totals, shown) == ([10], [8, 10])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("output_file=out.txt", "does not end with .csv, .jsonl, .parquet"),
        ("+x=a text", "give dataset.predict_file instead of x"),
    ],
)
def test_a_mistake_is_found_before_the_model_is_built(override: str, message: str) -> None:
    config = compose([*CLASSIFIER, *SMALL, "output_file=out.csv", override])
    with pytest.raises(ConfigurationError, match=message):
        predict_from_config(config)


@pytest.mark.slow  # five commands
def test_several_devices_continue_after_each_kill(project: Path) -> None:
    lines = [f"{number},text {number}" for number in range(1000)]
    Path("in.csv").write_text("\n".join(["id,text", *lines]))
    command = [sys.executable, "-m", "lightning_transformers", "predict", *CLASSIFIER[:2], *SMALL]
    device = ("trainer.accelerator=cpu", "+trainer.enable_progress_bar=false")

    def start(file: str, devices: int) -> subprocess.Popen[str]:
        words = [*command, *device, f"output_file={file}", f"trainer.devices={devices}"]
        return subprocess.Popen(words, text=True, stderr=subprocess.PIPE)

    def errors(process: subprocess.Popen[str]) -> list[str]:
        _, printed = process.communicate(timeout=60)  # until no rank has the pipe open
        return [line for line in printed.splitlines() if line.startswith("error: ")]

    def kill(*ranks: int, parts: int) -> tuple[int, list[str]]:
        process = start("out.jsonl", 2)
        while len(list(project.glob(".out.jsonl.*/*.jsonl"))) < parts:
            assert process.poll() is None
            time.sleep(0.02)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        pids = (process.pid, *map(int, children.split()))
        for rank in ranks:
            os.kill(pids[rank], signal.SIGKILL)
        return process.wait(60), errors(process)

    whole = start("whole.jsonl", 1)
    assert (errors(whole), whole.returncode) == ([], 0)
    assert kill(0, 1, parts=20) == (-signal.SIGKILL, [])
    status, (line,) = kill(0, parts=40)
    assert status == -signal.SIGKILL
    assert line.startswith("error: rank 0 (process ")
    status, (line,) = kill(1, parts=60)
    assert status == 2
    assert line.startswith("error: rank 1 (process ")
    assert "was killed" in line
    assert "repeat the command" in line
    last = start("out.jsonl", 2)
    assert (errors(last), last.returncode) == ([], 0)
    assert Path("out.jsonl").read_text() == Path("whole.jsonl").read_text()
    assert not list(project.glob(".out*"))


@pytest.mark.slow
def test_several_devices_share_the_rows(run: Run) -> None:
    write_input()
    command = ("python", "-m", "lightning_transformers", "predict", *CLASSIFIER[:2], *SMALL)
    for devices in (1, 2):
        file = f"output_file={devices}.jsonl"
        done = run(*command, file, f"trainer.devices={devices}", "trainer.accelerator=cpu")
        assert done.returncode == 0, done.stderr
    assert Path("1.jsonl").read_text() == Path("2.jsonl").read_text() != ""
