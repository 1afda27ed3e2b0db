"""A model card has the facts of the run that belong to the checkpoint, and nothing private."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from huggingface_hub import constants

from lightning_transformers.models.backbone import Backbone
from lightning_transformers.reports.model_card import (
    Exported,
    backbone_licence,
    setting_rows,
    write_card,
)
from lightning_transformers.reports.run_files import RunFiles
from tests.helpers.hub import Hub
from tests.helpers.model_cards import card_of, files_with, intervals_in
from tests.helpers.pages import MANIFEST, run_folder
from tests.helpers.report_rows import tickets

HEAD = "transformers.AutoModelForSequenceClassification"
BEST = {"monitor": "val/loss", "mode": "min", "score": 1.25, "step": 20, "checkpoint": "x.ckpt"}
CHANGED = {
    "optimizer.lr": [5e-5, 1e-3],
    "trainer.default_root_dir": [None, "/home/alice/runs"],
    "logger.wandb.project": [None, "secret-project"],
    "backbone.tokenizer_name_or_path": [None, "/home/alice/models/mine"],
    "dataset.cache": [None, "~/alice/cache"],
    "task.note": [None, "a|b hf_secretsecretsecret"],
}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no card be looked up."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def written(
    folder: Path, step: int = 20, name: str = "base", best: dict[str, Any] = BEST, **dataset: Any
) -> str:
    """Write the card of a run with a test, and return it.

    Args:
        folder: gets the run in `run` and the card.
        step: the step of the exported checkpoint.
        name: the name of the backbone.
        best: the best checkpoint of the run.
        dataset: keys of the dataset in the config.
    """
    run = run_folder(folder / "run", tickets(), dataset=dataset)
    source = {"train": {"source": dataset.get("dataset_name"), "rows": 3, "digest": "2" * 64}}
    manifest: dict[str, Any] = {**MANIFEST, "best": best, "metrics": {"test/accuracy": 0.75}}
    manifest["changed"] = MANIFEST["changed"] | CHANGED
    manifest["data"] = source if dataset else MANIFEST["data"]
    (run / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    backbone = Backbone(name)
    write_card(folder, Exported("me/model", HEAD, backbone, step=step, run=RunFiles(run)))
    return (folder / "README.md").read_text()


def test_the_best_checkpoint_has_the_metrics_of_its_validation_and_of_the_test(
    tmp_path: Path,
) -> None:
    written(tmp_path)
    (accuracy,) = intervals_in(tmp_path).items()
    assert accuracy[0] == "test/accuracy"
    assert accuracy[1][1] < 0.75 < accuracy[1][2]
    results = {result.metric_name: result for result in card_of(tmp_path).data.eval_results}
    assert {name: result.metric_value for name, result in results.items()} == {
        "test/accuracy": 0.75,
        "val/loss": 1.25,
    }
    assert results["val/loss"].dataset_split == "validation"


def test_another_checkpoint_has_its_own_validation_only(tmp_path: Path) -> None:
    text = written(tmp_path, step=10)
    assert [r.metric_value for r in card_of(tmp_path).data.eval_results] == [1.5]
    assert intervals_in(tmp_path) == {}
    assert "bootstrap" not in text


def test_a_checkpoint_without_a_validation_has_no_metrics(tmp_path: Path) -> None:
    text = written(tmp_path, step=12)
    assert card_of(tmp_path).data.eval_results is None
    assert "## Evaluation" not in text


def test_nothing_private_is_in_it(tmp_path: Path) -> None:
    text = written(tmp_path)
    (tmp_path / "card").mkdir()
    (tmp_path / "card/README.md").write_text(text)
    private = ("alice", "/home", "abc123", "hf_secret", "/x/y", "secret-project", str(tmp_path))
    assert files_with(tmp_path / "card", *private) == []
    rows = re.findall(r"^\| `(\S+)` \| (.*) \|$", text.partition("## Training")[2], re.M)
    assert dict(rows) == {
        "optimizer.lr": "0.001",
        "backbone.tokenizer_name_or_path": "mine",
        "dataset.cache": "cache",
        "task.note": r"a\|b •••",
    }
    assert f"| train | train.csv | 12 | {'2' * 64} |" in text


def test_a_dataset_of_the_hub_is_named(tmp_path: Path) -> None:
    written(tmp_path, dataset_name="org/data")
    data = card_of(tmp_path).data
    assert data.datasets == ["org/data"]
    assert {result.dataset_type for result in data.eval_results} == {"org/data"}
    assert (data.base_model, data.base_model_relation) == ("base", "finetune")
    assert data.pipeline_tag == "text-classification"


def test_the_licence_is_that_of_the_backbone_in_a_folder(tmp_path: Path) -> None:
    base = tmp_path / "base-of-alice"
    base.mkdir()
    text = written(tmp_path / "a", name=str(base))
    assert "no card of `base-of-alice` with one was found" in text
    assert card_of(tmp_path / "a").data.license is None
    (base / "README.md").write_text("---\nlicense: other\nlicense_name: mine\n---\n")
    text = written(tmp_path / "b", name=str(base))
    data = card_of(tmp_path / "b").data
    assert (data.license, data.license_name, data.base_model) == ("other", "mine", None)
    assert "states the licence `mine`" in text
    assert str(base) not in text
    (base / "README.md").write_text("---\nlicense: [\n---\n")
    assert backbone_licence(Backbone(str(base))) == {}


def test_the_licence_of_a_backbone_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/README.md").write_text("---\nlicense: mit\n---\n")
    assert backbone_licence(Backbone("org/base")) == {}, "without access there is no card"
    with Hub() as hub:
        hub.add_model("org/base", tmp_path / "model")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(
            "lightning_transformers.reports.model_card.prepare_hub_access", lambda: None
        )
        found = backbone_licence(Backbone("org/base"))
    assert found == {"license": "mit"}


def test_a_group_that_was_empty_has_no_row_of_its_own() -> None:
    changed = {"peft": ({}, None), "peft.r": (None, 8)}
    run: Any = SimpleNamespace(manifest={"changed": changed})
    assert [key for key, _ in setting_rows(run)] == ["peft.r"]
