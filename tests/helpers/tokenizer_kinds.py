"""A small tokenizer of each kind: byte-level, WordPiece and Unigram."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertTokenizer,
    PreTrainedTokenizerBase,
    RobertaTokenizer,
    XLMRobertaTokenizer,
)

from lightning_transformers.base.package_data import local_path

TEXT = "Mr. Darcy, of the U.S., wrote: Élodie didn't see J.R.R. Tolkien (she never does)!"
TINY = "pkg://lightning_transformers/assets/tiny/bert/tokenizer.json"
LIMIT = {"model_max_length": 128}


def byte_level() -> PreTrainedTokenizerBase:
    """Return RoBERTa's tokenizer, with the vocabulary of the tiny models."""
    bpe = json.loads(Path(local_path(TINY)).read_text())["model"]
    merges = [tuple(pair) for pair in bpe["merges"]]
    return RobertaTokenizer(vocab=bpe["vocab"], merges=merges, **LIMIT)


def wordpiece() -> PreTrainedTokenizerBase:
    """Return BERT's tokenizer, trained on `TEXT`."""
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = normalizers.BertNormalizer()
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trained.train_from_iterator([TEXT], trainers.WordPieceTrainer(special_tokens=special))
    return BertTokenizer(vocab=trained.get_vocab(), **LIMIT)


def unigram() -> PreTrainedTokenizerBase:
    """Return XLM-R's tokenizer, trained on `TEXT`."""
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(special_tokens=special, unk_token="<unk>")
    trained.train_from_iterator([TEXT, TEXT.lower()], trainer)
    pieces = json.loads(trained.to_str())["model"]["vocab"]
    return XLMRobertaTokenizer(vocab=[tuple(piece) for piece in pieces], **LIMIT)


KINDS: dict[str, Callable[[], PreTrainedTokenizerBase]] = {
    "byte-level": cache(byte_level),
    "WordPiece": cache(wordpiece),
    "Unigram": cache(unigram),
}
