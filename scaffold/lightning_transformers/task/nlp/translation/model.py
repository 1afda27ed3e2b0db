"""Task of translation."""

import logging
import re
from collections.abc import Callable
from typing import Any, ClassVar, Literal, cast

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.task.shared.seq2seq import Seq2SeqTransformer
from lightning_transformers.training.metrics import TextMetric

TOKENIZERS = {
    "zh": "zh zho chi cmn yue",
    "ja-mecab": "ja jpn",
    "ko-mecab": "ko kor",
    "char": "th tha lo lao km khm my mya bo bod",
}
"""Languages that sacreBLEU's default tokenizer does not split into words, by their tokenizer."""

log = logging.getLogger(__name__)


class TranslationTransformer(Seq2SeqTransformer):
    """Translates a text; logs the loss per token, BLEU and chrF."""

    bleu_tokenizer: Literal["13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"] | None = (
        None
    )
    """Tokenizer of sacreBLEU; None: that of the target language, see `bleu_of`."""

    data_module_type: ClassVar[str] = f"{__package__}.TranslationDataModule"

    def build_model(self) -> PreTrainedModel:
        """Return the model; a multilingual one begins generation with the target language."""
        values = dict(self.model_data_kwargs)
        generation = values.pop("generation_config", {})
        model = self.backbone.load_model(self.downstream_model_type, values)
        cast(Any, model.generation_config).update(**generation)
        return model

    def parameters_key(self) -> str:
        """Return transformers' name of the task, such as `translation_en_to_de`."""
        return "translation_{}_to_{}".format(*self.data.languages())

    def text_metric(self) -> TextMetric:
        """Return BLEU and chrF."""
        return TranslationScores(self.bleu_tokenizer, self.target_language)

    def target_language(self) -> str:
        """Return the target language of the attached data; "" if BLEU does not depend on it yet."""
        return "" if self.formulas < 2 else str(self.data.languages()[1])


class TranslationScores(TextMetric):
    """Corpus BLEU and chrF2 of translations and their references, from 0 to 100.

    Computed by sacreBLEU (Post, 2018) on detokenized texts, as in published results.

    Args:
        bleu_tokenizer: name of sacreBLEU's tokenizer for BLEU; None: that of the language.
        language: returns the target language, called with the first score; "" by default.

    Raises:
        ConfigurationError: if the tokenizer requires a package that is not installed.
    """

    higher_is_better = True

    def __init__(
        self, bleu_tokenizer: str | None = "13a", language: Callable[[], str] = str
    ) -> None:
        super().__init__()
        self.language = language
        self.bleu = None if bleu_tokenizer is None else bleu_with(bleu_tokenizer)
        self.chrf = CHRF()

    def score(self, records: list[list[str]]) -> dict[str, float]:
        """Return `bleu` and `chrf` of pairs of a translation and its reference."""
        translations = [translation for translation, _ in records]
        references = [[reference for _, reference in records]]
        if self.bleu is None:
            self.bleu = bleu_of(self.language())
        return {
            "bleu": self.bleu.corpus_score(translations, references).score,
            "chrf": self.chrf.corpus_score(translations, references).score,
        }


def bleu_with(tokenizer: str) -> BLEU:
    """Return BLEU with a tokenizer of sacreBLEU.

    Raises:
        ConfigurationError: if the tokenizer requires a package that is not installed.
    """
    try:
        return BLEU(tokenize=tokenizer, force=True)
    except (ImportError, RuntimeError) as error:
        extra = tokenizer.partition("-")[0]
        raise ConfigurationError(
            f"task.bleu_tokenizer={tokenizer} requires a package that is not installed: "
            f'pip install "sacrebleu[{extra}]"'
        ) from error


def bleu_of(language: str) -> BLEU:
    """Return BLEU with the tokenizer for a target language, and log the choice.

    It is that of `TOKENIZERS`, or `char` if that is not installed; for other languages `13a`.

    Args:
        language: code of the language, such as `zh`, `zh_CN` or `zho_Hans`.
    """
    code = re.split("[-_]", language.lower())[0]
    name = next((name for name, codes in TOKENIZERS.items() if code in codes.split()), "13a")
    reason = ""
    try:
        bleu = bleu_with(name)
    except ConfigurationError as error:
        bleu, name, reason = bleu_with("char"), "char", f" ({error})"
    log.info("BLEU of language '%s': task.bleu_tokenizer=%s%s", language, name, reason)
    return bleu
