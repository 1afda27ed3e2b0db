"""A refusal of the hub or the disk is one line with what to do."""

from errno import ENOSPC
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest
from huggingface_hub.errors import GatedRepoError
from transformers import AutoConfig

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.data.loading import DatasetReader, load_from_hub
from lightning_transformers.models import backbone
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs import train

FULL = OSError(ENOSPC, "No space left on device")


class RefusalError(OSError):
    """An error of the hub with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} Client Error")
        self.response = SimpleNamespace(status_code=status)


class GatedError(GatedRepoError):
    def __init__(self) -> None:
        self.response = None  # type: ignore[assignment]


REFUSED = [
    (GatedError(), "it requires a licence (accept it at https://huggingface.co/"),
    (RefusalError(403), "it requires a licence (accept it at https://huggingface.co/"),
    (
        RefusalError(401),
        "the hub does not find it without a token (correct the name; for a private one",
    ),
    (FULL, "the disk of the cache is full (free space, or set HF_HOME=<another folder>)"),
]


def raiser(error: Exception) -> Any:
    def load(*args: object, **kwargs: object) -> None:
        raise OSError("two\nlines") from error

    return load


@pytest.mark.parametrize(("error", "line"), REFUSED)
def test_a_refused_repository(error: Exception, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "prepare_hub_access", lambda: None)
    monkeypatch.setattr(AutoConfig, "from_pretrained", raiser(error))
    with pytest.raises(ConfigurationError) as caught:
        Backbone("a/b").load_model("transformers.AutoModelForCausalLM", {})
    assert str(caught.value).startswith(f"cannot load the backbone 'a/b': {line}")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(datasets, "load_dataset", raiser(error))
    with pytest.raises(ConfigurationError) as caught:
        load_from_hub("a/b", None, None, DatasetReader())
    assert str(caught.value).startswith(f"cannot load the dataset 'a/b': {line}")
    assert "datasets/a/b" in str(caught.value) or "licence" not in line


def test_a_missing_file_is_found_before_the_model_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "build_model", lambda *_: pytest.fail("built"))
    files = ("dataset.train_file=a.csv", f"training.run_dir={tmp_path}", "backbone=tiny")
    with pytest.raises(ConfigurationError, match=r"the train file 'a\.csv' does not exist"):
        train.train_from_config(compose(["task=nlp/language_modeling", *files]))
