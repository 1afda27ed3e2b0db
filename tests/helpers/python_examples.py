"""The files, run and backbone that the examples of the public names need."""

import csv
from pathlib import Path

from lightning_transformers.config.compose import compose
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.train import train_from_config
from lightning_transformers.task.nlp.text_classification import TextClassificationTransformer

BERT = "pkg://lightning_transformers/assets/tiny/bert"
ROWS = [(f"text {number}", ("animal", "thing")[number % 2]) for number in range(20)]
RUN = ("task=nlp/text_classification", "experiment=smoke", "trainer.max_epochs=1")
OWN_FILES = ("dataset.dataset_name=null", "dataset.train_file=train.csv")


def write_rows(file: Path) -> None:
    """Write a csv file of texts with one of two labels."""
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *ROWS])


def train_run(*overrides: str) -> Path:
    """Train a classifier in the working directory on its `train.csv`; return its run folder."""
    write_rows(Path("train.csv"))
    folder = Path("outputs/run").absolute()
    quiet = ("callbacks=checkpoint", "logger=none", "+trainer.enable_progress_bar=false")
    settings = [*RUN, *OWN_FILES, *quiet, f"training.run_dir={folder}", *overrides]
    train_from_config(compose(settings))
    return folder


def executable(code: str, folder: Path) -> str:
    """Return an example with its backbone of the hub replaced by a tiny one in a folder."""
    backbone = Backbone(BERT, random_weights=True)
    head = TextClassificationTransformer.default_model_type
    backbone.load_model(head, {"num_labels": 2}).save_pretrained(folder)
    backbone.load_tokenizer().save_pretrained(folder)
    return code.replace("bert-base-uncased", str(folder))
