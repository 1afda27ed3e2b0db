"""The tiny models: a folder per architecture, as on the hub but without weights."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_tools.build_assets.chats import CHAT_TEMPLATE
from build_tools.build_assets.vocabulary import (
    SPECIAL_IDS,
    VOCAB_SIZE,
    build_tokenizer,
    train_bpe,
)

MAX_LENGTH = 128


@dataclass(frozen=True)
class TextArchitecture:
    """A text model.

    Attributes:
        config: its `config.json`, without default values.
        single: template of its tokenizer for a text `$A`; None adds no special tokens.
        pair: template of its tokenizer for a pair `$A`, `$B`.
        generation: its `generation_config.json`, if it has one.
        chat_template: its `chat_template.jinja`, if it has one.
    """

    config: Mapping[str, Any]
    single: str | None = None
    pair: str | None = None
    generation: Mapping[str, Any] | None = None
    chat_template: str | None = None


TEXT_ARCHITECTURES = {
    "gpt2": TextArchitecture(
        {
            "model_type": "gpt2",
            "vocab_size": VOCAB_SIZE,
            "n_positions": MAX_LENGTH,
            "n_embd": 128,
            "n_layer": 2,
            "n_head": 4,
            "embd_pdrop": 0.05,
            "resid_pdrop": 0.05,
            "attn_pdrop": 0.05,
            "tie_word_embeddings": False,
            **SPECIAL_IDS,
        },
        chat_template=CHAT_TEMPLATE,
    ),
    "bert": TextArchitecture(
        {
            "model_type": "bert",
            "vocab_size": VOCAB_SIZE,
            "max_position_embeddings": MAX_LENGTH,
            "type_vocab_size": 2,
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 256,
            "initializer_range": 0.1,
            "hidden_dropout_prob": 0.05,
            # It would double the step time on a CPU.
            "attention_probs_dropout_prob": 0.0,
            **SPECIAL_IDS,
        },
        single="<s> $A </s>",
        pair="<s> $A </s> $B:1 </s>:1",
    ),
    "t5": TextArchitecture(
        {
            "model_type": "t5",
            "vocab_size": VOCAB_SIZE,
            "d_model": 128,
            "d_kv": 32,
            "d_ff": 256,
            "num_layers": 2,
            "num_heads": 4,
            "feed_forward_proj": "gated-gelu",
            "dropout_rate": 0.05,
            "decoder_start_token_id": SPECIAL_IDS["pad_token_id"],
            **SPECIAL_IDS,
        },
        single="$A </s>",
        pair="$A </s> $B </s>",
        generation={
            "decoder_start_token_id": SPECIAL_IDS["pad_token_id"],
            "pad_token_id": SPECIAL_IDS["pad_token_id"],
            "eos_token_id": SPECIAL_IDS["eos_token_id"],
            "max_length": MAX_LENGTH,
        },
    ),
}
VIT_CONFIG = {
    "model_type": "vit",
    "image_size": 8,
    "patch_size": 2,
    "num_channels": 3,
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 192,
    "initializer_range": 0.1,
}
VIT_IMAGE_PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_convert_rgb": True,
    "size": {"height": 8, "width": 8},
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def write_architectures(assets: Path, texts: Iterable[str]) -> None:
    """Write a folder per tiny model, with tokenizers trained on texts."""
    bpe = train_bpe(texts)
    for name, architecture in TEXT_ARCHITECTURES.items():
        folder = assets / "tiny" / name
        write_json(folder / "config.json", architecture.config)
        if architecture.generation is not None:
            write_json(folder / "generation_config.json", architecture.generation)
        tokenizer = build_tokenizer(bpe, MAX_LENGTH, architecture.single, architecture.pair)
        tokenizer.chat_template = architecture.chat_template
        tokenizer.save_pretrained(folder)
    vit = assets / "tiny" / "vit"
    write_json(vit / "config.json", VIT_CONFIG)
    write_json(vit / "preprocessor_config.json", VIT_IMAGE_PROCESSOR)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file in the hub's format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8", newline="\n")
