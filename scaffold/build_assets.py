"""Rebuild the text, the tokenizer and the tiny model config that ship with the runtime.

`python scaffold/build_assets.py` rewrites the tokenizer and the config from `train.txt`.
With `--novel FILE` it first rewrites `train.txt` and `validation.txt` from the plain text of
"Pride and Prejudice", as the R package janeaustenr holds it:

    Rscript -e 'writeLines(janeaustenr::prideprejudice, "novel.txt")'

The result is the same, byte for byte, in every run.
"""

import argparse
import json
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import ByteLevel as ByteLevelProcessor
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

ASSETS = Path(__file__).parent / "lightning_transformers" / "assets"
TEXT = ASSETS / "language_modeling"
TOKENIZER = ASSETS / "tiny" / "tokenizer"
GPT2 = ASSETS / "tiny" / "gpt2"

TRAIN_CHAPTERS = slice(0, 38)
VALIDATION_CHAPTERS = slice(38, 42)

VOCAB_SIZE = 2048
MAX_LENGTH = 128
# The mask takes the space before it, as the token of the word that it hides would.
SPECIAL_TOKENS = {
    "pad_token": AddedToken("<pad>", special=True, normalized=False),
    "bos_token": AddedToken("<s>", special=True, normalized=False),
    "eos_token": AddedToken("</s>", special=True, normalized=False),
    "mask_token": AddedToken("<mask>", special=True, normalized=False, lstrip=True),
    "unk_token": AddedToken("<unk>", special=True, normalized=False),
}
GPT2_CONFIG = {
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
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def chapters(novel: str) -> list[list[str]]:
    """Return the paragraphs of each chapter, each on one line, without marks of emphasis."""
    bodies = re.split(r"^Chapter \d+$", novel, flags=re.MULTILINE)[1:]
    return [
        [" ".join(paragraph.split()) for paragraph in body.replace("_", "").split("\n\n")]
        for body in bodies
    ]


def write_paragraphs(path: Path, paragraphs: Iterable[str]) -> None:
    """Write one paragraph a line, leaving out empty ones and rows of asterisks."""
    kept = [paragraph for paragraph in paragraphs if re.search(r"\w", paragraph)]
    path.write_text("".join(f"{paragraph}\n" for paragraph in kept), "utf-8", newline="\n")


def write_text(novel: str) -> None:
    """Write the two files of text: chapters 1 to 38 to train on, 39 to 42 to validate on."""
    TEXT.mkdir(parents=True, exist_ok=True)
    parts = {"train.txt": TRAIN_CHAPTERS, "validation.txt": VALIDATION_CHAPTERS}
    for name, part in parts.items():
        write_paragraphs(TEXT / name, chain.from_iterable(chapters(novel)[part]))


def trained_bpe(lines: Iterable[str]) -> Tokenizer:
    """Return a byte-level BPE: whatever the text, decoding gives back what was encoded."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bpe.decoder = ByteLevelDecoder()
    bpe.post_processor = ByteLevelProcessor(trim_offsets=True)
    trainer = BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=list(SPECIAL_TOKENS.values()),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(lines, trainer)
    return bpe


def write_tokenizer(lines: Iterable[str]) -> None:
    """Write a tokenizer whose special tokens fit every task on text."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained_bpe(lines),
        **SPECIAL_TOKENS,
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(TOKENIZER)


def write_gpt2() -> None:
    """Write the config of a GPT-2 with 0.9 million weights: what differs from the defaults."""
    GPT2.mkdir(parents=True, exist_ok=True)
    (GPT2 / "config.json").write_text(json.dumps(GPT2_CONFIG, indent=2) + "\n", "utf-8")


def main() -> None:
    """Rebuild the assets that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--novel", type=Path, help="plain text to take the two text files from")
    novel = parser.parse_args().novel
    if novel:
        write_text(novel.read_text("utf-8"))
    write_tokenizer((TEXT / "train.txt").read_text("utf-8").splitlines())
    write_gpt2()


if __name__ == "__main__":
    main()
