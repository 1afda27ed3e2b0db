"""LoRA by config: few parameters train and are saved; merging keeps the logits."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import AutoModelForSequenceClassification

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.core.task import TaskTransformer
from lightning_transformers.models.backbone import Backbone, embedding_rows
from lightning_transformers.runs.build import seed_everything
from lightning_transformers.runs.export import export
from lightning_transformers.runs.load import load
from lightning_transformers.runs.train import train
from lightning_transformers.task.nlp.text_classification import (
    TextClassificationDataModule,
    TextClassificationTransformer,
)
from lightning_transformers.task.vision.image_classification import ImageClassificationTransformer
from tests.helpers.language_modeling import ADAMW, trainer
from tests.helpers.model_cards import card_of, files_with, run_code

TINY = "pkg://lightning_transformers/assets/tiny/bert"
LORA = {"_target_": "peft.LoraConfig", "r": 4}


def sample(backbone: str) -> TextClassificationDataModule:
    values = {"dataset_name": "sample", "limit_train_samples": 64, "limit_val_samples": 32}
    return TextClassificationDataModule(Backbone(backbone).load_tokenizer(), **values)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a saved model."""
    folder = tmp_path_factory.mktemp("pretrained")
    seed_everything(0)
    tiny = Backbone(TINY, random_weights=True)
    head = "transformers.AutoModelForSequenceClassification"
    tiny.load_model(head, {"num_labels": 2}).save_pretrained(folder)
    tiny.load_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a task trained with LoRA, its data, the initial weights, and a checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    data = sample(str(pretrained))
    model = TextClassificationTransformer(
        str(pretrained), optimizer=ADAMW, peft=LORA, model_data_kwargs=data.model_data_kwargs
    )
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    run = trainer(folder)
    train(model, data, run)
    run.save_checkpoint(folder / "last.ckpt")
    return model.eval(), data, before, folder / "last.ckpt"


def test_the_adapter_and_the_new_head_train_alone(trained: Any) -> None:
    model, _, before, _ = trained
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert any("lora_A" in name for name in changed)
    assert any("classifier" in name for name in changed)
    assert all("lora" in name or "classifier" in name for name in changed)


def test_the_checkpoint_holds_what_trained_and_loads_to_the_same_predictions(trained: Any) -> None:
    model, data, _, checkpoint = trained
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all("lora" in name or "classifier" in name for name in state if "metrics" not in name)
    assert checkpoint.stat().st_size < 0.2 * sum(p.nbytes for p in model.parameters())
    loaded, restored = load(checkpoint)
    texts = ["And Moses said", "Blessed is the man"]
    assert loaded.predict(texts, restored) == model.predict(texts, data)


def test_merged_weights_give_the_same_logits(trained: Any, tmp_path: Path) -> None:
    model, data, _, _ = trained
    model.save_hf_checkpoint(tmp_path, data.processor)
    exported = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert not any(isinstance(module, BaseTunerLayer) for module in exported.modules())
    (batch,) = data.predict_batches(["And Moses said"], 1)
    with torch.no_grad():
        torch.testing.assert_close(exported(**batch).logits, model(batch).logits)
    assert any(isinstance(module, BaseTunerLayer) for module in model.modules()), "it is a copy"


def test_unmerged_weights_give_others(trained: Any, pretrained: Path) -> None:
    """Control: the trained weights differ."""
    model, data, _, _ = trained
    untrained = AutoModelForSequenceClassification.from_pretrained(
        pretrained, num_labels=4, ignore_mismatched_sizes=True
    )
    (batch,) = data.predict_batches(["And Moses said"], 1)
    with torch.no_grad():
        assert not torch.allclose(untrained.eval()(**batch).logits, model(batch).logits, atol=1e-3)


def test_the_adapter_alone_restores_the_logits_with_peft(
    trained: Any, pretrained: Path, tmp_path: Path
) -> None:
    model, data, _, checkpoint = trained
    folder = export(model, data, tmp_path / "adapter", run=checkpoint, adapter=True)
    written = {path.name for path in folder.iterdir()}
    assert written >= {"adapter_model.safetensors", "adapter_config.json", "README.md"}
    assert "model.safetensors" not in written
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == pretrained.name
    assert config["modules_to_save"] == ["classifier"]
    assert files_with(folder, str(pretrained.parent), str(checkpoint.parent)) == []
    assert "is the name of a folder" in (folder / "README.md").read_text()
    code = run_code(folder, pretrained.name, str(pretrained))
    (batch,) = data.predict_batches(["And Moses said"], 1)
    with torch.no_grad():
        torch.testing.assert_close(code["model"](**batch).logits, model(batch).logits)
    assert card_of(folder).data.library_name == "peft"


def test_an_adapter_alone_needs_an_adapter_and_the_base_model(
    pretrained: Path, tmp_path: Path
) -> None:
    data = sample(str(pretrained))
    values = data.model_data_kwargs
    task = TextClassificationTransformer(str(pretrained), model_data_kwargs=values)
    with pytest.raises(ConfigurationError, match="export_adapter=true, but the model has no adap"):
        export(task, data, tmp_path / "a", adapter=True)
    values = {**values, "vocab_size": embedding_rows(task.model) + 8}
    task = TextClassificationTransformer(str(pretrained), peft=LORA, model_data_kwargs=values)
    with pytest.raises(ConfigurationError, match="export_adapter=true, but the base model lacks "):
        export(task, data, tmp_path / "b", adapter=True)
    with pytest.raises(ConfigurationError, match="export_onnx=true needs all weights"):
        export(task, data, tmp_path / "c", adapter=True, onnx=True)
    assert not any(tmp_path.iterdir())


def test_an_adapter_with_random_weights_saves_all(tmp_path: Path) -> None:
    """No file has the weights of such a backbone."""
    data = sample(TINY)
    backbone = {"pretrained_model_name_or_path": TINY, "random_weights": True}
    model = TextClassificationTransformer(
        backbone, peft=LORA, model_data_kwargs=data.model_data_kwargs
    )
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=1)
    train(model, data, run)
    run.save_checkpoint(tmp_path / "last.ckpt")
    loaded, restored = load(tmp_path / "last.ckpt")
    assert loaded.predict(["Moses"], restored) == model.predict(["Moses"], data)
    with pytest.raises(ConfigurationError, match="whose weights are in no file"):
        export(model, data, tmp_path / "adapter", adapter=True)


def test_where_no_layer_fits_it_is_said(pretrained: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot add the adapter .*peft\.target_modules="):
        TextClassificationTransformer(
            str(pretrained), peft={**LORA, "target_modules": ["nothing_of_this_name"]}
        )


@pytest.mark.parametrize(
    ("architecture", "head"),
    [("gpt2", "AutoModelForCausalLM"), ("bert", "AutoModelForMaskedLM")],
)
def test_a_larger_vocabulary_is_saved_with_the_adapter(
    architecture: str, head: str, tmp_path: Path
) -> None:
    """The new embedding rows are in no file; without them only the adapter is saved."""
    shipped = f"pkg://lightning_transformers/assets/tiny/{architecture}"
    tiny = Backbone(shipped, random_weights=True).load_model(f"transformers.{head}", {})
    tiny.save_pretrained(tmp_path)

    def build(seed: int, rows: int) -> TaskTransformer:
        seed_everything(seed)
        return TaskTransformer(
            str(tmp_path), f"transformers.{head}", peft=LORA, model_data_kwargs={"vocab_size": rows}
        )

    def saved(model: TaskTransformer) -> dict[str, Any]:
        checkpoint = {"state_dict": model.state_dict()}
        model.on_save_checkpoint(checkpoint)
        return checkpoint["state_dict"]

    rows = embedding_rows(tiny)
    assert all("lora" in name or "metrics" in name for name in saved(build(0, rows)))
    trained, loaded = build(0, rows + 8), build(1, rows + 8)
    loaded.load_state_dict(saved(trained), strict=False)
    for name, value in trained.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_an_architecture_that_peft_has_no_list_for_adapts_queries_and_values() -> None:
    backbone = {
        "pretrained_model_name_or_path": "pkg://lightning_transformers/assets/tiny/vit",
        "random_weights": True,
    }
    model = ImageClassificationTransformer(backbone, peft=LORA)
    adapted = {n for n, m in model.named_modules() if isinstance(m, BaseTunerLayer)}
    assert {name.rpartition(".")[2] for name in adapted} == {"q_proj", "v_proj"}
