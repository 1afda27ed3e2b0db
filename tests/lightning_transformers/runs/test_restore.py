"""Values that a checkpoint restores, and config values that override them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs import train as training
from lightning_transformers.runs.build import restore
from lightning_transformers.runs.evaluate import evaluate_from_config
from lightning_transformers.runs.export import export_from_config
from lightning_transformers.runs.load import load
from lightning_transformers.runs.predict import predict_from_config
from lightning_transformers.runs.train import train, train_from_config
from lightning_transformers.task.nlp.question_answering import QuestionAnsweringTransformer
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.training.checkpoint_identity import BASE, CLASS
from lightning_transformers.training.formulas import KEY
from tests.helpers.code_repository import bring_code
from tests.helpers.corpus import write_csv
from tests.helpers.language_modeling import model, sample, trainer

BERT = "pkg://lightning_transformers/assets/tiny/bert"


def saved(folder: Path, run: Trainer) -> str:
    """Save a checkpoint and return the override that names it."""
    run.save_checkpoint(folder / "last.ckpt")
    return f"checkpoint_path={folder / 'last.ckpt'}"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the override that names a checkpoint of a classifier with settings of its own."""
    folder = tmp_path_factory.mktemp("classifier")
    values = {"dataset_name": "sample", "max_length": 17, "seed": 3, "train_val_split": 0.2}
    data = TextClassificationDataModule(Backbone(BERT).load_tokenizer(), **values)
    backbone = {"pretrained_model_name_or_path": BERT, "random_weights": True}
    task = TextClassificationTransformer(backbone, model_data_kwargs=data.model_data_kwargs)
    run = trainer(folder, limit_train_batches=1, limit_val_batches=1)
    train(task, data, run)
    return saved(folder, run)


def test_classes_and_processing_are_those_of_the_training(classifier: str) -> None:
    task, data = restore(compose(["task=nlp/text_classification", classifier]))
    names = ["gospel", "history", "letter", "wisdom"]
    assert list(task.model.config.id2label.values()) == data.labels == names
    assert data.max_length == 17
    assert data.dataset_name is None, "where rows come from is the config's"


def test_a_resumed_run_keeps_its_classes_columns_and_formulas(
    classifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions differ in the classes and columns that they infer, and in their order."""
    content = torch.load(classifier.partition("=")[2], weights_only=True)
    names = ["letter", "wisdom", "history", "gospel"]
    content["datamodule_hyper_parameters"] |= {"labels": names, "text_column": "verse"}
    del content[KEY]
    torch.save(content, tmp_path / "former.ckpt")
    found = []

    def record(task: Any, data: Any, *_: Any, **__: Any) -> None:
        found.append((task, data))
        raise InterruptedError

    monkeypatch.setattr(training, "train", record)
    overrides = ["task=nlp/text_classification", "experiment=smoke", f"training.run_dir={tmp_path}"]
    config = compose([*overrides, f"checkpoint_path={tmp_path / 'former.ckpt'}"])
    with pytest.raises(InterruptedError):
        train_from_config(config)
    assert list(found[0][0].model.config.id2label.values()) == names
    for task, data in (*found, restore(config)):
        assert (data.labels, data.text_column) == (names, "verse")
        assert task.formulas == 1


def test_values_of_the_config_take_precedence(classifier: str) -> None:
    overrides = ["task=nlp/text_classification", classifier, "dataset.max_length=9"]
    assert restore(compose(overrides))[1].max_length == 9


def test_the_rows_that_validate_are_those_of_the_training(classifier: str, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "rows.csv", [f"text {number}" for number in range(50)])
    overrides = ["task=nlp/text_classification", classifier, f"dataset.train_file={file}"]

    def held_out(*more: str) -> list[str]:
        return list(restore(compose([*overrides, *more]))[1].raw_dataset["validation"]["text"])

    trained = held_out("dataset.seed=3", "dataset.train_val_split=0.2")
    assert held_out() == trained
    assert held_out("dataset.seed=4") != trained


def test_hyperparameters_of_the_task_are_those_of_the_training(tmp_path: Path) -> None:
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=1)
    task = type("Task", (type(model()).__mro__[1],), {})
    train(model(task, max_new_tokens=3), sample(), run)
    overrides = ["task=nlp/language_modeling", saved(tmp_path, run)]
    assert restore(compose(overrides))[0].max_new_tokens == 3
    assert restore(compose([*overrides, "+task.max_new_tokens=5"]))[0].max_new_tokens == 5


def test_attention_is_computed_as_the_config_says(classifier: str, tmp_path: Path) -> None:
    recorded = {"pretrained_model_name_or_path": BERT, "random_weights": True}
    for fields in (recorded, {**recorded, "attn_implementation": "eager"}):
        typed = ["task=nlp/text_classification", changed(classifier, tmp_path, backbone=fields)]
        as_recorded = restore(compose(typed))[0]
        other = restore(compose([*typed, "backbone.attn_implementation=eager"]))[0]
        back = restore(compose([*typed, "backbone.attn_implementation=sdpa"]))[0]
        names = [m.model.config._attn_implementation for m in (as_recorded, other, back)]
        assert names == [fields.get("attn_implementation", "sdpa"), "eager", "sdpa"]


def test_a_checkpoint_of_another_task_is_refused(classifier: str) -> None:
    config = compose(["task=nlp/question_answering", classifier])
    expected = (
        "does not fit QuestionAnsweringTransformer: it was trained by "
        r"lightning_transformers\.task\.nlp\.text_classification\.model"
        r"\.TextClassificationTransformer, a TextClassificationTransformer; give \+task="
    )
    with pytest.raises(ConfigurationError, match=expected):
        restore(config)
    with pytest.raises(ConfigurationError, match="it was trained by lightning_transformers"):
        load(classifier.partition("=")[2], task_class=QuestionAnsweringTransformer)


class Mine(TextClassificationTransformer):
    """A task of a project."""


def test_a_checkpoint_of_the_base_is_taken_by_a_class_derived_from_it(classifier: str) -> None:
    target = f"task._target_={__name__}.{Mine.__name__}"
    model, _ = restore(compose(["task=nlp/text_classification", target, classifier]))
    assert type(model) is Mine


def test_a_checkpoint_that_does_not_say_its_task_is_tried(classifier: str, tmp_path: Path) -> None:
    content = torch.load(classifier.partition("=")[2], weights_only=True)
    for key in (CLASS, BASE):
        del content[key]
    torch.save(content, tmp_path / "old.ckpt")
    typed = f"checkpoint_path={tmp_path / 'old.ckpt'}"
    restore(compose(["task=nlp/text_classification", typed]))
    with pytest.raises(ConfigurationError, match="does not fit QuestionAnsweringTransformer: "):
        restore(compose(["task=nlp/question_answering", typed]))


@pytest.mark.parametrize(
    ("typed", "hint"), [("run", "'run/checkpoints/last.ckpt'"), ("run/checkpoints", "last.ckpt'")]
)
def test_a_checkpoint_in_a_run_folder_is_suggested(typed: str, hint: str, project: Path) -> None:
    Path("run/checkpoints").mkdir(parents=True)
    Path("run/checkpoints/last.ckpt").touch()
    suggestion = rf"{typed} is not a file \(did you mean .*{hint}"
    with pytest.raises(ConfigurationError, match=suggestion):
        restore(compose(["task=nlp/text_classification", f"checkpoint_path={typed}"]))


def changed(classifier: str, folder: Path, **hyperparameters: object) -> str:
    """Write a checkpoint with other hyperparameters, and return the override that names it."""
    content = torch.load(classifier.partition("=")[2], weights_only=True)
    content["hyper_parameters"] |= hyperparameters
    torch.save(content, folder / "changed.ckpt")
    return f"checkpoint_path={folder / 'changed.ckpt'}"


class Attack:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize(
    "command", [train_from_config, evaluate_from_config, predict_from_config, export_from_config]
)
def test_no_command_runs_the_code_in_a_checkpoint(
    command: Callable[[object], object],
    classifier: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    attack = changed(classifier, tmp_path, optimizer_states=[Attack(tmp_path / "it-ran")])
    options = ["experiment=smoke", "x=a", "export_dir=exported", "training.run_dir=run", attack]
    config = compose(["task=nlp/text_classification", *options])
    with pytest.raises(ConfigurationError, match="contains pickled objects and cannot be loaded"):
        command(config)
    assert not (tmp_path / "it-ran").exists()
    torch.load(attack.partition("=")[2], weights_only=False)
    assert (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize(
    ("command", "key", "line"),
    [
        (evaluate_from_config, "dataset.test_file", "the test file 'no.csv' does not exist"),
        (predict_from_config, "dataset.predict_file", "the predict file 'no.csv' does not exist"),
        (export_from_config, "checkpoint_path", "checkpoint_path=no.csv is not a file"),
    ],
)
def test_a_missing_file_is_found_before_a_model_is_loaded(
    command: Callable[..., object],
    key: str,
    line: str,
    trained: bool,
    classifier: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[object] = []
    monkeypatch.setattr(TextClassificationTransformer, "build_model", loaded.append)
    options = [classifier] if trained else [f"backbone.pretrained_model_name_or_path={BERT}"]
    with pytest.raises(ConfigurationError, match=line):
        command(
            compose(
                [
                    *("task=nlp/text_classification", f"training.run_dir={tmp_path}"),
                    *(*options, f"{key}=no.csv"),
                ]
            )
        )
    assert not loaded


def test_code_of_a_repository_is_trusted_by_the_config_alone(
    classifier: str, tmp_path: Path
) -> None:
    repository, mark = tmp_path / "repository", tmp_path / "it-ran"
    backbone = Backbone(BERT, random_weights=True)
    head = TextClassificationTransformer.default_model_type
    backbone.load_model(head, {"num_labels": 4}).save_pretrained(repository)
    backbone.load_tokenizer().save_pretrained(repository)
    bring_code(repository, mark)
    trusted = {"pretrained_model_name_or_path": str(repository), "trust_remote_code": True}
    checkpoint = changed(classifier, tmp_path, backbone=trusted)
    overrides = ["task=nlp/text_classification", checkpoint]
    with pytest.raises(ConfigurationError, match=r"set backbone\.trust_remote_code=true"):
        restore(compose(overrides))
    with pytest.raises(ConfigurationError, match=r"set backbone\.trust_remote_code=true"):
        load(checkpoint.partition("=")[2])
    assert not mark.exists()
    restore(compose([*overrides, "backbone.trust_remote_code=true"]))
    assert mark.exists()
    load(checkpoint.partition("=")[2], trust_remote_code=True)


def test_an_adapter_of_a_checkpoint_calls_peft_alone(classifier: str, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    call = {"_target_": "os.system", "command": f"touch {mark}"}
    checkpoint = changed(classifier, tmp_path, peft=call)
    with pytest.raises(ConfigurationError, match=r"_target_=os\.system is not a config of peft"):
        load(checkpoint.partition("=")[2])
    nested = {"_target_": "peft.LoraConfig", "auto_mapping": call}
    checkpoint = changed(classifier, tmp_path, peft=nested)
    load(checkpoint.partition("=")[2])
    assert not mark.exists()
