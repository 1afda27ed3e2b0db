"""Loading a backbone whose checkpoint lacks the head."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.backbone import Backbone
from tests.helpers.code_repository import HEAD, bring_code

THREE = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}


@pytest.fixture
def two_classes(tmp_path: Path) -> Path:
    """Return the folder of a model with two classes."""
    layers = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=50, hidden_size=16, num_labels=2, **layers)
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    return tmp_path


def test_a_head_of_another_size_is_new_and_the_rest_is_loaded(two_classes: Path) -> None:
    saved = BertForSequenceClassification.from_pretrained(two_classes)
    model = Backbone(str(two_classes)).load_model(HEAD, THREE)
    assert model.classifier.weight.shape == (3, 16)
    assert torch.equal(model.get_input_embeddings().weight, saved.get_input_embeddings().weight)


def test_a_backbone_of_another_size_is_refused(two_classes: Path) -> None:
    backbone = Backbone(str(two_classes), config={"hidden_size": 32})
    with pytest.raises(ConfigurationError, match=r"do not fit backbone\.config: bert\..* not 32"):
        backbone.load_model(HEAD, {})


@pytest.mark.parametrize("random_weights", [False, True])
def test_weights_train_in_single_precision_whatever_their_files_have(
    random_weights: bool, two_classes: Path
) -> None:
    """The trainer's precision, such as `bf16-true`, casts them afterwards."""
    BertForSequenceClassification.from_pretrained(two_classes).bfloat16().save_pretrained(
        two_classes
    )
    model = Backbone(str(two_classes), random_weights=random_weights).load_model(HEAD, {})
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_code_of_a_repository_runs_only_if_it_is_trusted(two_classes: Path, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    bring_code(two_classes, mark)
    with pytest.raises(ConfigurationError, match=r"backbone\.trust_remote_code=true"):
        Backbone(str(two_classes)).load_model(HEAD, {})
    assert not mark.exists()
    model = Backbone(str(two_classes), trust_remote_code=True).load_model(HEAD, {})
    assert type(model).__name__ == "Own"
    assert mark.exists()


@pytest.mark.parametrize(
    ("saved", "advice"),
    [
        (
            "9.1.0.dev0",
            "it was saved by transformers 9.1.0.dev0: install 9.1.0 or later, "
            "if this ltscaffold accepts it",
        ),
        ("9.1.0-internal", "correct its config.json, or install a later release of transformers"),
        ("4.1.0", "correct its config.json, or install a later release of transformers"),
    ],
)
def test_a_model_type_that_is_not_known_is_a_line(
    saved: str, advice: str, two_classes: Path
) -> None:
    file = two_classes / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"model_type": "none", "transformers_version": saved}))
    with pytest.raises(ConfigurationError) as caught:
        Backbone(str(two_classes)).load_model(HEAD, {})
    assert str(caught.value) == (
        f"cannot load the backbone '{two_classes}': transformers {transformers.__version__} has no "
        f"model type 'none' ({advice})"
    )
