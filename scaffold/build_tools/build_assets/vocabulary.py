"""The shared vocabulary of the tiny text models, and their tokenizers."""

from collections.abc import Iterable
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import ByteLevel as TrimmedOffsets
from tokenizers.processors import Sequence, TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

VOCAB_SIZE = 2048
# The mask includes the space before it, as the token that it masks does.
SPECIAL_TOKENS = {
    "pad_token": AddedToken("<pad>", special=True, normalized=False),
    "bos_token": AddedToken("<s>", special=True, normalized=False),
    "eos_token": AddedToken("</s>", special=True, normalized=False),
    "mask_token": AddedToken("<mask>", special=True, normalized=False, lstrip=True),
    "unk_token": AddedToken("<unk>", special=True, normalized=False),
}
SPECIAL_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def train_bpe(texts: Iterable[str]) -> Tokenizer:
    """Return a byte-level BPE, whose decoding inverts its encoding for every text."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bpe.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=list(SPECIAL_TOKENS.values()),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return bpe


def build_tokenizer(
    bpe: Tokenizer, max_length: int, single: str | None, pair: str | None
) -> PreTrainedTokenizerFast:
    """Return a tokenizer that adds the special tokens of a model.

    Args:
        bpe: the vocabulary.
        max_length: the longest input in tokens.
        single: template of a text `$A`; None adds no special tokens.
        pair: template of a pair `$A`, `$B`; `:1` sets the token type.
    """
    # Without trimming, the offsets of a word include the space before it.
    processors: list[Any] = [TrimmedOffsets(trim_offsets=True)]
    if single is not None:
        ids = [("<s>", SPECIAL_IDS["bos_token_id"]), ("</s>", SPECIAL_IDS["eos_token_id"])]
        processors.append(TemplateProcessing(single=single, pair=pair, special_tokens=ids))
    bpe.post_processor = Sequence(processors)
    types = ["token_type_ids"] if pair and ":1" in pair else []
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        **SPECIAL_TOKENS,
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=max_length,
        model_input_names=["input_ids", *types, "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
