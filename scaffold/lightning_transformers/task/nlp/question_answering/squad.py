"""The forms that questions with answers come in: SQuAD's, as on the hub and as published, flat."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns, Row

PREVIEW_CHARS = 60


class Answer(NamedTuple):
    """An answer as the data give it.

    Attributes:
        text: its text.
        start: the character of the context where it starts, if the data say so.
    """

    text: str
    start: int | None


def flatten(columns: Columns) -> Columns:
    """Return SQuAD's original json as rows, for `Dataset.map(batched=True)`.

    Args:
        columns: of the file, whose `data` is a list of articles with `paragraphs`, or of rows.

    Raises:
        ConfigurationError: if the articles have another form.
    """
    try:
        rows = [row for file in columns["data"] for article in file for row in _rows(article)]
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"the json file has 'data' that is not SQuAD's ({error!r}): give a jsonl file with "
            "context, question and answers in each line"
        ) from error
    return {key: [row[key] for row in rows] for key in ("id", "context", "question", "answers")}


def _rows(article: Row) -> Iterator[Row]:
    for paragraph in article.get("paragraphs", [article]):
        for question in paragraph.get("qas", [paragraph]):
            answers = answers_of(question.get("answers"))
            yield {
                "id": str(question.get("id")),
                "context": paragraph["context"],
                "question": question["question"],
                "answers": [{"text": a.text, "answer_start": a.start} for a in answers],
            }


def answers_of(value: object, start: object = None) -> list[Answer]:
    """Return the answers in a value of their column; an unanswerable question has none.

    Args:
        value: `{text: […], answer_start: […]}`, a list of `{text, answer_start}`, a text, or a
            list of texts.
        start: where a text starts, from a column of its own.

    Raises:
        ConfigurationError: for a value of another form.
    """
    if isinstance(value, Mapping):
        if "text" not in value:
            raise ConfigurationError(
                f"answers are {{text: […], answer_start: […]}}, not {preview(str(dict(value)))}: "
                "mend the data, or set dataset.answers_column=<column>"
            )
        texts, starts = _as_list(value["text"]), _as_list(value.get("answer_start"))
        if starts and len(starts) != len(texts):
            raise ConfigurationError(
                f"answers with {len(texts)} text and {len(starts)} answer_start: mend "
                f"{preview(str(dict(value)))}, or leave answer_start out"
            )
        pairs = zip(texts, starts or [None] * len(texts), strict=True)
        return list(chain.from_iterable(answers_of(*pair) for pair in pairs))
    if isinstance(value, list):
        return list(chain.from_iterable(map(answers_of, value)))
    text = _text(value)
    return [Answer(text, _number(start))] if text else []


def answer_span(context: str, answer: Answer) -> tuple[int, int]:
    """Return the first character of an answer in its context, and the one after its last.

    Of several places the nearest to `answer.start` counts, and where that is not given the first.

    Raises:
        ConfigurationError: if the context does not have the text.
    """
    places = [match.start() for match in re.finditer(f"(?={re.escape(answer.text)})", context)]
    if not places:
        raise ConfigurationError(
            f"the answer '{preview(answer.text)}' is not in its context '{preview(context)}', "
            "letter by letter: mend the data, or set dataset.answers_column=<column>"
        )
    start = min(places, key=lambda place: abs(place - (answer.start or 0)))
    return start, start + len(answer.text)


def require_texts(texts: list[Any], column: str) -> list[str]:
    """Return the texts of a column, of which none may be missing.

    Raises:
        ConfigurationError: if one is.
    """
    if any(text is None or not text.strip() for text in texts):
        raise ConfigurationError(
            f"a row has nothing in the column '{column}': mend the data; a question without an "
            "answer has no answers, but a context"
        )
    return texts


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    """Return a value as it stands in a text: a csv of years, some missing, is one of floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _number(value: Any) -> int | None:
    try:
        return None if value is None else int(float(value))
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"answer_start={value} is no number: give the answer's first character in the "
            "context, counted from 0, or leave answer_start out"
        ) from None


def preview(text: str) -> str:
    """Return the beginning of a text for a message."""
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"
