"""Task of summarization."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import regex
from torchmetrics.functional.text import rouge_score
from torchmetrics.functional.text.rouge import _normalize_and_tokenize_text, _rouge_lsum_score

from lightning_transformers.task.shared.seq2seq import Seq2SeqTransformer
from lightning_transformers.training.metrics import TextMetric

if TYPE_CHECKING:
    from nltk.stem.porter import PorterStemmer

WORD = regex.compile(r"[^\W_\p{M}][^\W_]*")
"""A word with its combining marks, such as the vowel signs of Hindi, at which `re` splits."""
SENTENCE_END = regex.compile(r"\n+|(?<=[.!?。！？])\s+")
ROUGE = ("rouge1", "rouge2", "rougeL")


class SummarizationTransformer(Seq2SeqTransformer):
    """Summarizes a text; logs the loss per token and ROUGE."""

    data_module_type: ClassVar[str] = f"{__package__}.SummarizationDataModule"

    def parameters_key(self) -> str:
        """Return transformers' name of the task."""
        return "summarization"

    def text_metric(self) -> TextMetric:
        """Return ROUGE."""
        return Rouge()


class Rouge(TextMetric):
    """ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum of summaries and their references (Lin, 2004).

    Mean F-measures from 0 to 100 over lower-case words stemmed with Porter's stemmer. ROUGE-L
    treats a summary as one sentence; ROUGE-Lsum, which papers report for summaries of several
    sentences, splits it at line feeds and after `.`, `!` and `?`. A word is a run of letters and
    digits of any script (the reference implementation: ASCII only); text without spaces between
    words, such as Chinese or Thai, is not segmented, and scores near 0.
    """

    higher_is_better = True

    def score(self, records: list[list[str]]) -> dict[str, float]:
        """Return the scores of pairs of a summary and its reference, by name."""
        summaries = [summary for summary, _ in records]
        references = [reference for _, reference in records]
        scores = rouge_score(
            summaries, references, use_stemmer=True, normalizer=words, rouge_keys=ROUGE
        )
        from nltk.stem.porter import PorterStemmer  # takes a second, and only scores need it

        stemmer = PorterStemmer()
        split = [[sentences(text, stemmer) for text in pair] for pair in records]
        lsum = [_rouge_lsum_score(*pair)["fmeasure"] for pair in split]
        return {
            **{name: 100 * float(scores[f"{name}_fmeasure"]) for name in ROUGE},
            "rougeLsum": 100 * float(sum(lsum)) / len(lsum),
        }


def sentences(text: str, stemmer: "PorterStemmer") -> list[Sequence[str]]:
    """Return the words of each sentence, stemmed by `stemmer`."""
    parts = SENTENCE_END.split(text)
    return [_normalize_and_tokenize_text(part, stemmer, words) for part in parts]


def words(text: str) -> str:
    """Return the words of a text in lower case, joined by spaces."""
    return " ".join(WORD.findall(text.lower()))
