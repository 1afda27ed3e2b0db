"""Task of summarization."""

from typing import ClassVar

import regex
from torchmetrics.functional.text import rouge_score

from lightning_transformers.task.shared.seq2seq import Seq2SeqTransformer
from lightning_transformers.training.metrics import TextMetric

WORD = regex.compile(r"[^\W_\p{M}][^\W_]*")
"""A word with its combining marks, such as the vowel signs of Hindi, at which `re` splits."""
ROUGE = ("rouge1", "rouge2", "rougeL")


class SummarizationTransformer(Seq2SeqTransformer):
    """Summarizes a text; logs the loss per token and ROUGE."""

    data_module_type: ClassVar[str] = f"{__package__}.SummarizationDataModule"

    def text_metric(self) -> TextMetric:
        """Return ROUGE."""
        return Rouge()


class Rouge(TextMetric):
    """ROUGE-1, ROUGE-2 and ROUGE-L of summaries and their references (Lin, 2004).

    Mean F-measures from 0 to 100 over lower-case words stemmed with Porter's stemmer; ROUGE-L
    treats a summary as one sentence. A word is a run of letters and digits of any script (the
    reference implementation: ASCII only); text without spaces between words, such as Chinese or
    Thai, is not segmented, and scores near 0.
    """

    def score(self, records: list[list[str]]) -> dict[str, float]:
        """Return `rouge1`, `rouge2` and `rougeL` of pairs of a summary and its reference."""
        summaries = [summary for summary, _ in records]
        references = [reference for _, reference in records]
        scores = rouge_score(
            summaries, references, use_stemmer=True, normalizer=words, rouge_keys=ROUGE
        )
        return {name: 100 * float(scores[f"{name}_fmeasure"]) for name in ROUGE}


def words(text: str) -> str:
    """Return the words of a text in lower case, joined by spaces."""
    return " ".join(WORD.findall(text.lower()))
