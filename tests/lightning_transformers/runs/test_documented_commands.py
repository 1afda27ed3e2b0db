"""The commands in the documentation of lightning-transformers, unchanged.

They run through the real `datasets` and `huggingface_hub` clients against a hub on the loopback
interface that serves parquet files, and models with the names of the documented ones.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.helpers import warm
from tests.helpers.corpus import TEXTS, write_csv, write_json, write_txt
from tests.helpers.hub import Hub
from tests.helpers.hub_content import add_datasets, add_models
from tests.helpers.projects import new_project

pytestmark = pytest.mark.xdist_group("documented commands")  # they share a hub

QUICK = (
    *("trainer.accelerator=cpu", "training.validate_before_fit=false"),
    "hydra.run.dir=outputs/run",
)
B = "backbone.pretrained_model_name_or_path"

TRAINED = [
    f"task=nlp/language_modeling dataset=nlp/language_modeling/wikitext {B}=gpt2",
    f"task=nlp/multiple_choice dataset=nlp/multiple_choice/race {B}=roberta-base",
    "task=nlp/multiple_choice dataset=nlp/multiple_choice/swag",
    "task=nlp/question_answering dataset=nlp/question_answering/squad",
    "task=nlp/summarization dataset=nlp/summarization/cnn_dailymail",
    "task=nlp/text_classification dataset=nlp/text_classification/glue"
    " dataset.dataset_config_name=mnli"
    " dataset.validation_subset_name=validation_matched",
    "task=nlp/token_classification dataset=nlp/token_classification/conll",
    f"task=nlp/translation dataset=nlp/translation/wmt16 {B}=google/mt5-base"
    " dataset.dataset_config_name=de-en dataset.source_language=de"
    " dataset.target_language=en",
    "task=vision/image_classification dataset=vision/image_classification/cifar10"
    " backbone=vision/tiny",
    "task=nlp/text_classification dataset=nlp/text_classification/emotion"
    " optimizer=sgd optimizer.momentum=0.99 trainer.max_epochs=4 training.batch_size=8",
    "task=nlp/language_modeling dataset=nlp/language_modeling/my_dataset"
    " dataset.train_file=train.csv dataset.validation_file=valid.csv",
]
SIMILAR = [
    "task=nlp/text_classification dataset=nlp/text_classification/emotion"
    " logger=tensorboard logger.tensorboard.save_dir=my_dir/",
    f"task=nlp/summarization dataset=nlp/summarization/xsum {B}=t5-base",
    "task=nlp/language_modeling dataset=nlp/language_modeling/wikitext",
    "task=nlp/multiple_choice dataset=nlp/multiple_choice/race",
    "task=nlp/text_classification dataset=nlp/text_classification/emotion",
    "task=nlp/text_classification dataset=nlp/text_classification/xnli",
    "task=nlp/text_classification dataset=nlp/text_classification/emotion optimizer=rmsprop",
    "task=nlp/language_modeling dataset.train_file=train.csv dataset.validation_file=valid.csv",
    "task=nlp/language_modeling dataset.train_file=train.json dataset.validation_file=valid.json",
    "task=nlp/language_modeling dataset.train_file=train.txt dataset.validation_file=valid.txt",
]
"""Commands whose parts others have as well."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with files of the user's and a dataset config of the user's."""
    folder = tmp_path_factory.mktemp("documented")
    new_project(folder, "tasks")
    for name, texts in (("train", TEXTS), ("valid", TEXTS[:20])):
        write_csv(folder / f"{name}.csv", texts)
        write_json(folder / f"{name}.json", texts)
        write_txt(folder / f"{name}.txt", texts)
    own = folder / "conf/dataset/nlp/language_modeling/my_dataset.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("# @package dataset\ndefaults:\n  - /dataset/nlp/language_modeling/default\n")
    return folder


@pytest.fixture(scope="module")
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Return a function that runs a command of the project with the hub at hand."""
    folder = tmp_path_factory.mktemp("hub")
    with Hub() as hub:
        add_datasets(hub)
        add_models(hub, folder / "models")
        environment = hub.environment(folder / "cache")
        yield lambda *command: warm.run(command, project, environment)


@pytest.mark.parametrize(
    "command", [*TRAINED, *(pytest.param(command, marks=pytest.mark.slow) for command in SIMILAR)]
)
def test_command_trains(command: str, run: Run, project: Path) -> None:
    done = run("python", "train.py", *command.split(), *QUICK)
    assert done.returncode == 0, done.stderr
    assert "Run folder: " in done.stdout
    if "tensorboard" in command:
        assert list((project / "my_dir").rglob("events.out.tfevents*"))
    else:
        assert "val/loss" in (project / "outputs/run/metrics.csv").read_text()


PREDICTED = {
    "task=nlp/language_modeling": "The cat",
    "task=nlp/masked_language_modeling": "The <mask> sat.",
    "task=nlp/text_classification": "The cat sat.",
    "task=nlp/token_classification": "Anna sat in Rome",
    "task=nlp/summarization": "The cat sat on the mat.",
    "task=nlp/translation dataset.source_language=en dataset.target_language=de": "The cat sat.",
    "task=nlp/question_answering": '{context: "The cat sat.", question: "Who sat?"}',
    "task=nlp/multiple_choice": '{context: "The cat", question: "It", choices: [sat, rang]}',
}


@pytest.mark.parametrize("task", PREDICTED)
def test_backbone_predicts(task: str, run: Run) -> None:
    """`predict.py task=nlp/X +x=…` with the weights of the hub, without data."""
    done = run("python", "predict.py", *task.split(), f"+x={PREDICTED[task]}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("arguments", [(), ("optimizer=sgd",)], ids=["bare", "optimizer"])
def test_without_a_dataset(arguments: tuple[str, ...], run: Run) -> None:
    done = run("python", "train.py", *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: no dataset: give dataset.train_file=")
