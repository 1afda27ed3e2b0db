"""The translator."""

from typing import Any, ClassVar, Literal, cast

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from transformers import PreTrainedModel

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.task.shared.seq2seq import Seq2SeqTransformer
from lightning_transformers.training.metrics import TextMetric


class TranslationTransformer(Seq2SeqTransformer):
    """Translates a text; reports the loss per token, BLEU and chrF."""

    bleu_tokenizer: Literal["13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none"] = "13a"
    """How sacreBLEU cuts texts into words: `zh` for Chinese as the target, and so on."""

    data_module_type: ClassVar[str] = (
        "lightning_transformers.task.nlp.translation.TranslationDataModule"
    )

    def build_model(self) -> PreTrainedModel:
        """Return the model; a multilingual one begins its texts with the target language."""
        values = dict(self.model_data_kwargs)
        generation = values.pop("generation_config", {})
        model = self.backbone.load_model(self.downstream_model_type, values)
        cast(Any, model.generation_config).update(**generation)
        return model

    def text_metric(self) -> TextMetric:
        """Return BLEU and chrF."""
        return TranslationScores(self.bleu_tokenizer)


class TranslationScores(TextMetric):
    """BLEU and chrF2 of the whole set of translations and their references, from 0 to 100.

    As sacreBLEU computes them (Post, 2018) on texts as people write them, so that they compare
    with published scores.

    Args:
        bleu_tokenizer: sacreBLEU's name of how BLEU cuts texts into words.

    Raises:
        ConfigurationError: if that needs a package that is not installed.
    """

    def __init__(self, bleu_tokenizer: str = "13a") -> None:
        super().__init__()
        try:
            self.bleu = BLEU(tokenize=bleu_tokenizer, force=True)
        except (ImportError, RuntimeError) as error:
            extra = bleu_tokenizer.partition("-")[0]
            raise ConfigurationError(
                f"task.bleu_tokenizer={bleu_tokenizer} needs a package that is not installed: "
                f'pip install "sacrebleu[{extra}]"'
            ) from error
        self.chrf = CHRF()

    def score(self, records: list[Any]) -> dict[str, float]:
        """Return the scores by name."""
        translations = [translation for translation, _ in records]
        references = [[reference for _, reference in records]]
        return {
            "bleu": self.bleu.corpus_score(translations, references).score,
            "chrf": self.chrf.corpus_score(translations, references).score,
        }
