"""Words of a sentence: in a text, in a column, in the lines of a file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import regex

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row

WORDS_AND_PUNCTUATION = regex.compile(
    r"(?:\b[^\W\d_]\.)+|\b(?:Mr|Mrs|Ms|Dr|St)\.|\w+|[^\w\s]\p{M}*"
)
"""Words, initials and titles with their periods, and other signs one by one; marks, such as the
vowel signs of Hindi, belong to what they are on."""
WHITESPACE_WORDS = regex.compile(r"\S+")
DOCUMENT_START = "-DOCSTART-"
"""What a line begins with that parts documents, not words."""


@dataclass(frozen=True)
class Sentence:
    """The words of a sentence and where they are.

    Attributes:
        words: the words.
        spans: start and end of each, in characters of the text, or else in words.
        text: the text that they were found in, if it was one.
    """

    words: list[str]
    spans: list[tuple[int, int]]
    text: str | None = None

    @classmethod
    def in_text(cls, text: str, pattern: regex.Pattern[str] = WORDS_AND_PUNCTUATION) -> "Sentence":
        """Return the words of a text; by default each punctuation mark is one as well."""
        found = list(pattern.finditer(text))
        return cls([match[0] for match in found], [match.span() for match in found], text)

    @classmethod
    def of_words(cls, words: Iterable[object]) -> "Sentence":
        """Return a sentence that comes as a list of its words."""
        split_words = [str(word) for word in words]
        return cls(split_words, [(place, place + 1) for place in range(len(split_words))])

    def span(self, first: int, last: int) -> Row:
        """Return `text`, `start` and `end` of the words from the first to the last."""
        start, end = self.spans[first][0], self.spans[last][1]
        text = " ".join(self.words[start:end]) if self.text is None else self.text[start:end]
        return {"text": text, "start": start, "end": end}


def split_words(value: Any) -> list[Any]:
    """Return the words or tags in a value of a column: a list, or a text with spaces.

    Raises:
        ConfigurationError: for a list that was written as a text.
    """
    if not isinstance(value, str):
        return list(value or [])
    if regex.match(r"\[['\"\d]", value):
        raise ConfigurationError(
            f"a text that looks like a list ({value[:30]} …): write jsonl, which can hold lists, "
            "or words and tags with spaces between them"
        )
    return value.split()


def read_lines(lines: Iterable[str], place: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the words and the tags of each sentence in lines as those of CoNLL-2003.

    A line begins with a word and ends with its tag; an empty one ends the sentence.

    Args:
        lines: the lines.
        place: the file, for the message.

    Raises:
        ConfigurationError: for a line that has another number of fields than those before.
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
            raise ConfigurationError(
                f"line {number} of {place} has {len(fields)} fields ({line.strip()[:30]}): a line "
                "is a word and its tag, and an empty line ends a sentence"
            )
        words.append(fields[0])
        tags.append(fields[-1])
    if words:
        yield words, tags
