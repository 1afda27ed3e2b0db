"""Read words with tags, one per line, as in CoNLL-2003 and CoNLL-U."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import NamedTuple

import pyarrow as pa

from lightning_transformers.data.reading.dialect import ReadOptions, open_text
from lightning_transformers.data.reading.report import Report
from lightning_transformers.data.reading.rows import LINE
from lightning_transformers.data.reading.sources import Source

DOCUMENT_START = "-DOCSTART-"
"""First field of a line that separates documents in CoNLL-2003."""
CONLLU_FIELDS = 10
CONLLU_NUMBER = re.compile(r"\d+([-.]\d+)?")
"""First field of a line in CoNLL-U: `3`, or `3-4` and `3.1` for what is not a word."""
SPAN_TAG = re.compile(r"O|[BIELSU]-.+")
BLOCK_SENTENCES = 1000


class Line(NamedTuple):
    """A line with its number from 1, and its fields."""

    number: int
    text: str
    fields: list[str]


def read_conll(source: Source, options: ReadOptions, report: Report) -> Iterator[pa.Table]:
    """Yield the sentences of a file as tables with columns of words, of tags and `LINE`.

    A line begins with a word and ends with its tag; in CoNLL-U, with ten fields, the word is the
    second and the tag the fourth. An empty line ends the sentence. Comments in front of a sentence
    begin with `#`.

    Args:
        source: a conll, conllu or txt file.
        options: its encoding, if known, and the names of the columns.
        report: notes lines with one field, or another number of fields than the first.
    """
    with open_text(source, options, report) as stream:
        found = sentences(stream, report)
        while block := list(islice(found, BLOCK_SENTENCES)):
            lines, words, tags = zip(*block, strict=True)
            kind = pa.list_(pa.string())
            arrays = [pa.array(words, kind), pa.array(tags, kind), pa.array(lines, pa.int64())]
            yield pa.table(arrays, [*options.word_columns, LINE])


def sentences(texts: Iterable[str], report: Report) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield the number of its first line, the words and the tags of each sentence.

    Args:
        texts: the lines of a file.
        report: notes bad lines; their sentences are skipped, or empty to fill them.
    """
    numbered = (Line(n, text, fields_of(text)) for n, text in enumerate(texts, start=1))
    width, known_tags = 0, set[str]()
    for is_end, group in groupby(numbered, key=is_separator):
        if is_end:
            continue
        lines = list(group)
        plain = [line for line in lines if not line.text.startswith("#")]
        widths = Counter(len(line.fields) for line in plain if len(line.fields) > 1)
        width = width or next((width for width, _ in widths.most_common(1)), 0)
        known_tags |= {line.fields[-1] for line in plain}
        lines = without_comments(lines, width, known_tags)
        wrong = [line for line in lines if len(line.fields) != width or width < 2]
        for line in wrong:
            report.reject(
                line.number,
                f"has {len(line.fields)} fields ({line.text.strip()[:30]}): write a word and its "
                "tag per line, and an empty line after each sentence",
            )
        pairs = [] if wrong else words_with_tags(lines)
        if pairs or (wrong and report.on_bad_row == "fill"):
            yield lines[0].number, [word for word, _ in pairs], [tag for _, tag in pairs]


def fields_of(text: str) -> list[str]:
    """Return the fields of a line, which may contain spaces if it has tabs."""
    fields = text.strip("\n").split("\t" if "\t" in text else " ")
    return [field.strip() for field in fields if field.strip()]


def is_separator(line: Line) -> bool:
    """Return whether a line ends a sentence."""
    return not line.fields or line.fields[0] == DOCUMENT_START


def without_comments(lines: list[Line], width: int, known_tags: set[str]) -> list[Line]:
    """Return the lines of a sentence without comments.

    A line that begins with `#` may also be a word: it has as many fields as others, and at the
    beginning of a sentence a tag.
    """
    kept: list[Line] = []
    for line in lines:
        is_tag = line.fields[-1] in known_tags or SPAN_TAG.fullmatch(line.fields[-1])
        is_word = len(line.fields) == width and (kept or is_tag)
        if not line.text.startswith("#") or is_word:
            kept.append(line)
    return kept


def words_with_tags(lines: list[Line]) -> list[tuple[str, str]]:
    """Return the pairs of word and tag of a sentence."""
    fields = [line.fields for line in lines]
    if all(len(f) == CONLLU_FIELDS and CONLLU_NUMBER.fullmatch(f[0]) for f in fields):
        return [(f[1], f[3]) for f in fields if f[0].isdecimal()]
    return [(f[0], f[-1]) for f in fields]
