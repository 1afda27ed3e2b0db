"""Tiny models of several architectures, each in less than a second, and a quiet trainer."""

from typing import Any

from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedModel,
    T5Config,
)

SIZE = {"vocab_size": 200, "tie_word_embeddings": False}
LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32}
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "max_epochs": 1,
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
"""Arguments of a trainer that prints and writes nothing."""


def gpt2(**values: Any) -> PreTrainedModel:
    config = GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=64, **SIZE | values)
    return AutoModelForCausalLM.from_config(config)


def llama(**values: Any) -> PreTrainedModel:
    config = LlamaConfig(
        intermediate_size=64, max_position_embeddings=64, **LAYERS, **SIZE | values
    )
    return AutoModelForCausalLM.from_config(config)


def bert(**values: Any) -> PreTrainedModel:
    return BertForMaskedLM(BertConfig(intermediate_size=64, **LAYERS, **SIZE | values))


def t5(**values: Any) -> PreTrainedModel:
    config = T5Config(d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=2, **SIZE | values)
    return AutoModelForSeq2SeqLM.from_config(config)


ARCHITECTURES = {"gpt2": gpt2, "llama": llama, "bert": bert, "t5": t5}
