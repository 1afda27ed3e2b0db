"""The training loss of a large vocabulary, which is computed in chunks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    GraniteConfig,
    MixtralConfig,
    OPTConfig,
    PreTrainedConfig,
    Qwen3Config,
)

from lightning_transformers.runs.build import seed_everything
from lightning_transformers.task.nlp.language_modeling import (
    LanguageModelingTransformer,
    large_vocabulary,
)
from lightning_transformers.task.nlp.language_modeling.large_vocabulary import (
    ChunkedLoss,
    chunked_loss,
    has_plain_head,
)
from tests.helpers.language_modeling import BACKBONE, sample, trainer
from tests.helpers.tiny import LAYERS, SIZE, bert, gpt2, llama

VALUES: Any = {"intermediate_size": 64, "num_key_value_heads": 2, **LAYERS, **SIZE}
OPT: Any = {"ffn_dim": 64, "word_embed_proj_dim": 16, **LAYERS, **SIZE}


def of(config: PreTrainedConfig) -> Any:
    return AutoModelForCausalLM.from_config(config)


PLAIN = {
    "gpt2": gpt2,
    "llama": llama,
    "tied": lambda: llama(tie_word_embeddings=True),
    "opt": lambda: of(OPTConfig(**OPT)),
    "qwen3": lambda: of(Qwen3Config(head_dim=16, **VALUES)),
}
OTHERS = {
    "capped": lambda: of(Gemma2Config(head_dim=16, **VALUES)),
    "scaled": lambda: of(CohereConfig(**VALUES)),
    "divided": lambda: of(GraniteConfig(logits_scaling=8.0, **VALUES)),
    "another term": lambda: of(MixtralConfig(output_router_logits=True, **VALUES)),
    "transformed": bert,
}


def batch_of(model: Any) -> dict[str, Tensor]:
    """Return a batch with masked labels, after setting the kind of loss that tasks set."""
    model.loss_type = model.loss_type or "ForCausalLM"
    ids = torch.arange(4 * 40).reshape(4, 40) % 190 + 3
    labels = ids.clone()
    labels[:, 5:9] = -100
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


@pytest.mark.parametrize("has_chunks", [large_vocabulary.TORCH_HAS_CHUNKS, False])
@pytest.mark.parametrize("name", PLAIN)
def test_loss_and_gradients_are_those_of_all_logits(
    name: str, has_chunks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_vocabulary, "TORCH_HAS_CHUNKS", has_chunks)
    seed_everything(0)
    model = PLAIN[name]().eval()
    batch = batch_of(model)
    assert has_plain_head(model, batch)
    count = (batch["labels"][:, 1:] != -100).sum()
    losses, gradients = [], []
    for loss in (model(**batch).loss, chunked_loss(model, batch) / count):
        model.zero_grad()
        loss.backward()
        losses.append(loss)
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(*losses, rtol=1e-6, atol=0)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_that_changes_its_logits_or_loss_keeps_them(name: str) -> None:
    model = OTHERS[name]()
    assert not has_plain_head(model, batch_of(model))


def test_a_model_with_a_hook_keeps_its_logits() -> None:
    model: Any = gpt2()
    model.lm_head.register_forward_hook(lambda *_: None)
    assert not has_plain_head(model, batch_of(model))


def fitted(folder: Path, cls: type[Any] = LanguageModelingTransformer, **values: Any) -> Any:
    """Train four steps and return the task."""
    seed_everything(0)
    task = cls(BACKBONE, **values)
    run = trainer(folder, max_steps=4, limit_val_batches=0)
    run.fit(task, datamodule=sample())
    return task


def test_a_training_is_the_same_but_for_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fitted(tmp_path)
    assert expected._is_plain is None
    monkeypatch.setattr(large_vocabulary, "LARGE", 0)
    found = fitted(tmp_path)
    assert found._is_plain
    parameters = [{n: p.data for n, p in task.named_parameters()} for task in (expected, found)]
    torch.testing.assert_close(*parameters, rtol=0, atol=1e-5)


@pytest.mark.parametrize("override", ["forward", "compute_loss", "training_step"])
def test_a_class_with_a_method_of_its_own_gets_the_logits(
    override: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_vocabulary, "LARGE", 0)
    inherited = getattr(LanguageModelingTransformer, override)
    own = type(
        "Own", (LanguageModelingTransformer,), {override: lambda *a, **k: inherited(*a, **k)}
    )
    assert fitted(tmp_path, own)._is_plain is False


def test_a_smoothed_loss_and_a_former_run_have_the_logits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_vocabulary, "LARGE", 0)
    assert fitted(tmp_path, label_smoothing=0.1)._is_plain is False
    task = LanguageModelingTransformer(BACKBONE)
    task.formulas = 1
    trainer(tmp_path, max_steps=1, limit_val_batches=0).fit(task, datamodule=sample())
    assert task._is_plain is False


def gradients_of(model: Any) -> Tensor:
    """Return all gradients, float32."""
    return torch.cat([p.grad.float().flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("mixed", [True, False])
def test_in_bfloat16_they_are_those_of_all_logits_but_for_its_rounding(
    name: str, mixed: bool
) -> None:
    seed_everything(0)
    model = PLAIN[name]().eval()
    batch = batch_of(model)
    model(**batch).loss.backward()
    exact = gradients_of(model)
    if not mixed:
        model = model.to(torch.bfloat16)
    count = (batch["labels"][:, 1:] != -100).sum()
    losses, errors = [], []
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        assert has_plain_head(model, batch)
        for loss in (model(**batch).loss, chunked_loss(model, batch) / count):
            assert loss.dtype == torch.float32
            model.zero_grad()
            loss.backward()
            losses.append(loss)
            errors.append(float((gradients_of(model) - exact).norm() / exact.norm()))
    torch.testing.assert_close(*losses, rtol=1e-6, atol=0)
    full, chunks = errors
    assert 0 < chunks <= 1.05 * full < 0.05


@pytest.mark.parametrize("trained", [(False, True), (True, False), (False, False)])
def test_in_bfloat16_a_frozen_head_has_no_gradient(trained: tuple[bool, bool]) -> None:
    hidden, labels = torch.randn(3, 4, requires_grad=True), torch.arange(3)
    weight, bias = (
        torch.randn(size, requires_grad=needed)
        for size, needed in zip([(5, 4), (5,)], trained, strict=True)
    )
    loss: Any = ChunkedLoss.apply(hidden, weight, bias, labels, torch.bfloat16)
    kept = loss.grad_fn.saved_tensors
    assert [each is not None for each in kept] == [True, *trained]
    loss.backward()
    assert [each.grad is not None for each in (hidden, weight, bias)] == [True, *trained]


def test_in_bfloat16_the_gradients_are_scaled_in_place_once() -> None:
    weight = torch.randn(5, 4, requires_grad=True)
    hidden, labels = torch.randn(3, 4), torch.arange(3)
    loss: Any = ChunkedLoss.apply(hidden, weight, None, labels, torch.bfloat16)
    kept = loss.grad_fn.saved_tensors[1]
    loss.backward(retain_graph=True)
    assert weight.grad is not None
    assert torch.equal(weight.grad, kept)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_training_in_bfloat16_computes_chunks_from_version_4_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_vocabulary, "LARGE", 0)
    for formulas in (3, 4):
        task = LanguageModelingTransformer(BACKBONE)
        task.formulas = formulas
        run = trainer(tmp_path, max_steps=1, limit_val_batches=0, precision="bf16-mixed")
        run.fit(task, datamodule=sample())
        assert task._is_plain is (formulas == 4)
