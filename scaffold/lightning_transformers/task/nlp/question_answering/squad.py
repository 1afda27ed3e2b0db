"""Parse questions with answers: SQuAD as on the hub, SQuAD's original json, and flat columns."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns, Row

PREVIEW_CHARS = 60
NUMPY_ARRAY = re.compile(r"array\((\[[^\]]*\])(?:, dtype=\w+)?\)")


class Answer(NamedTuple):
    """An answer in the data.

    Attributes:
        text: its text.
        start: the character of the context where it starts, if given.
    """

    text: str
    start: int | None


def flatten(columns: Columns) -> Columns:
    """Flatten SQuAD's original json, for `Dataset.map(batched=True)`.

    Args:
        columns: the articles of SQuAD, with `paragraphs`.

    Returns:
        The columns `id`, `context`, `question` and `answers`.

    Raises:
        ConfigurationError: for another structure.
    """
    try:
        rows = [row for paragraphs in columns["paragraphs"] for row in _rows(paragraphs)]
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"'paragraphs' of the json file is not in SQuAD's format ({error!r}): give jsonl with "
            "context, question and answers on each line"
        ) from error
    return {key: [row[key] for row in rows] for key in ("id", "context", "question", "answers")}


def _rows(paragraphs: list[Row]) -> Iterator[Row]:
    for paragraph in paragraphs:
        for question in paragraph["qas"]:
            answers = answers_of(question.get("answers"))
            yield {
                "id": str(question.get("id")),
                "context": paragraph["context"],
                "question": question["question"],
                "answers": [{"text": a.text, "answer_start": a.start} for a in answers],
            }


def answers_of(value: object, start: object = None) -> list[Answer]:
    """Return the answers in a column value; an unanswerable question has none.

    Args:
        value: `{text: […], answer_start: […]}`, also as a text that JSON or Python writes for it, a
            list of `{text, answer_start}`, a text, or a list of texts.
        start: the start of a text, from the column `answer_start`.

    Raises:
        ConfigurationError: for another structure, or a start that is not a number.
    """
    if isinstance(value, str) and value[:1] + value[-1:] == "{}":
        value = mapping_in(value)
    if isinstance(value, Mapping):
        if "text" not in value:
            raise ConfigurationError(
                f"answers must be {{text: […], answer_start: […]}}, not "
                f"{preview(str(dict(value)))}: correct the data or set "
                "dataset.answers_column=<column>"
            )
        texts, starts = _as_list(value["text"]), _as_list(value.get("answer_start"))
        if starts and len(starts) != len(texts):
            raise ConfigurationError(
                f"answers have {len(texts)} text but {len(starts)} answer_start: correct "
                f"{preview(str(dict(value)))} or remove answer_start"
            )
        pairs = zip(texts, starts or [None] * len(texts), strict=True)
        return list(chain.from_iterable(answers_of(*pair) for pair in pairs))
    if isinstance(value, list):
        return list(chain.from_iterable(map(answers_of, value)))
    text = _text(value)
    return [Answer(text, _number(start))] if text else []


def mapping_in(cell: str) -> object:
    """Return the mapping that a cell of a csv is the text of, or any other text itself.

    Args:
        cell: a text in braces, as JSON, Python or pandas writes a mapping; arrays of numpy, which
            pandas writes for the rows of a dataset, are lists.
    """
    plain = NUMPY_ARRAY.sub(r"\1", cell)
    for parse in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return parse(plain)
    return cell


def answer_span(context: str, answer: Answer) -> tuple[int, int]:
    """Return start and end of an answer in its context, in characters.

    Of several occurrences it is the nearest to `answer.start`, or the first without a start.

    Args:
        context: the whole context.
        answer: the answer, whose text must occur in it.

    Raises:
        ConfigurationError: if the context does not contain the text.
    """
    places = [match.start() for match in re.finditer(f"(?={re.escape(answer.text)})", context)]
    if not places:
        raise ConfigurationError(
            f"the answer '{preview(answer.text)}' is not in its context '{preview(context)}' "
            "verbatim: correct the data or set dataset.answers_column=<column>"
        )
    start = min(places, key=lambda place: abs(place - (answer.start or 0)))
    return start, start + len(answer.text)


def require_texts(texts: list[Any], column: str) -> list[str]:
    """Return the texts of a column; raises ConfigurationError if one is missing or blank."""
    if any(text is None or not text.strip() for text in texts):
        raise ConfigurationError(
            f"a row has no text in column '{column}': correct the data; an unanswerable question "
            "has empty answers, but a context"
        )
    return texts


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    """Return a value as text; a csv column of integers with gaps is read as floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _number(value: Any) -> int | None:
    try:
        return None if value is None else int(float(value))
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"answer_start={value} is not a number: give the index of the answer's first character "
            "in the context, or remove answer_start"
        ) from None


def preview(text: str) -> str:
    """Return the beginning of a text, for an error message."""
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"
