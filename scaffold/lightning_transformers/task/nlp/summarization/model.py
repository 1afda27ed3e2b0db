"""The summarizer."""

from typing import Any, ClassVar

import regex
from torchmetrics.functional.text import rouge_score

from lightning_transformers.task.shared.seq2seq import Seq2SeqTransformer
from lightning_transformers.training.metrics import TextMetric

WORD = regex.compile(r"[^\W_\p{M}][^\W_]*")
"""Letters and digits with their marks, such as the vowel signs of Hindi, which `re` splits at."""
ROUGE = ("rouge1", "rouge2", "rougeL")


class SummarizationTransformer(Seq2SeqTransformer):
    """Summarizes a text; reports the loss per token and ROUGE."""

    data_module_type: ClassVar[str] = (
        "lightning_transformers.task.nlp.summarization.SummarizationDataModule"
    )

    def text_metric(self) -> TextMetric:
        """Return ROUGE."""
        return Rouge()


class Rouge(TextMetric):
    """ROUGE-1, ROUGE-2 and ROUGE-L of pairs of a summary and its reference (Lin, 2004).

    F-measures from 0 to 100, each the mean over the pairs, of lower-case words without their
    endings (Porter's stemmer), as papers report them; ROUGE-L takes a summary as one sentence.
    Letters of every script count, where the reference implementation sees ASCII alone.
    """

    def score(self, records: list[Any]) -> dict[str, float]:
        """Return the scores by name."""
        summaries = [summary for summary, _ in records]
        references = [reference for _, reference in records]
        scores = rouge_score(
            summaries, references, use_stemmer=True, normalizer=words, rouge_keys=ROUGE
        )
        return {name: 100 * float(scores[f"{name}_fmeasure"]) for name in ROUGE}


def words(text: str) -> str:
    """Return the words of a text in lower case, with spaces between them."""
    return " ".join(WORD.findall(text.lower()))
