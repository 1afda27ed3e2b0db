"""Split a text, a column value or the lines of a file into words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import regex

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row

WORDS_AND_PUNCTUATION = regex.compile(
    r"(?:\b[^\W\d_]\.)+|\b(?:Mr|Mrs|Ms|Dr|St)\.|\w+|[^\w\s]\p{M}*"
)
"""Words, initials and titles with their periods, and single punctuation marks; a combining mark,
such as a vowel sign of Hindi, stays with its letter."""
WHITESPACE_WORDS = regex.compile(r"\S+")
DOCUMENT_START = "-DOCSTART-"
"""First field of a line that separates documents in CoNLL-2003."""


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
    """Return the words or tags in a column value, a list or a text separated by spaces.

    Raises:
        ConfigurationError: for a text that contains a list, such as "['a', 'b']".
    """
    if not isinstance(value, str):
        return list(value or [])
    if regex.match(r"\[['\"\d]", value):
        raise ConfigurationError(
            f"expected words, found a list as text ({value[:30]} …): use jsonl, which supports "
            "lists, or separate words and tags by spaces"
        )
    return value.split()


def read_lines(lines: Iterable[str], place: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the words and the tags of each sentence in CoNLL-2003 format.

    A line begins with a word and ends with its tag; an empty line ends the sentence.

    Args:
        lines: the lines.
        place: the file, for the error message.

    Raises:
        ConfigurationError: for a line with one field, or another number than the first line.
    """
    words: list[str] = []
    tags: list[str] = []
    columns = 0
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields or fields[0] == DOCUMENT_START:
            if words:
                yield words, tags
            words, tags = [], []
            continue
        columns = columns or len(fields)
        if len(fields) != columns or columns < 2:
            expected = f"the first line has {columns}" if columns > 1 else "at least 2 are required"
            raise ConfigurationError(
                f"line {number} of {place} has {len(fields)} fields ({line.strip()[:30]}), "
                f"{expected}: write a word and its tag per line, and an empty line after each "
                "sentence"
            )
        words.append(fields[0])
        tags.append(fields[-1])
    if words:
        yield words, tags
