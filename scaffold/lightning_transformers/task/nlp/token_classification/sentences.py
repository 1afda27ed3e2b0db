"""Split a text, a column value or the lines of a file into words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import regex

from lightning_transformers.base.types import Row
from lightning_transformers.data.labels import require_no_list
from lightning_transformers.data.texts import as_list

WORDS_AND_PUNCTUATION = regex.compile(
    r"(?:\b[^\W\d_]\.)+|\b(?:Mr|Mrs|Ms|Dr|St)\.|\w+|[^\w\s]\p{M}*"
)
"""Words, initials and titles with their periods, and single punctuation marks; a combining mark,
such as a vowel sign of Hindi, stays with its letter."""
WHITESPACE_WORDS = regex.compile(r"\S+")


@dataclass(frozen=True)
class Sentence:
    """The words of a sentence and their positions.

    Attributes:
        words: the words.
        spans: start and end of each word, in characters of `text`, or in words without a text.
        text: the text from which the words come, if any.
    """

    words: list[str]
    spans: list[tuple[int, int]]
    text: str | None = None

    @classmethod
    def in_text(cls, text: str, pattern: regex.Pattern[str] = WORDS_AND_PUNCTUATION) -> "Sentence":
        """Return the words of a text, with their positions in characters.

        Args:
            text: the text.
            pattern: matches a word; by default, each punctuation mark is one, too.
        """
        found = list(pattern.finditer(text))
        return cls([match[0] for match in found], [match.span() for match in found], text)

    @classmethod
    def of_words(cls, words: Iterable[object]) -> "Sentence":
        """Return the sentence of a list of words, whose positions are their indices."""
        texts = [str(word) for word in words]
        return cls(texts, [(index, index + 1) for index in range(len(texts))])

    def span(self, first: int, last: int) -> Row:
        """Return `text`, `start` and `end` of several words, see `spans`.

        Args:
            first: index of the first word.
            last: index of the last word, inclusive.
        """
        start, end = self.spans[first][0], self.spans[last][1]
        text = " ".join(self.words[start:end]) if self.text is None else self.text[start:end]
        return {"text": text, "start": start, "end": end}


def split_words(value: Any) -> list[Any]:
    """Return the words or tags in a column value.

    Args:
        value: a list, as a list or as Python or JSON writes it, or a text separated by spaces.

    Raises:
        ConfigurationError: for the text of a list in another form, such as numpy's "['a' 'b']".
    """
    value = as_list(value)
    if not isinstance(value, str):
        return list(value or [])
    require_no_list(value, "or separate words and tags by spaces")
    return value.split()
