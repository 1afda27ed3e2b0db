"""How a text file is written: its encoding, and the delimiter of a csv."""

import codecs
import csv
import re
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any, Literal, TextIO

from charset_normalizer import from_bytes

from lightning_transformers.base.errors import ConfigurationError, first_line
from lightning_transformers.data.reading.report import OnBadRow, Report
from lightning_transformers.data.reading.sources import Source

TextUnit = Literal["line", "paragraph", "file"]
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UTF8 = "utf-8-sig"
"""UTF-8, with or without a byte order mark."""
CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "cp932"),
    *("euc_jp", "gb18030", "big5", "cp949", "utf_16_le", "utf_16_be"),
)
"""Encodings to guess from, the most common first: short texts fit several."""
SAMPLE_BYTES = 1 << 16
BLOCK_BYTES = 1 << 20
DELIMITERS: tuple[dict[str, Any], ...] = (
    {"delimiter": ","},
    {"delimiter": ";"},
    {"delimiter": "\t"},
    {"delimiter": "|"},
    {"delimiter": "\t", "quoting": csv.QUOTE_NONE},
)
"""Dialects to guess from; a tab-separated file often has quotes that are part of a text."""
SEPARATOR_LINE = re.compile('"?sep=(.?)"?', re.IGNORECASE)
"""The first line of a csv of Excel, which names the delimiter."""
MOSTLY = 0.9
"""Share of the rows that must have as many fields as the header."""


@dataclass(frozen=True)
class ReadOptions:
    """How to read files, where they do not tell it themselves.

    Attributes:
        delimiter: separates the fields of a csv; None: guessed.
        encoding: of text files; None: guessed.
        text_unit: what a row of a txt file is; `sentence` reads words with tags, see `conll`.
        word_columns: names of the columns of words and tags.
        on_bad_row: see `Report`.
        prefers_images: read the images of a folder even if it has other files.
    """

    delimiter: str | None = None
    encoding: str | None = None
    text_unit: TextUnit | Literal["sentence"] = "line"
    word_columns: tuple[str, str] = ("tokens", "ner_tags")
    on_bad_row: OnBadRow = "error"
    prefers_images: bool = False


def open_text(
    source: Source, options: ReadOptions, report: Report, newline: str | None = None
) -> TextIO:
    """Open a text file in its encoding, without a byte order mark.

    Args:
        source: the file.
        options: its encoding, if known.
        report: notes a guessed encoding.
        newline: as in `open`.

    Raises:
        ConfigurationError: for an unknown encoding, or if it cannot be guessed.
    """
    encoding = options.encoding or guess_encoding(source)
    try:
        if codecs.lookup(encoding).name == "utf-8":
            encoding = UTF8
    except LookupError:
        raise ConfigurationError(
            f"dataset.encoding={encoding} is not an encoding of Python: set utf-8 or cp1252"
        ) from None
    if encoding != UTF8 and options.encoding is None:
        report.taken(f"encoding {encoding}")
    return TextIOWrapper(source.open(), encoding=encoding, newline=newline)


def guess_encoding(source: Source) -> str:
    """Return the encoding of a file: that of its byte order mark, UTF-8, or the most likely one.

    Raises:
        ConfigurationError: if none fits.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with source.open() as stream:
        block = stream.read(BLOCK_BYTES)
        for mark, encoding in BOMS.items():
            if block.startswith(mark):
                return encoding
        if block.count(0) > len(block) // 4:  # plain ASCII in UTF-16 is UTF-8, too
            return "utf_16_be" if block[0] == 0 else "utf_16_le"
        try:
            while block:
                decoder.decode(block)
                block = stream.read(BLOCK_BYTES)
            decoder.decode(b"", final=True)
            return UTF8
        except UnicodeDecodeError as error:
            reason = first_line(error)
        # Lines of ASCII would hide the few others.
        lines = [line for line in block.splitlines(keepends=True) if not line.isascii()]
        lines = [block] if b"\0" in block or not lines else lines
        sample = b"".join(lines)[:SAMPLE_BYTES]
        found = from_bytes(sample, cp_isolation=list(CANDIDATES))
    best = found.best()
    if best is None:
        raise ConfigurationError(
            f"the encoding of '{source.name}' is unknown ({reason}): set dataset.encoding"
        )
    equal = [m for m in found if (m.chaos, m.coherence) == (best.chaos, best.coherence)]
    fits = {name for match in equal for name in match.could_be_from_charset}
    guess = next(name for name in (*CANDIDATES, best.encoding) if name in fits | {best.encoding})
    return CANDIDATES[0] if has_symbols(sample, guess) else guess


def has_symbols(sample: bytes, guess: str) -> bool:
    """Return whether text differs from the most common encoding only in symbols of the latter.

    An example is `£ 20`, which is `Ł 20` in cp1250. A symbol beside a letter is rather a letter.

    Args:
        sample: the encoded text.
        guess: the encoding to compare with.
    """
    try:
        text, other = sample.decode(CANDIDATES[0]), sample.decode(guess)
    except UnicodeDecodeError:
        return False
    if len(text) != len(other):  # several bytes per character
        return False
    places = [n for n, pair in enumerate(zip(text, other, strict=True)) if pair[0] != pair[1]]
    return not any(map(str.isalpha, "".join(text[max(0, n - 1) : n + 2] for n in places)))


def guess_delimiter(source: Source, options: ReadOptions, report: Report) -> dict[str, Any]:
    """Return the arguments of `csv.reader` for a file.

    Of the `DELIMITERS` that give most rows as many fields as the header, at least two, it is the
    one with most fields; or else the one with most fields in the header.

    Args:
        source: the file.
        options: its delimiter, if known.
        report: notes the delimiter.

    Raises:
        ConfigurationError: for a delimiter that is not one character.
    """
    dialect, default = given_dialect(options), DELIMITERS[0]
    if dialect is None:
        with open_text(source, options, report, newline="") as stream:
            lines = stream.readlines(SAMPLE_BYTES)
            is_whole = not stream.read(1)
        known = [d for d in DELIMITERS if source.suffix != ".tsv" or d["delimiter"] == "\t"]
        default = known[0]
        if named := SEPARATOR_LINE.fullmatch(lines[0].strip("\r\n") if lines else ""):
            known = [{"delimiter": named[1] or "\t"}]
        dialect = max(known, key=lambda each: fit(each, lines, is_whole))
    quotes = ", quotes kept" if "quoting" in dialect else ""
    is_default = options.delimiter is not None or dialect == default
    report.taken(f"delimiter {dialect['delimiter']!r}{quotes}", is_default)
    return dialect


def given_dialect(options: ReadOptions) -> dict[str, Any] | None:
    """Return the arguments of `csv.reader` for a known delimiter; None if it is unknown.

    Raises:
        ConfigurationError: for a delimiter that is not one character.
    """
    if options.delimiter is None:
        return None
    delimiter = options.delimiter.replace("\\t", "\t")  # a shell passes it as two characters
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ConfigurationError(
            f"dataset.delimiter={options.delimiter} is not a delimiter: set one character, "
            "such as ';', or '\\t' for a tab"
        )
    return {"delimiter": delimiter}


def fit(dialect: dict[str, Any], lines: list[str], is_whole: bool) -> tuple[bool, int]:
    """Return whether a dialect fits the lines of a csv, and the number of fields in its header.

    Args:
        dialect: arguments of `csv.reader`.
        lines: the first lines.
        is_whole: whether these are all.
    """
    rows = [row for row in csv.reader(lines, **dialect) if row]
    rows = rows if is_whole else rows[:-1] or rows  # the last may be cut
    width = len(rows[0]) if rows else 0
    fitting = sum(len(row) == width for row in rows)
    return width > 1 and fitting >= MOSTLY * len(rows), width
