"""The model card of an exported repository, from the files of its run."""

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData, hf_hub_download
from jinja2 import Environment, PackageLoader, StrictUndefined

from lightning_transformers.base.hub import prepare_hub_access
from lightning_transformers.base.package_data import PREFIX
from lightning_transformers.base.run_folder import STACK
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.reports.intervals import Interval, intervals
from lightning_transformers.reports.redaction import public
from lightning_transformers.reports.run_files import Evaluation, RunFiles

README = "README.md"
PIPELINES = {
    "CausalLM": "text-generation",
    "ImageClassification": "image-classification",
    "MaskedLM": "fill-mask",
    "MultipleChoice": "multiple-choice",
    "QuestionAnswering": "question-answering",
    "Seq2SeqLM": "text2text-generation",
    "SequenceClassification": "text-classification",
    "TokenClassification": "token-classification",
}
"""The hub's name of the task of an Auto class `AutoModelFor…`."""
STAGES = {"test": "test", "val": "validation"}
"""The split that the metrics of a stage belong to."""
LOCAL = ("logger", "hydra", "checkpoint_path", "resume", "training.run_dir", "repeat")
"""Starts of the keys that describe the machine or the command, not the model."""
FILE_KEYS = ("_file", "_dir")
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


class Score(NamedTuple):
    """A metric of the exported checkpoint; without an interval where its rows are not known."""

    name: str
    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Exported:
    """An exported model, as its card describes it.

    Attributes:
        name: name of its repository or folder, which the code of the card loads.
        auto_class: import path of the Auto class that loads it.
        backbone: the model that it was fine-tuned from.
        is_adapter: whether the adapter is alone.
        has_new_head: whether the adapter has a head that the backbone lacks.
        onnx: difference of the ONNX file from torch; None without one.
        has_pair: whether it classifies pairs of texts.
        is_chat: whether the data are conversations.
        step: step of the checkpoint.
        run: its run.
    """

    name: str
    auto_class: str
    backbone: Backbone
    is_adapter: bool = False
    has_new_head: bool = False
    onnx: float | None = None
    has_pair: bool = False
    is_chat: bool = False
    step: int | None = None
    run: RunFiles | None = field(default=None, repr=False)


def write_card(folder: Path, model: Exported) -> None:
    """Write `README.md` into a repository.

    Args:
        folder: the repository.
        model: what it contains.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": "{:.4g}".format, "cell": cell}
    run, licence = model.run, backbone_licence(model.backbone)
    scores = checkpoint_scores(run, model.step) if run else []
    found = evaluation_of(run, model.step) if run else None
    head = model.auto_class.rpartition("AutoModelFor")[2]
    text = environment.get_template("card.md.jinja").render(
        model=model,
        backbone=model.backbone,
        is_packaged=model.backbone.pretrained_model_name_or_path.startswith(PREFIX),
        auto_class=model.auto_class.rpartition(".")[2],
        head=head,
        licence=licence,
        scores=scores,
        evaluated=found,
        data=data_rows(run) if run else [],
        settings=setting_rows(run) if run else [],
        versions=versions(run) if run else {},
    )
    about = card_data(model, PIPELINES.get(head), licence, scores)
    card = ModelCard(f"---\n{about.to_yaml()}\n---\n\n{text}")
    card.save(folder / README)


def card_data(
    model: Exported, pipeline: str | None, licence: Mapping[str, str], scores: Iterable[Score]
) -> ModelCardData:
    """Return the metadata of a card.

    Args:
        model: the exported model.
        pipeline: the hub's name of its task.
        licence: those of the backbone's card, empty without one.
        scores: its metrics.
    """
    name = dataset_name(model.run) if model.run else None
    results = [
        EvalResult(
            task_type=pipeline or "other",
            dataset_type=name or "own-data",
            dataset_name=name or "own data",
            dataset_split=STAGES.get(score.name.partition("/")[0]),
            metric_type=score.name.partition("/")[2],
            metric_name=score.name,
            metric_value=round(score.value, 6),
        )
        for score in scores
    ]
    is_on_hub = not (model.backbone.is_folder or model.backbone.random_weights)
    return ModelCardData(
        **dict[str, Any](licence),
        library_name="peft" if model.is_adapter else "transformers",
        pipeline_tag=pipeline,
        base_model=model.backbone.shared_name if is_on_hub else None,
        base_model_relation=("adapter" if model.is_adapter else "finetune") if is_on_hub else None,
        datasets=[name] if name else None,
        tags=["ltscaffold"],
        model_name=model.name if results else None,
        eval_results=results or None,
    )


def backbone_licence(backbone: Backbone) -> dict[str, str]:
    """Return `license`, `license_name` and `license_link` of the backbone's card, if it has them.

    Args:
        backbone: the backbone; the card lies in its folder or on the hub.
    """
    name = backbone.pretrained_model_name_or_path
    if backbone.random_weights:
        return {}
    try:
        if backbone.is_folder:
            file = Path(name) / README
        else:
            prepare_hub_access()
            file = Path(hf_hub_download(name, README, revision=backbone.revision))
        data = ModelCard.load(file, ignore_metadata_errors=True).data.to_dict()
    except (OSError, ValueError, yaml.YAMLError):  # no card, a broken one, or no access
        return {}
    return {key: data[key] for key in ("license", "license_name", "license_link") if key in data}


def checkpoint_scores(run: RunFiles, step: int | None) -> list[Score]:
    """Return the metrics of a checkpoint: of its validation, of the best one also of its test.

    Args:
        run: the run.
        step: the step of the checkpoint.
    """
    values = {} if step is None else run.metrics_at(step)
    if step is not None and run.manifest.get("best", {}).get("step") == step:
        last = run.manifest.get("metrics", {})
        values = {name: v for name, v in last.items() if name.startswith("test/")} | values
    values = {name: value for name, value in values.items() if math.isfinite(value)}
    found = evaluation_of(run, step)
    stage = next((s for s, split in STAGES.items() if found and found.about["split"] == split), "")
    logged = {name.partition("/")[2]: v for name, v in values.items() if name.startswith(stage)}
    known = intervals(found, logged) if found else {}
    return [
        Score(name, value, known.get(name.removeprefix(f"{stage}/")))
        for name, value in values.items()
    ]


def evaluation_of(run: RunFiles, step: int | None) -> Evaluation | None:
    """Return the recorded rows of a run if they belong to a checkpoint.

    A test is of the best checkpoint, a validation of the checkpoint of its step.

    Args:
        run: the run.
        step: the step of the checkpoint.
    """
    found = run.evaluation
    if found is None or found.about.get("split") not in STAGES.values():
        return None
    best = run.manifest.get("best", {}).get("step")
    at = best if found.about["split"] == "test" else found.about.get("step")
    return found if at == step else None


def dataset_name(run: RunFiles) -> str | None:
    """Return the id of the run's dataset on the hub, None for files and samples."""
    keys = run.config.get("dataset") or {}
    name, files = keys.get("dataset_name"), [keys.get("train_file"), keys.get("source_file")]
    if not isinstance(name, str) or name == "sample" or any(files) or Path(name).exists():
        return None
    return name if HUB_ID.fullmatch(name) else None


def data_rows(run: RunFiles) -> list[tuple[str, str, Any, Any]]:
    """Return name, source, number of rows and digest of each split; of a file only its name."""
    is_on_hub = dataset_name(run) is not None

    def source(name: str) -> str:
        is_file = not is_on_hub and "://" not in name
        return PurePath(name).name if is_file else public("", name)

    return [
        (
            split,
            ", ".join(map(source, str(facts.get("source")).split(", "))),
            facts.get("rows"),
            facts.get("digest"),
        )
        for split, facts in run.manifest.get("data", {}).items()
    ]


def setting_rows(run: RunFiles) -> list[tuple[str, str]]:
    """Return the settings that differ from the defaults, without those of data and machine."""
    changed = run.manifest.get("changed", {})
    return [
        (key, shared(value) if isinstance(value, str) else public(key, value))
        for key, (_, value) in changed.items()
        if not any(other.startswith(f"{key}.") for other in changed)  # {}, before it had keys
        if not key.startswith(LOCAL) and not key.endswith(FILE_KEYS) and public(key, "x") == "x"
    ]


def versions(run: RunFiles) -> dict[str, str]:
    """Return the versions of the stack."""
    known = run.manifest.get("versions", {})
    return {name: version for name in STACK if (version := known.get(name))}


def shared(text: str) -> str:
    """Return a text without secrets; of the path of a file or folder only its name."""
    is_path = text.startswith((".", "~")) or PurePath(text).is_absolute() or os.path.exists(text)
    return PurePath(text).name if is_path else public("", text)


def cell(value: Any) -> str:
    """Return a value as the text of a cell of a table."""
    return "" if value is None else str(value).replace("|", r"\|").replace("\n", " ")
