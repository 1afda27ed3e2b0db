"""Freezing the backbone, with tied and untied embeddings."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.models.freezing import freeze_backbone, is_tied, untie_embeddings
from tests.helpers.tiny import ARCHITECTURES, gpt2

HEADS = {
    "gpt2": {"lm_head.weight"},
    "llama": {"lm_head.weight"},
    "bert": {
        "cls.predictions.bias",
        "cls.predictions.transform.dense.weight",
        "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.LayerNorm.bias",
        "cls.predictions.decoder.weight",
        "cls.predictions.decoder.bias",
    },
    "t5": {"lm_head.weight"},
}
SHARED = {
    "gpt2": "transformer.wte.weight",
    "llama": "model.embed_tokens.weight",
    "bert": "bert.embeddings.word_embeddings.weight",
    "t5": "shared.weight",
}
architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)


def trainable(model: torch.nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


@architectures
def test_only_the_head_trains(architecture: str) -> None:
    model = ARCHITECTURES[architecture]()
    if architecture == "t5":  # transformers ignores tie_word_embeddings=False
        untie_embeddings(model)
    assert not is_tied(model)
    freeze_backbone(model)
    assert HEADS[architecture] - {"cls.predictions.bias"} <= trainable(model)
    assert trainable(model) <= HEADS[architecture]


@architectures
def test_tied_embeddings_are_an_error_by_default(architecture: str) -> None:
    model = ARCHITECTURES[architecture](tie_word_embeddings=True)
    with pytest.raises(ConfigurationError, match=r"'train'.*'untie'"):
        freeze_backbone(model)


@architectures
def test_the_shared_matrix_can_train(architecture: str) -> None:
    model = ARCHITECTURES[architecture](tie_word_embeddings=True)
    freeze_backbone(model, tied="train")
    assert is_tied(model)
    assert SHARED[architecture] in trainable(model)


@architectures
def test_the_head_can_be_untied(architecture: str) -> None:
    model = ARCHITECTURES[architecture](tie_word_embeddings=True)
    freeze_backbone(model, tied="untie")
    assert SHARED[architecture] not in trainable(model)
    output = model.get_output_embeddings().weight
    assert output.requires_grad
    assert torch.equal(output, model.get_input_embeddings().weight)


def test_an_untied_head_stays_so_when_saved_and_loaded(tmp_path: Path) -> None:
    model = gpt2(tie_word_embeddings=True)
    freeze_backbone(model, tied="untie")
    with torch.no_grad():
        model.get_output_embeddings().weight.add_(1.0)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(loaded.lm_head.weight, model.lm_head.weight)
    assert torch.equal(loaded.transformer.wte.weight, model.transformer.wte.weight)


def test_a_model_without_a_head_has_nothing_to_train() -> None:
    with pytest.raises(ConfigurationError, match="has no head"):
        freeze_backbone(gpt2().base_model)
