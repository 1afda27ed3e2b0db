"""The vocabulary that the tiny models of text share, and the tokenizers made of it."""

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
# The mask takes the space before it, as the token of the word that it hides would.
SPECIAL_TOKENS = {
    "pad_token": AddedToken("<pad>", special=True, normalized=False),
    "bos_token": AddedToken("<s>", special=True, normalized=False),
    "eos_token": AddedToken("</s>", special=True, normalized=False),
    "mask_token": AddedToken("<mask>", special=True, normalized=False, lstrip=True),
    "unk_token": AddedToken("<unk>", special=True, normalized=False),
}
SPECIAL_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def trained_bpe(texts: Iterable[str]) -> Tokenizer:
    """Return a byte-level BPE: whatever the text, decoding gives back what was encoded."""
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


def framed_tokenizer(
    bpe: Tokenizer, max_length: int, single: str | None, pair: str | None
) -> PreTrainedTokenizerFast:
    """Return a tokenizer that frames a text, or a pair of texts, as the model wants it.

    Args:
        bpe: the vocabulary.
        max_length: the longest input in tokens.
        single: the frame of a text `$A`; nothing is added without it.
        pair: the frame of a pair `$A`, `$B`; `:1` marks tokens of the second type.
    """
    # Without trimming, the offsets of a word would begin at the space before it.
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
