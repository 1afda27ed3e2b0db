"""The trace of a run that a proof repeats."""

from pathlib import Path

import pytest

from lightning_transformers.base.traces.format import TRACE, Entry, TraceRequest
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.results.trace import TraceRecorder
from lightning_transformers.runs.train import train_and_record

SETTINGS = (
    *("task=nlp/text_classification", "experiment=smoke", "trainer.limit_val_batches=1"),
    *("trainer.limit_train_batches=2", "trainer.log_every_n_steps=2"),
)


class EndedError(Exception):
    """The process would end here."""


@pytest.mark.parametrize(("steps", "validations"), [(1, 0), (2, 1)])
def test_a_trace_has_the_validation_after_its_last_step(
    steps: int, validations: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries: list[Entry] = []

    def end_process(recorder: TraceRecorder) -> None:
        entries.extend(recorder.comparison.trace.entries)
        raise EndedError

    request = tmp_path / "request.json"
    TraceRequest(str(tmp_path / "trace.json"), steps=steps).write(request)
    monkeypatch.setenv(TRACE, str(request))
    monkeypatch.setattr(TraceRecorder, "end_process", end_process)
    settings = [*SETTINGS, "training.validate_before_fit=false"]
    with pytest.raises(EndedError):
        train_and_record(compose([*settings, f"training.run_dir={tmp_path / 'run'}"]))
    found = [(entry.step, entry.metric) for entry in entries]
    assert max(step for step, _ in found) <= steps
    assert [metric for _, metric in found].count("val/loss") == validations
    assert [metric for _, metric in found].count("train/loss") == steps // 2
