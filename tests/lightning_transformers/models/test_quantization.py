"""Models larger than the device: other dtypes, quantized weights, and layers on several devices.

bitsandbytes runs on the CPU, too.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from bitsandbytes.optim import AdamW8bit
from peft import PeftModel
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.config.compose import compose
from lightning_transformers.models.adapters import merge_adapters
from lightning_transformers.models.backbone import Backbone
from lightning_transformers.runs.build import build_data, build_model, restore, seed_everything
from lightning_transformers.runs.export import export, export_from_config
from lightning_transformers.runs.load import load
from lightning_transformers.runs.train import train_from_config
from tests.helpers.slow import sampled

LAYERS = {"bnb4": Linear4bit, "bnb8": Linear8bitLt}
LOSS = "val/loss"
HEAD = "transformers.AutoModelForSequenceClassification"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a saved backbone without a head."""
    folder = tmp_path_factory.mktemp("pretrained")
    seed_everything(0)
    tiny = Backbone("pkg://lightning_transformers/assets/tiny/bert", random_weights=True)
    tiny.load_model(HEAD, {"num_labels": 2}).base_model.save_pretrained(folder)
    tiny.load_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def words(pretrained: Path, project: Path) -> Callable[..., Any]:
    """Return a function that composes a training of two steps in the working directory."""

    def words(*overrides: str) -> Any:
        return compose(
            [
                *("task=nlp/text_classification", "dataset.dataset_name=sample", "logger=csv"),
                f"backbone.pretrained_model_name_or_path={pretrained}",
                *("dataset.limit_train_samples=32", "dataset.limit_val_samples=16"),
                *("trainer.max_epochs=1", "trainer.accelerator=cpu", "training.run_dir=run"),
                *("training.validate_before_fit=false", "callbacks=default", *overrides),
            ]
        )

    return words


@pytest.mark.parametrize("quantization", sampled(LAYERS, ["bnb4"]))
def test_qlora_trains_and_its_checkpoint_is_that_of_an_adapter(
    quantization: str, words: Callable[..., Any]
) -> None:
    typed = ("peft=qlora", f"backbone.quantization={quantization}")
    metrics = train_from_config(words(*typed, "optimizer.lr=1e-2"))
    content = torch.load("run/checkpoints/last.ckpt", weights_only=True)
    names = content["state_dict"].keys()
    assert all(
        "lora" in name or "classifier" in name or name.startswith("metrics") for name in names
    )
    task, _ = restore(words("checkpoint_path=run/checkpoints/last.ckpt"))
    query = task.model.get_submodule("bert.encoder.layer.0.attention.self.query").get_base_layer()
    assert type(query) is LAYERS[quantization]
    assert type(task.model.classifier) is nn.Linear
    for name, parameter in task.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter.data, content["state_dict"][name], rtol=0, atol=0)
            assert parameter.dtype == torch.float32
    again = train_from_config(words(*typed, "optimizer.lr=1e-2", "training.run_dir=again"))
    assert again[LOSS] == metrics[LOSS]


@pytest.mark.slow
def test_an_adapter_that_was_trained_on_rounded_weights_fits_the_others(
    words: Callable[..., Any],
) -> None:
    train_from_config(words("peft=qlora"))
    checkpoint = "checkpoint_path=run/checkpoints/last.ckpt"
    rounded, data = restore(words(checkpoint))
    full, _ = restore(words(checkpoint, "backbone.quantization=bnb8"))
    assert type(full.model.bert.pooler.dense.get_base_layer()) is Linear8bitLt
    (batch,) = data.predict_batches(["And Moses said"], 1)
    batch = {
        name: value for name, value in batch.items() if name in ("input_ids", "attention_mask")
    }
    with torch.no_grad():
        logits = [model.eval().model(**batch).logits for model in (rounded, full)]
    torch.testing.assert_close(*logits, rtol=0, atol=0.3)


def test_an_export_has_the_weights_of_the_files(
    words: Callable[..., Any], pretrained: Path
) -> None:
    train_from_config(words("peft=qlora", "optimizer.lr=1e-2"))
    config = words("checkpoint_path=run/checkpoints/last.ckpt", "peft=qlora", "export_dir=out")
    exported = AutoModelForSequenceClassification.from_pretrained(export_from_config(config))
    assert not hasattr(exported.config, "quantization_config")
    task, _ = load("run", quantized=False)
    merged = merge_adapters(task.model).state_dict()
    assert all(torch.equal(merged[name], value) for name, value in exported.state_dict().items())
    files, table = AutoModel.from_pretrained(pretrained), "embeddings.word_embeddings.weight"
    assert torch.equal(files.get_parameter(table), merged[f"bert.{table}"])
    with pytest.raises(ConfigurationError, match=r"is quantized \(bnb4\).* load\(<run>, quantized"):
        export(*load("run"), "other")


def test_a_quantized_backbone_without_an_adapter_must_be_frozen(words: Callable[..., Any]) -> None:
    message = r"bnb4 rounds the weights, .* set peft=qlora, or task.freeze=backbone"
    with pytest.raises(ConfigurationError, match=message):
        train_from_config(words("backbone.quantization=bnb4"))
    train_from_config(words("backbone.quantization=bnb4", "task.freeze=backbone"))
    content = torch.load("run/checkpoints/last.ckpt", weights_only=True)
    names = {name for name in content["state_dict"] if name.startswith("model")}
    assert names == {"model.classifier.weight", "model.classifier.bias"}
    restore(words("checkpoint_path=run/checkpoints/last.ckpt"))


@pytest.mark.slow
def test_a_new_head_trains_as_a_whole(words: Callable[..., Any], pretrained: Path) -> None:
    train_from_config(words("peft=lora", "peft.target_modules=all-linear", "optimizer.lr=1e-2"))
    checkpoint = ("checkpoint_path=run/checkpoints/last.ckpt", "export_adapter=true")
    folder = export_from_config(words("peft=lora", *checkpoint, "export_dir=out"))
    task, _ = load("run/checkpoints/last.ckpt")
    base = AutoModelForSequenceClassification.from_pretrained(
        pretrained, num_labels=task.model.config.num_labels
    )
    exported = PeftModel.from_pretrained(base, folder)
    head = exported.get_base_model().classifier.modules_to_save["default"]
    assert torch.equal(head.weight, task.model.classifier.weight)


def test_random_weights_are_not_quantized(pretrained: Path) -> None:
    backbone = Backbone(str(pretrained), random_weights=True, quantization="bnb4")
    with pytest.raises(ConfigurationError, match="quantization=bnb4 needs trained weights: set "):
        backbone.load_model(HEAD, {})


def test_without_bitsandbytes(pretrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning_transformers.models.backbone.find_spec", lambda name: None)
    with pytest.raises(
        ConfigurationError, match=r"`bitsandbytes` is not installed .*: pip install"
    ):
        Backbone(str(pretrained), quantization="bnb8").load_model(HEAD, {})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_weights_have_the_dtype(dtype: str, words: Callable[..., Any]) -> None:
    config = words(f"backbone.dtype={dtype}")
    model = build_model(config, build_data(config)).model
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, dtype)}


def test_random_weights_have_no_files_with_a_dtype(pretrained: Path) -> None:
    model = Backbone(str(pretrained), random_weights=True, dtype="auto").load_model(HEAD, {})
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_the_state_of_the_optimizer_has_8_bits(words: Callable[..., Any]) -> None:
    config = words("optimizer=adamw_8bit")
    task = build_model(config, build_data(config))
    optimizer = task.build_optimizer(task.parameter_groups())
    assert isinstance(optimizer, AdamW8bit)
    table = task.model.get_input_embeddings().weight  # smaller tensors stay in 32 bits
    table.grad = torch.ones_like(table)
    optimizer.step()
    assert optimizer.state[table]["state1"].dtype == torch.uint8


@pytest.mark.slow
def test_a_resumed_training_with_8_bits_is_exact(words: Callable[..., Any]) -> None:
    typed = ("optimizer=adamw_8bit", "optimizer.lr=1e-2", "scheduler=constant_schedule")
    whole = train_from_config(words(*typed, "trainer.max_epochs=2", "training.run_dir=whole"))
    train_from_config(words(*typed))
    resumed = train_from_config(words(*typed, "trainer.max_epochs=2", "resume=auto"))
    assert resumed[LOSS] == whole[LOSS]


def test_a_model_on_several_devices_stays_where_it_is(words: Callable[..., Any]) -> None:
    config = words("backbone.device_map=auto")
    task = build_model(config, build_data(config))
    task.model.hf_device_map = {"bert": "cpu", "classifier": "disk"}
    assert task.to("meta").device.type == "meta"
    assert next(task.model.parameters()).device.type == "cpu"
    assert [name for name, _ in task.named_children()] == ["model", "metrics"]
    task.model.hf_device_map = {"": "cpu"}
    assert next(task.to("meta").parameters()).device.type == "meta"


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device exists")
def test_a_device_that_does_not_exist(pretrained: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"backbone.device_map=cuda:0 does not work here"):
        Backbone(str(pretrained), device_map="cuda:0").load_model(HEAD, {})


def test_a_device_map_is_for_one_process(words: Callable[..., Any]) -> None:
    config = words("backbone.device_map=auto")
    task = build_model(config, build_data(config))
    task._trainer = type("Two", (), {"world_size": 2})()
    with pytest.raises(ConfigurationError, match=r"there are 2 processes: set trainer.devices=1"):
        task.to("cpu")
