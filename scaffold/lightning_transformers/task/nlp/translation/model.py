"""Task of translation."""

from typing import Any, ClassVar, Literal, cast

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.task.shared.seq2seq import Seq2SeqTransformer
from lightning_transformers.training.metrics import TextMetric


class TranslationTransformer(Seq2SeqTransformer):
    """Translates a text; logs the loss per token, BLEU and chrF."""

    bleu_tokenizer: Literal["13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"] = "13a"
    """Tokenizer of sacreBLEU for the target language: `zh` for Chinese, `ja-mecab` for Japanese."""

    data_module_type: ClassVar[str] = f"{__package__}.TranslationDataModule"

    def build_model(self) -> PreTrainedModel:
        """Return the model; a multilingual one begins generation with the target language."""
        values = dict(self.model_data_kwargs)
        generation = values.pop("generation_config", {})
        model = self.backbone.load_model(self.downstream_model_type, values)
        cast(Any, model.generation_config).update(**generation)
        return model

    def text_metric(self) -> TextMetric:
        """Return BLEU and chrF."""
        return TranslationScores(self.bleu_tokenizer)


class TranslationScores(TextMetric):
    """Corpus BLEU and chrF2 of translations and their references, from 0 to 100.

    Computed by sacreBLEU (Post, 2018) on detokenized texts, as in published results.

    Args:
        bleu_tokenizer: name of sacreBLEU's tokenizer for BLEU.

    Raises:
        ConfigurationError: if the tokenizer requires a package that is not installed.
    """

    def __init__(self, bleu_tokenizer: str = "13a") -> None:
        super().__init__()
        try:
            self.bleu = BLEU(tokenize=bleu_tokenizer, force=True)
        except (ImportError, RuntimeError) as error:
            extra = bleu_tokenizer.partition("-")[0]
            raise ConfigurationError(
                f"task.bleu_tokenizer={bleu_tokenizer} requires a package that is not installed: "
                f'pip install "sacrebleu[{extra}]"'
            ) from error
        self.chrf = CHRF()

    def score(self, records: list[list[str]]) -> dict[str, float]:
        """Return `bleu` and `chrf` of pairs of a translation and its reference."""
        translations = [translation for translation, _ in records]
        references = [[reference for _, reference in records]]
        return {
            "bleu": self.bleu.corpus_score(translations, references).score,
            "chrf": self.chrf.corpus_score(translations, references).score,
        }
