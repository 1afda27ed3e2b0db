"""Tagged sentences, and data modules that read them."""

from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lightning_transformers.models.backbone import Backbone
from lightning_transformers.task.nlp.token_classification import (
    TokenClassificationDataModule,
)

BERT = {
    "pretrained_model_name_or_path": "pkg://lightning_transformers/assets/tiny/bert",
    "random_weights": True,
}
TOKENIZER = Backbone(**BERT).load_tokenizer()
PIECES = ["[PAD]", "[UNK]", "eu", "re", "##ject", "##s"]
WORDPIECE = Tokenizer(
    models.WordPiece({piece: number for number, piece in enumerate(PIECES)}, unk_token="[UNK]")
)
WORDPIECE.normalizer = normalizers.BertNormalizer()
WORDPIECE.pre_tokenizer = pre_tokenizers.BertPreTokenizer()


def wordpiece() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=WORDPIECE, pad_token="[PAD]", unk_token="[UNK]", model_max_length=5
    )


def data_module(tokenizer: Any = TOKENIZER, **values: Any) -> TokenClassificationDataModule:
    return TokenClassificationDataModule(tokenizer, **values)
