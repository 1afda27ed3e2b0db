"""Tests of the record in a run folder, and of the reported differences from it."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, concatenate_datasets
from fsspec.implementations.local import LocalFileSystem
from PIL import Image
from transformers import ViTImageProcessor

from lightning_transformers.base.run_folder import REQUIRED_KEYS, read_manifest
from lightning_transformers.config.compose import compose
from lightning_transformers.runs.logged_metrics import compare, logged
from lightning_transformers.runs.manifest.differences import (
    changed_data,
    changed_files,
    changed_git,
    changed_values,
)
from lightning_transformers.runs.manifest.digests import digest_of, digest_of_rows
from lightning_transformers.runs.manifest.git import git_state
from lightning_transformers.runs.manifest.sources import data_of
from lightning_transformers.runs.train import train_from_config
from lightning_transformers.task.nlp.language_modeling import LanguageModelingDataModule
from lightning_transformers.task.vision.image_classification import ImageClassificationDataModule
from tests.helpers.corpus import TEXTS, write_csv
from tests.helpers.language_modeling import TINY, TOKENIZER

BLOCKS = {"block_size": 32}


def test_a_run_is_recorded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what the environment variables hold, which may be secrets."""
    monkeypatch.setenv("SOME_API_KEY", "hunter2")
    write_csv(project / "train.csv")
    config = compose(
        [
            "task=nlp/language_modeling",
            "experiment=smoke",
            "dataset.train_file=train.csv",
            "dataset.block_size=32",
            "dataset.revision=${oc.env:SOME_API_KEY}",
            "training.seed=3",
            "trainer.max_epochs=1",
            "trainer.limit_train_batches=1",
            "training.run_dir=run",
        ]
    )
    metrics = train_from_config(config)
    file = project / "run/manifest.yaml"
    assert config.dataset.revision == "hunter2"
    assert "hunter2" not in file.read_text() + (project / "run/config.yaml").read_text()
    manifest = read_manifest(file)
    outcome = {"status", "reason", "best", "loggers", "metrics", "changed"}
    assert manifest.keys() == {*REQUIRED_KEYS, *outcome}
    assert manifest["metrics"] == metrics, "with all their digits"
    assert manifest["directory"] == str(project)
    assert manifest["seeds"] == {"training": 3, "dataset": 3}
    assert manifest["config"] == digest_of(project / "run/config.yaml")
    assert manifest["versions"].keys() >= {"python", "torch", "numpy", "ltscaffold"}
    assert manifest["training"]["threads"] == 1
    assert manifest["training"]["device"] == "cpu"
    assert manifest["git"] is None
    assert manifest["code"].keys() > {"lightning_transformers", __file__}
    assert manifest["inputs"][f"{TINY}/gpt2"]
    train = manifest["data"]["train"]
    assert train["source"] == "train.csv"
    assert train["digest"] == hashlib.sha256((project / "train.csv").read_bytes()).hexdigest()
    assert manifest["data"]["validation"]["source"] == "held out"


def recorded(data: LanguageModelingDataModule | ImageClassificationDataModule) -> dict[str, Any]:
    data.setup("fit")
    return data_of(data)


def test_rows_are_told_apart_where_no_file_is_named(tmp_path: Path) -> None:
    class Made(LanguageModelingDataModule):
        """Rows that come from nowhere."""

        lines = TEXTS

        def load_dataset(self) -> Any:
            return {"train": Dataset.from_dict({"text": self.lines})}

    one, same = (recorded(Made(TOKENIZER, **BLOCKS)) for _ in range(2))
    assert one == same
    assert one["train"]["source"] == "Made"
    Made.lines = [*TEXTS[:-1], "Another text."]
    other = recorded(Made(TOKENIZER, **BLOCKS))
    assert list(changed_data(one, other))


def test_rows_that_a_setup_keeps_elsewhere_are_not_known() -> None:
    class Elsewhere(LanguageModelingDataModule):
        """Has a `setup` that leaves out that of the base."""

        def setup(self, stage: str) -> None:
            self.rows = self.build_dataset()

    data = Elsewhere(TOKENIZER, dataset_name="sample", **BLOCKS)
    data.setup("fit")
    assert data_of(data) == {}


def test_rows_are_the_same_however_they_lie_in_memory() -> None:
    """A fingerprint of `datasets` depends on how rows were made."""
    rows = Dataset.from_dict({"text": TEXTS, "number": [*range(len(TEXTS) - 1), None]})
    parts = concatenate_datasets([rows.take(7), rows.skip(7)])
    shuffled = rows.shuffle(0)
    places = np.argsort([text if text is not None else 119 for text in shuffled["number"]])
    back = shuffled.select(places)
    assert digest_of_rows(rows) == digest_of_rows(parts) == digest_of_rows(back)
    assert len({rows._fingerprint, parts._fingerprint, back._fingerprint}) == 3
    assert digest_of_rows(rows) != digest_of_rows(shuffled)
    assert digest_of_rows(rows) != digest_of_rows(rows.rename_column("text", "body"))


def test_an_image_that_a_file_names_counts(project: Path) -> None:
    for name, color in (("a", "red"), ("b", "blue")):
        Image.new("RGB", (8, 8), color).save(project / f"{name}.png")
    (project / "train.csv").write_text("image,label\na.png,warm\nb.png,cold\n")
    values = {"train_file": "train.csv", "validation_file": "train.csv"}
    processor = ViTImageProcessor(size={"height": 8, "width": 8})
    before, same = (recorded(ImageClassificationDataModule(processor, **values)) for _ in "ab")
    assert before == same
    Image.new("RGB", (8, 8), "green").save(project / "a.png")
    after = recorded(ImageClassificationDataModule(processor, **values))
    assert "the train set (train.csv) has changed" in "".join(changed_data(before, after))


@pytest.mark.parametrize("streaming", [False, True])
def test_urls_are_recorded_with_their_version(
    streaming: bool, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(project / "train.csv")
    url = f"file://{project.resolve()}/train.csv"
    names = {"train_file": ["train.csv", url], "validation_file": "train.csv"}
    versions = []
    for etag in ("a", "b"):
        monkeypatch.setattr(LocalFileSystem, "info", lambda self, path, tag=etag: {"ETag": tag})
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
        data = LanguageModelingDataModule(TOKENIZER, **names, **BLOCKS, streaming=streaming)
        versions.append(recorded(data))
        assert versions[-1]["train"]["urls"] == {url: etag}
    assert "the train set (train.csv, file://" in "".join(changed_data(*versions))


def test_digest_of_a_folder_is_of_names_and_contents(tmp_path: Path) -> None:
    digests = []
    for name, content in (("a", "1"), ("b", "1"), ("b", "2")):
        folder = tmp_path / f"{len(digests)}"
        (folder / "below").mkdir(parents=True)
        (folder / "below" / name).write_text(content)
        digests.append(digest_of(folder))
    assert len({*digests}) == 3
    assert digest_of(tmp_path / "nowhere") is None


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def test_git_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_state(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == {"commit": None, "changes": None}
    (tmp_path / "a.py").write_text("1\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    clean = git_state(tmp_path)
    assert clean is not None
    assert len(clean["commit"] or "") == 40
    assert clean["changes"] is None
    (tmp_path / "data.csv").write_text("no source\n")
    assert git_state(tmp_path) == clean
    (tmp_path / "a.py").write_text("2\n")
    edited = git_state(tmp_path)
    (tmp_path / "new.py").write_text("3\n")
    added = git_state(tmp_path)
    (tmp_path / "new.py").write_text("4\n")
    states = [clean, edited, added, git_state(tmp_path)]
    assert len({str(state) for state in states}) == 4
    assert list(changed_git(added, states[-1])) == [
        "git: uncommitted changes: some then, other ones now"
    ]
    (tmp_path / ".#a.py").symlink_to("user@host.1")  # as Emacs locks a file
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).write_text("5\n")
    assert git_state(tmp_path) not in states
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) is None
    (line,) = changed_git(clean, None)
    assert line == f"git: commit {(clean['commit'] or '')[:12]} then, none now"


def test_differences_are_said_in_words() -> None:
    then = {"torch": "2.13.0", "gone": "1.0", "same": "1"}
    assert list(changed_values(then, {"torch": "2.14.0", "gone": None, "same": "1"})) == [
        "torch 2.13.0 then, 2.14.0 now",
        "gone 1.0 then, none now",
    ]
    files = {"a.py": "1", "b.py": "2", "c.py": "3"}
    assert list(changed_files(files, {"a.py": "1", "b.py": "3", "c.py": None})) == [
        "b.py has changed",
        "c.py is gone",
    ]
    rows = {"source": "a.csv", "rows": 3, "digest": "d" * 64}
    more = rows | {"rows": 4, "digest": "e" * 64}
    assert list(changed_data({"train": rows, "test": rows}, {"train": more})) == [
        "the train set (a.csv) has changed: 3 rows dddddddddddd then, 4 rows eeeeeeeeeeee now",
        "the test set (a.csv) is gone",
    ]


def write_table(folder: Path, name: str, *rows: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(["step,train/loss,throughput/rate,val/loss", *rows, ""]))


def test_the_last_bit_counts_and_a_rate_does_not(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    write_table(one, "metrics.csv", "0,0.3,100.0,", "9,0.2,101.0,", "9,,,nan")
    write_table(same, "metrics.csv", "0,0.3,200.0,", "9,0.2,201.0,", "9,,,nan")
    write_table(other, "metrics.csv", "0,0.30000000000000004,1.0,", "9,0.1,1.0,", "9,,,1.0")
    expected = logged(one, {"val/loss": 0.1})
    assert compare(expected, logged(same, {"val/loss": 0.1})) == []
    assert [
        str(found) for found in compare(expected, logged(other, {"val/loss": 0.1 + 1e-17}))
    ] == [
        "train/loss at step 0: 0.3 then, 0.30000000000000004 now",
        "val/loss at step 9: nan then, 1.0 now",
    ]
    (found,) = compare(expected, logged(same, {"val/loss": 0.1 + 2e-17}))
    assert str(found) == "val/loss at the end: 0.1 then, 0.10000000000000002 now"
    assert compare(expected, logged(same, {}))[0].now == "none"


def test_tables_of_a_resumed_run_are_joined(tmp_path: Path) -> None:
    """An interrupted run logs steps after its last checkpoint, which the resumed run repeats."""
    parts, whole, other = (tmp_path / name for name in ("parts", "whole", "other"))
    rows = [f"{step},0.{step},1.0," for step in range(1, 9)]
    write_table(parts, "metrics-1.csv", *rows[:4])
    write_table(parts, "metrics-2.csv", *rows[2:5])
    write_table(parts, "metrics.csv", *rows[4:])
    write_table(whole, "metrics.csv", *rows)
    assert compare(logged(parts, {}), logged(whole, {})) == []
    write_table(other, "metrics-1.csv", *rows[:4])
    write_table(other, "metrics.csv", "4,0.5,1.0,", *rows[4:])
    (found,) = compare(logged(other, {}), logged(whole, {}))
    assert str(found) == "train/loss at step 4: 0.4, 0.5 then, 0.4 now"


def test_nothing_of_the_stack_is_imported_for_a_mistake(project: Path) -> None:
    code = (
        "import sys; sys.argv = ['rerun.py', 'nowhere']\n"
        "from lightning_transformers.cli import rerun\n"
        "try: rerun()\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run(["python", "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stdout == "2 False\n", done.stderr
