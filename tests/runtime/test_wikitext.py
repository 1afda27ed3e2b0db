"""The dataset of the hub, through the real clients and a hub on the loopback interface."""

from pathlib import Path

from ltscaffold.commands.new_task import new_task
from tests.conftest import Run
from tests.hub import Hub, save_tiny_gpt2, text_dataset
from tests.runtime.corpus import TEXTS


def test_documented_command_trains_on_wikitext(project: Path, run: Run, tmp_path: Path) -> None:
    new_task(project, "mine", "language_modeling")
    save_tiny_gpt2(tmp_path / "gpt2")
    splits = {"train": TEXTS, "validation": TEXTS[:30], "test": TEXTS[:10]}
    with Hub() as hub:
        hub.add_dataset("Salesforce/wikitext", text_dataset("wikitext-2-raw-v1", splits))
        hub.add_model("gpt2", tmp_path / "gpt2")
        done = run(
            "python",
            "train.py",
            "task=nlp/mine",
            "dataset=nlp/language_modeling/wikitext",
            "trainer.accelerator=cpu",
            "hydra.run.dir=outputs/run",
            **hub.environment(tmp_path / "cache") | {"HF_HUB_OFFLINE": "0"},
        )
        asked = [path for _, path in hub.requests]
    assert done.returncode == 0, done.stderr
    assert any("wikitext" in path and path.endswith(".parquet") for path in asked)
    assert any("gpt2" in path and path.endswith(".safetensors") for path in asked)
    assert "val/perplexity" in (project / "outputs/run/metrics.csv").read_text()
