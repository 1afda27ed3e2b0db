"""Task of summarization."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

import regex
from torchmetrics.functional.text import rouge_score

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
        lsum = [rouge_lsum(*pair) for pair in split]
        return {
            **{name: 100 * float(scores[f"{name}_fmeasure"]) for name in ROUGE},
            "rougeLsum": 100 * sum(lsum) / len(lsum),
        }


def sentences(text: str, stemmer: "PorterStemmer") -> list[list[str]]:
    """Return the words of each sentence; those of more than three letters stemmed by `stemmer`."""
    parts = (words(part).split() for part in SENTENCE_END.split(text))
    return [[stemmer.stem(word) if len(word) > 3 else word for word in part] for part in parts]


def rouge_lsum(summary: Sequence[Sequence[str]], reference: Sequence[Sequence[str]]) -> float:
    """Return the F-measure of ROUGE-Lsum, from 0 to 1 (Lin, 2004, section 3.2).

    A word of a reference sentence is a hit if it belongs to its longest common subsequence with one
    of the summary's sentences; each word is a hit at most as often as both texts have it.

    Args:
        summary: the words of each sentence.
        reference: likewise.
    """
    total = sum(map(len, summary)) + sum(map(len, reference))
    left = Counter(chain(*summary)) & Counter(chain(*reference))
    hits = 0
    for sentence in reference:
        places = set[int]().union(*(common_places(sentence, other) for other in summary))
        for word in (sentence[place] for place in sorted(places)):
            if left[word]:
                left[word] -= 1
                hits += 1
    return 2 * hits / total if total else 0.0


def common_places(sentence: Sequence[str], other: Sequence[str]) -> set[int]:
    """Return the indices in `sentence` of a longest common subsequence with `other`."""
    lengths = [[0] * (len(other) + 1)]
    for word in sentence:
        above, row = lengths[-1], [0]
        for j, found in enumerate(other):
            row.append(above[j] + 1 if word == found else max(above[j + 1], row[j]))
        lengths.append(row)
    places, i, j = set[int](), len(sentence), len(other)
    while i and j:
        if sentence[i - 1] == other[j - 1]:
            i, j = i - 1, j - 1
            places.add(i)
        elif lengths[i][j - 1] > lengths[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return places


def words(text: str) -> str:
    """Return the words of a text in lower case, joined by spaces."""
    return " ".join(WORD.findall(text.lower()))
