"""Read txt files: lines, paragraphs or whole files."""

from collections.abc import Iterator
from itertools import groupby, takewhile

import pyarrow as pa

from lightning_transformers.data.reading.dialect import ReadOptions, open_text
from lightning_transformers.data.reading.report import Report
from lightning_transformers.data.reading.rows import BLOCK_CHARS, text_table
from lightning_transformers.data.reading.sources import Source

TEXT = "text"
"""The column of a txt file."""


def read_text(source: Source, options: ReadOptions, report: Report) -> Iterator[pa.Table]:
    """Yield the texts of a file as tables with the columns `text` and `LINE`.

    Args:
        source: a txt file.
        options: its encoding, if known, and `text_unit`: a row is a line, also a blank one; the
            lines up to a blank one; or the whole file.
        report: notes a guessed encoding.
    """
    with open_text(source, options, report) as stream:
        if options.text_unit == "file":
            yield text_table({TEXT: [stream.read()]}, [1])
            return
        number = 1
        while lines := stream.readlines(BLOCK_CHARS):
            if options.text_unit == "paragraph":
                lines += takewhile(str.strip, stream)
                texts, places = paragraphs(lines, number)
            else:
                texts = [line.rstrip("\n") for line in lines]
                places = list(range(number, number + len(lines)))
            yield text_table({TEXT: texts}, places)
            number += len(lines)


def paragraphs(lines: list[str], number: int) -> tuple[list[str], list[int]]:
    """Return the paragraphs in lines, and the number of the first line of each.

    Args:
        lines: the lines of a file.
        number: number of the first one.
    """
    groups = groupby(enumerate(lines, start=number), key=lambda line: not line[1].strip())
    found = [list(group) for is_blank, group in groups if not is_blank]
    texts = ["".join(text for _, text in group).rstrip("\n") for group in found]
    return texts, [group[0][0] for group in found]
