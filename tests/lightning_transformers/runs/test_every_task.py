"""Every task from its config on its sample: trains, evaluates, predicts, exports, and learns."""

import csv
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import torch
from hydra.utils import get_class
from PIL import Image

from lightning_transformers.base.package_data import local_path
from lightning_transformers.base.run_folder import MANIFEST, read_manifest
from lightning_transformers.config.app import suppress_library_warnings
from lightning_transformers.config.compose import compose
from lightning_transformers.config.config_tree import PACKAGED_CONFIGS
from lightning_transformers.runs.build import load_checkpoint, restore, task_class
from lightning_transformers.runs.evaluate import evaluate_from_config
from lightning_transformers.runs.export import export_from_config
from lightning_transformers.runs.predict import predict_from_config
from lightning_transformers.runs.train import train_from_config
from tests.helpers.documented import documented_applies, documented_intervals, documented_metrics
from tests.helpers.model_cards import card_of, files_with, intervals_in, run_code
from tests.helpers.slow import sampled

Row = dict[str, Any]
SHORT_OUTPUTS = "task.max_new_tokens=16"
"""The targets of the samples have at most 14 tokens; an untrained model never stops by itself."""
AT_THE_END = (
    "training.validate_before_fit=false",
    "trainer.check_val_every_n_epoch=${trainer.max_epochs}",
)
"""Validate once, after the last epoch."""
FEW = (
    *("trainer.max_epochs=1", "training.validate_before_fit=false"),
    *("dataset.limit_train_samples=64", "dataset.limit_val_samples=32"),
)
"""Train on a few rows."""
WEIGHTED = ("task.class_weights=balanced", "task.focal_gamma=0.5")
SMOOTHED = ("task.label_smoothing=0.01",)
QUIET = ("logger=csv", "callbacks=checkpoint", "+trainer.enable_progress_bar=false")

EVERY_SECTION = {"Metrics", "Data", "Settings", "Environment"}
"""Sections of every report."""
LOSS_PER_ROW = ("nlp/multiple_choice", "nlp/text_classification", "vision/image_classification")


@dataclass(frozen=True)
class Case:
    """How a task is shown to learn its sample.

    Attributes:
        metric: what its users report; more is better, unless it is a perplexity.
        margin: by how much it gets better than with a training on shuffled labels, at least.
        shuffled: by how much that training makes it better, at most.
        x: an input to predict on, as it is typed.
        shuffle: takes the training rows and a random generator, and breaks the tie between inputs
            and labels in place.
        settings: overrides for a training of seconds.
    """

    metric: str
    margin: float
    shuffled: float
    x: str
    shuffle: Callable[[list[Row], random.Random], None]
    settings: tuple[str, ...] = ()


def permute(column: str) -> Callable[[list[Row], random.Random], None]:
    """Deal the values of a column out anew."""

    def shuffle(rows: list[Row], generator: random.Random) -> None:
        values = [row[column] for row in rows]
        generator.shuffle(values)
        for row, value in zip(rows, values, strict=True):
            row[column] = value

    return shuffle


def permute_within(column: str) -> Callable[[list[Row], random.Random], None]:
    """Shuffle the list, or the words of the text, in each row."""

    def shuffle(rows: list[Row], generator: random.Random) -> None:
        for row in rows:
            value = row[column]
            parts = value.split() if isinstance(value, str) else list(value)
            generator.shuffle(parts)
            row[column] = " ".join(parts) if isinstance(value, str) else parts

    return shuffle


def permute_targets(rows: list[Row], generator: random.Random) -> None:
    """Deal the German sides of translations out anew."""
    targets = [row["translation"]["de"] for row in rows]
    generator.shuffle(targets)
    for row, target in zip(rows, targets, strict=True):
        row["translation"] = {**row["translation"], "de": target}


def random_answers(rows: list[Row], generator: random.Random) -> None:
    """Let another word of the context be the answer."""
    for row in rows:
        if row["answers"]["text"]:
            word = generator.choice(row["context"].split())
            start = row["context"].index(word)
            row["answers"] = {"text": [word], "answer_start": [start]}


CASES = {
    "nlp/language_modeling": Case(
        "val/perplexity",
        0.3,
        1.6,
        "It is a truth",
        permute_within("text"),
        ("dataset.block_size=64", "dataset.limit_train_samples=1000"),
    ),
    "nlp/masked_language_modeling": Case(
        "val/perplexity",
        1.0,
        2.9,
        "It is a <mask>.",
        permute_within("text"),
        ("trainer.max_epochs=4", "dataset.line_by_line=true"),
    ),
    "nlp/multiple_choice": Case(
        "val/accuracy",
        0.1,
        0.05,
        '{context: "A", question: "B", choices: [c, d]}',
        permute("label"),
        ("trainer.max_epochs=6", "optimizer.lr=2e-3"),
    ),
    "nlp/question_answering": Case(
        "val/has_answer_f1",
        15.0,
        0.0,
        '{context: "Anna sat.", question: "Who sat?"}',
        random_answers,
        ("trainer.max_epochs=5",),
    ),
    "nlp/summarization": Case(
        "val/rougeL",
        30.0,
        27.0,
        "It rained in Rome.",
        permute("summary"),
        ("trainer.max_epochs=1", SHORT_OUTPUTS),
    ),
    "nlp/text_classification": Case("val/accuracy", 0.1, 0.1, "And Moses said", permute("label")),
    "nlp/token_classification": Case(
        "val/f1", 0.2, 0.0, "Mr. Darcy sat.", permute_within("ner_tags")
    ),
    "nlp/translation": Case(
        "val/bleu",
        3.0,
        2.0,
        "the big dog",
        permute_targets,
        ("trainer.max_epochs=3", "dataset.limit_val_samples=100", SHORT_OUTPUTS),
    ),
    "vision/image_classification": Case("val/accuracy", 0.2, 0.0, "digit.png", permute("label")),
}


def overrides(task: str, run_dir: Path, *more: str) -> list[str]:
    """Return the command line of a run on the sample of a task."""
    keys = WEIGHTED if documented_applies(task).class_weights else SMOOTHED
    return [
        *(f"task={task}", "experiment=smoke", f"training.run_dir={run_dir}"),
        *(f"training.select={CASES[task].metric}", *QUIET, *keys, *CASES[task].settings, *more),
    ]


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> None:
    suppress_library_warnings()


QUICK = ("nlp/token_classification", "vision/image_classification")


# Both tests of a task in one process, which trains it once.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            task,
            marks=[pytest.mark.xdist_group(task), *(() if task in QUICK else (pytest.mark.slow,))],
        )
        for task in CASES
    ],
)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a task, the folder of its training on the sample, and the last metrics."""
    run_dir = tmp_path_factory.mktemp("run")
    config = compose(overrides(request.param, run_dir))
    return request.param, run_dir, train_from_config(config)


def test_every_task_has_a_case() -> None:
    tasks = {
        path.relative_to(PACKAGED_CONFIGS / "task").with_suffix("").as_posix()
        for path in (PACKAGED_CONFIGS / "task").glob("*/*.yaml")
        if path.stem != "default"
    }
    assert set(CASES) == tasks


def test_it_learns_what_shuffled_labels_do_not_teach(trained: Any) -> None:
    task, run_dir, after = trained
    case = CASES[task]
    assert gain(case, first_metrics(run_dir), after) > case.shuffled + case.margin


@pytest.mark.slow
def test_shuffled_labels_teach_no_more_than_is_recorded(trained: Any, tmp_path: Path) -> None:
    task, run_dir, _ = trained
    file = shuffled_sample(task, tmp_path)
    config = compose(overrides(task, tmp_path, *file, *AT_THE_END))
    found = gain(CASES[task], first_metrics(run_dir), train_from_config(config))
    assert found <= CASES[task].shuffled


@pytest.mark.parametrize("task", sampled(CASES, ["vision/image_classification"]))
def test_it_trains_evaluates_predicts_and_exports(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applies = documented_applies(task)
    monkeypatch.chdir(tmp_path)
    run_dir = tmp_path / "run"
    after = train_from_config(compose(overrides(task, run_dir, *FEW)))
    logged = {name.removeprefix("val/") for name in after if name.startswith("val/")}
    assert logged == documented_metrics(f"`{task}`")
    checkpoint = f"checkpoint_path={run_dir}/checkpoints/best.ckpt"
    metrics = evaluate_from_config(compose(overrides(task, tmp_path, *FEW, checkpoint)))
    chosen = best_row(CASES[task].metric, run_dir)
    assert metrics["val/loss"] == pytest.approx(float(chosen["val/loss"]), rel=1e-4)
    for folder in (run_dir, tmp_path):  # of the best validation, and of this evaluation
        rows = pq.read_table(folder / "predictions.parquet").to_pylist()
        losses = [row["loss"] for row in rows]
        tolerance = 1e-4 if task in LOSS_PER_ROW else 0.3  # else the mean is over tokens
        assert sum(losses) / len(losses) == pytest.approx(metrics["val/loss"], rel=tolerance)
        assert "prediction" in rows[0]
        page = (folder / "report.html").read_text()
        sections = set(re.findall("<h2>(.*?)</h2>", page)) - EVERY_SECTION
        assert sections == {*applies.sections}
    assert read_manifest(run_dir / MANIFEST)["status"] == "finished"

    x = input_of(task, tmp_path)
    typed = [f"task={task}", checkpoint, f"training.run_dir={tmp_path}"]
    config = compose([*typed, f"+x={x}"])
    (prediction,) = predict_from_config(config)
    assert json.dumps(prediction)
    assert ("stratify" in config.dataset) == applies.stratify
    file = (f"dataset.predict_file={first_rows(task, tmp_path)}", "output_file=out.jsonl")
    predict_from_config(compose([*typed, *file]))
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(written) == 2
    for row in written:
        assert any(name.startswith("probability_") for name in row) == applies.probabilities

    export = compose([f"task={task}", checkpoint, "export_dir=exported", "training.run_dir=."])
    folder = export_from_config(export)
    check_card(task, folder, run_dir)
    trained_task = load_checkpoint(task_class(config), f"{run_dir}/checkpoints/best.ckpt")
    assert ("class_weights" in trained_task.loss_keys_taken) == applies.class_weights
    model = trained_task.model.eval()
    exported = get_class(config.task.downstream_model_type).from_pretrained(folder).eval()
    batch = a_batch(task, config)
    weights = exported.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        # How the weights lie in memory moves the last bit of a convolution.
        torch.testing.assert_close(model(**batch)[0], exported(**batch)[0], rtol=0, atol=1e-6)


def check_card(task: str, folder: Path, run_dir: Path) -> None:
    """Check that the card of an export runs, and has the intervals of the metrics of rows."""
    run_code(folder)
    assert files_with(folder, str(run_dir), str(folder.parent)) == []
    found = intervals_in(folder)
    assert {name.removeprefix("val/") for name in found} == documented_intervals(task)
    assert all(low <= value <= high for value, low, high in found.values())
    results = {result.metric_name for result in card_of(folder).data.eval_results}
    assert results == {f"val/{name}" for name in documented_metrics(f"`{task}`")}


def a_batch(task: str, config: Any) -> dict[str, torch.Tensor]:
    """Return the model's inputs, with decoder inputs, of an example to predict on."""
    _, data = restore(config)
    (batch,) = data.predict_batches([config_x(config)], 1)
    taken = {k: v for k, v in batch.items() if k in ("input_ids", "attention_mask", "pixel_values")}
    if "Seq2Seq" in config.task.downstream_model_type:
        taken["decoder_input_ids"] = batch["input_ids"]
    return taken


def config_x(config: Any) -> Any:
    """Return the input of a config as plain Python."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config.x) if OmegaConf.is_config(config.x) else config.x


def rows_of(run_dir: Path) -> list[dict[str, str]]:
    """Return the rows of `metrics.csv`."""
    with (run_dir / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def best_row(metric: str, run_dir: Path) -> dict[str, str]:
    """Return the first row of `metrics.csv` with the best value of a metric."""
    rows = [row for row in rows_of(run_dir) if row.get("val/loss")]
    pick = min if metric.endswith("perplexity") else max
    return pick(rows, key=lambda row: float(row[metric]))


def first_metrics(run_dir: Path) -> dict[str, float]:
    """Return the validation metrics of the untrained model."""
    return {name: float(value) for name, value in rows_of(run_dir)[0].items() if value}


def gain(case: Case, before: dict[str, float], after: dict[str, float]) -> float:
    """Return by how much a metric got better, of a perplexity in nats."""
    if case.metric.endswith("perplexity"):
        return before["val/loss"] - after["val/loss"]
    return after[case.metric] - before[case.metric]


def shuffled_sample(task: str, folder: Path) -> list[str]:
    """Write the sample with shuffled labels and return the overrides that train on it."""
    rows = sample(task, "train").to_list()
    CASES[task].shuffle(rows, random.Random(0))
    shuffled = datasets.Dataset.from_list(rows, sample(task, "train").features)
    path = write_rows(shuffled, folder / "shuffled")
    validation = sample_files(task)["validation"]
    return [f"dataset.train_file={path}", f"dataset.validation_file={validation}"]


def first_rows(task: str, folder: Path) -> Path:
    """Write two rows of the validation sample and return the file."""
    return write_rows(sample(task, "validation").take(2), folder / "first")


def sample_files(task: str) -> dict[str, str]:
    """Return the files of the sample of a task by split."""
    found: dict[str, str] = get_class(compose([f"task={task}"]).dataset._target_).sample_files
    return found


def sample(task: str, split: str) -> datasets.Dataset:
    """Return the raw rows of the sample of a task."""
    file = sample_files(task)[split]
    kind = file.rpartition(".")[2]
    builder = {"txt": "text", "jsonl": "json"}.get(kind, kind)
    return datasets.load_dataset(builder, data_files=local_path(file), split="train")


def write_rows(rows: datasets.Dataset, path: Path) -> Path:
    """Write rows to a file of a kind that holds their values, and return it."""
    if any(isinstance(feature, datasets.Image) for feature in rows.features.values()):
        rows.to_parquet(path := path.with_suffix(".parquet"))
    else:
        rows.to_json(path := path.with_suffix(".jsonl"))
    return path


def input_of(task: str, folder: Path) -> str:
    """Return an input to predict on as it is typed; an image is written first."""
    x = CASES[task].x
    if x.endswith(".png"):
        image = torch.arange(64, dtype=torch.uint8).reshape(8, 8).numpy()
        Image.fromarray(image).save(folder / x)
    return x
