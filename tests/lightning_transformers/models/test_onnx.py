"""ONNX files compute what torch does, with any number of examples and tokens."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models import onnx
from lightning_transformers.models.adapters import add_lora
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.models.onnx import require_onnx, save_onnx
from lightning_transformers.runs.build import seed_everything
from tests.helpers.model_cards import files_with

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

slow = pytest.mark.slow
HEADS = [
    ("bert", "SequenceClassification"),
    pytest.param("vit", "ImageClassification", marks=slow),
    pytest.param("bert", "MultipleChoice", marks=slow),
    pytest.param("bert", "TokenClassification", marks=slow),
    pytest.param("bert", "QuestionAnswering", marks=slow),
    pytest.param("bert", "MaskedLM", marks=slow),
    pytest.param("gpt2", "CausalLM", marks=slow),
]
"""Architecture and head of each base that is exported."""


def built(architecture: str, head: str) -> tuple[Any, Any]:
    """Return a tiny model with large random weights, and its processor."""
    seed_everything(0)
    backbone = Backbone(
        f"pkg://lightning_transformers/assets/tiny/{architecture}", random_weights=True
    )
    model = backbone.load_model(f"transformers.AutoModelFor{head}", {})
    for parameter in model.parameters():
        parameter.data.normal_(std=0.3)
    is_image = head == "ImageClassification"
    return model, backbone.load_image_processor() if is_image else backbone.load_tokenizer()


@pytest.mark.parametrize(("architecture", "head"), HEADS)
def test_outputs_are_those_of_torch(architecture: str, head: str, tmp_path: Path) -> None:
    import onnxruntime

    model, processor = built(architecture, head)
    file = tmp_path / "deep/model.onnx"
    assert save_onnx(model, processor, file) < 1e-4
    session = onnxruntime.InferenceSession(file)
    axes = [axis for each in session.get_inputs() for axis in each.shape if isinstance(axis, str)]
    expected = {"batch"} if architecture == "vit" else {"batch", "sequence"}
    assert set(axes) == expected | ({"choices"} if head == "MultipleChoice" else set())
    assert files_with(tmp_path, "site-packages", str(Path.home()), "modeling_") == []
    assert model.training, "the model stays as it is"


@slow
def test_an_adapter_is_merged(tmp_path: Path) -> None:
    model, processor = built("bert", "SequenceClassification")
    add_lora(model, rank=4, alpha=64, dropout=0.0)
    for name, parameter in model.named_parameters():
        if "lora" in name:
            parameter.data.normal_(std=0.3)
    assert save_onnx(model, processor, tmp_path / "model.onnx") < 1e-4


@pytest.mark.slow
def test_other_outputs_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, processor = built("bert", "SequenceClassification")
    exporter = torch.onnx.export

    def export_another(model: Any, **settings: Any) -> Any:
        another = copy.deepcopy(model)
        another.classifier.bias.data += 0.1
        return exporter(another, **settings)

    monkeypatch.setattr(torch.onnx, "export", export_another)
    with pytest.raises(
        ConfigurationError, match=r"other outputs of Bert\w+ than torch \(by 0\.1\)"
    ):
        save_onnx(model, processor, tmp_path / "model.onnx")


def test_a_failed_export_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: Any, **settings: Any) -> Any:
        raise torch.onnx.OnnxExporterError("two\nlines") from ValueError("unknown operator\n")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ConfigurationError, match=r"cannot export Bert\w+ \(unknown operator\): "):
        save_onnx(*built("bert", "SequenceClassification"), tmp_path / "model.onnx")


def test_a_model_with_a_decoder_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="generates by repeated calls"):
        save_onnx(*built("t5", "Seq2SeqLM"), tmp_path / "model.onnx")
    assert not any(tmp_path.iterdir())


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r'pip install "ltscaffold\[onnx\]"'):
        require_onnx()
