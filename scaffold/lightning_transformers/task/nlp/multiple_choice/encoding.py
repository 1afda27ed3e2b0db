"""From a context, a question and choices to one input for each choice."""

import re
from collections.abc import Sequence
from typing import TypeVar

from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns
from lightning_transformers.data.packing import token_ids
from lightning_transformers.data.texts import tokenize

BLANK = re.compile(r" *(?:(?<!\w)_+|_+(?!\w)) *")
"""Underscores that stand for a missing word, and not within a name, with the spaces around."""

T = TypeVar("T")


def encode_choices(
    columns: Columns,
    *,
    tokenizer: PreTrainedTokenizerBase,
    context: str,
    question: str | None,
    choices: str | list[str],
    max_length: int,
    truncation: bool,
    label: str | None,
    place: str,
) -> Columns:
    """Return the model's inputs for `Dataset.map(batched=True)`; see the data module.

    Returns:
        Columns with a list for each choice, such as `input_ids`, and the number of the right one
        as `labels`, unless `label` is None.
    """
    options = choices_of(columns, choices, place)
    questions = columns[question] if question else [None] * len(options)
    contexts = [text or "" for text in columns[context]]
    firsts = [text for text, row in zip(contexts, options, strict=True) for _ in row]
    seconds = [
        join_question_and_choice(text or "", choice)
        for text, row in zip(questions, options, strict=True)
        for choice in row
    ]
    if truncation:
        check_room(tokenizer, seconds, max_length)
    strategy = "only_first" if truncation else False
    encoded = tokenize(tokenizer, firsts, seconds, max_length, strategy)
    grouped = {key: regroup(values, options) for key, values in encoded.items()}
    if label is None:
        return grouped
    labels = zip(columns[label], options, strict=True)
    where = f"column '{label}' of {place}"
    return {**grouped, "labels": [choice_index(value, row, where) for value, row in labels]}


def choices_of(columns: Columns, choices: str | list[str], place: str) -> list[list[str]]:
    """Return the choices of each row, from a column of lists or a column for each.

    Raises:
        ConfigurationError: for a row with an empty choice, other than at its end, or with one.
    """
    if isinstance(choices, str):
        rows = [list(row or ()) for row in columns[choices]]
    else:
        rows = [list(row) for row in zip(*(columns[name] for name in choices), strict=True)]
    for row in rows:
        while row and row[-1] in (None, ""):
            row.pop()
        if len(row) < 2 or None in row or "" in row:
            raise ConfigurationError(
                f"a row of {place} has the choices {row}: at least 2 are needed, and none "
                "of them empty, so mend the data"
            )
    return [[str(choice) for choice in row] for row in rows]


def join_question_and_choice(question: str, choice: str) -> str:
    """Return the choice in the blanks of the question, as RACE has them, or else after it."""
    filled, blanks = BLANK.subn(lambda _: f" {choice} ", question)
    return (filled if blanks else f"{question} {choice}").strip()


def check_room(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> None:
    """Raise ConfigurationError if a question with a choice leaves no room for the context."""
    longest = max(map(len, token_ids(tokenizer, texts)), default=0)
    needed = longest + tokenizer.num_special_tokens_to_add(pair=True)
    if needed > max_length:
        raise ConfigurationError(
            f"a question with a choice has {needed} tokens, an input at most {max_length}, and "
            "only the context is cut: shorten it, or set dataset.max_length=<tokens>"
        )


def regroup(values: Sequence[T], groups: Sequence[Sequence[object]]) -> list[list[T]]:
    """Return a flat list as lists of the lengths of `groups`."""
    rest = iter(values)
    return [[next(rest) for _ in group] for group in groups]


def choice_index(value: object, choices: Sequence[str], place: str) -> int:
    """Return the number of the choice that a label names: by its text, by a letter or a number.

    Args:
        value: the text of a choice, a letter from A, or a number from 0, which may be a text.
        choices: the choices of the row.
        place: column and split, for the message.

    Raises:
        ConfigurationError: for any other label.
    """
    text = str(value).strip()
    known = [choice.strip() for choice in choices]
    if isinstance(value, str) and text in known:
        return known.index(text)
    if re.fullmatch(r"\d+(\.0)?", text):
        number = int(float(text))
    else:
        number = ord(text.upper()) - ord("A") if re.fullmatch("[A-Za-z]", text) else -1
    if not 0 <= number < len(choices):
        raise ConfigurationError(
            f"the label '{value}' in {place} is none of the {len(choices)} choices "
            f"{known}: give a number from 0, a letter from A or the text of a choice"
        )
    return number
