"""Encode rows as examples: model inputs, labels, and the windows from which answers are read."""

import hashlib
import json

from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns
from lightning_transformers.task.nlp.question_answering.squad import (
    Answer,
    answer_span,
    answers_of,
    require_texts,
)
from lightning_transformers.task.nlp.question_answering.windows import (
    check_room,
    split_into_windows,
)

ID_COLUMN = "id"
START_COLUMN = "answer_start"


def encode_windows(
    columns: Columns,
    *,
    tokenizer: PreTrainedTokenizerBase,
    context: str,
    question: str,
    answers: str | None,
    max_length: int,
    stride: int,
    truncation: bool,
    scored: bool,
) -> Columns:
    """Tokenize rows into windows, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        tokenizer: a fast tokenizer.
        context: column of the contexts.
        question: column of the questions.
        answers: column of the answers, of which the first is the label; None without answers.
        max_length: maximum tokens in a window.
        stride: tokens in which two windows overlap.
        truncation: allow more than one window per row.
        scored: add the column `window`.

    Returns:
        The columns of the tokenizer, with answers also `start_positions` and `end_positions`, and
        with `scored` also `window`: JSON with `key`, `answers` and `Window.text_offsets`. JSON is
        faster to move to a device than lists.

    Raises:
        ConfigurationError: if a row needs several windows and `truncation` is False.
    """
    contexts = require_texts(columns[context], context)
    questions = [text.strip() for text in require_texts(columns[question], question)]
    check_room(tokenizer, questions, max_length, stride)
    result, windows = split_into_windows(tokenizer, questions, contexts, max_length, stride)
    if len(windows) > len(questions) and not truncation:
        raise ConfigurationError(
            f"a question and its context have more than {max_length} tokens: set "
            "dataset.truncation=true to split the context into windows"
        )
    given = answers_in(columns, answers, len(questions))
    if answers is not None:
        places = [answer_span(c, a[0]) if a else None for c, a in zip(contexts, given, strict=True)]
        positions = [window.positions(places[window.row]) for window in windows]
        result["start_positions"] = [start for start, _ in positions]
        result["end_positions"] = [end for _, end in positions]
    if scored:
        ids = columns.get(ID_COLUMN, [None] * len(questions))
        keys = [question_key(*parts) for parts in zip(ids, questions, contexts, strict=True)]
        result["window"] = [
            json.dumps(
                {
                    "key": keys[window.row],
                    "answers": [answer.text for answer in given[window.row]],
                    **window.text_offsets(contexts[window.row]),
                }
            )
            for window in windows
        ]
    return result


def answers_in(columns: Columns, column: str | None, count: int) -> list[list[Answer]]:
    """Return the answers of each row.

    Args:
        columns: the rows.
        column: column of the answers; None: each row has none.
        count: number of rows.

    Raises:
        ConfigurationError: for a value that contains no answers, see `answers_of`.
    """
    if column is None:
        return [[]] * count
    starts = columns.get(START_COLUMN, [None] * count)
    return [answers_of(*parts) for parts in zip(columns[column], starts, strict=True)]


def question_key(*parts: object) -> str:
    """Return a unique key of a question; ids repeat across files, so it hashes all parts."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]
