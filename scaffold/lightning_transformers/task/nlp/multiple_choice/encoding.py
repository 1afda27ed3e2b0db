"""Tokenize a context, a question and choices into one input per choice."""

import re
from collections.abc import Sequence
from typing import TypeVar

from transformers import PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Columns
from lightning_transformers.data.packing import token_ids
from lightning_transformers.data.texts import as_list, tokenize

BLANK = re.compile(r" *(?:(?<!\w)_+|_+(?!\w)) *")
"""Underscores as a blank, not inside a word, with the spaces around them."""

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
    numbered: bool = False,
) -> Columns:
    """Tokenize rows, for `Dataset.map(batched=True)`.

    Args:
        columns: the rows.
        tokenizer: the tokenizer.
        context: column of the contexts.
        question: column of the questions, if any.
        choices: column of lists of choices, or the columns of single choices.
        max_length: maximum tokens in an input.
        truncation: truncate the context of longer inputs.
        label: column of the labels; None for rows without labels.
        place: name of the split, for error messages.
        numbered: whether a text such as `1` is an index even if a choice has that text.

    Returns:
        The columns of the tokenizer, with one list per choice in each value, and with `label` the
        index of the correct choice as `labels`.

    Raises:
        ConfigurationError: for a row with fewer than two choices or an unknown label, or an input
            that is too long.
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
    return {
        **grouped,
        "labels": [choice_index(value, row, where, numbered) for value, row in labels],
    }


def choices_of(columns: Columns, choices: str | Sequence[str], place: str) -> list[list[str]]:
    """Return the choices of each row without empty ones at its end.

    Args:
        columns: the rows.
        choices: column of lists of choices, or the columns of single choices.
        place: name of the split, for the error message.

    Raises:
        ConfigurationError: for a row with fewer than two choices, or an empty one before others.
    """
    if isinstance(choices, str):
        rows = [list(as_list(row) or ()) for row in columns[choices]]
    else:
        rows = [list(row) for row in zip(*(columns[name] for name in choices), strict=True)]
    for row in rows:
        while row and row[-1] in (None, ""):
            row.pop()
        if len(row) < 2:
            raise ConfigurationError(f"a row of {place} has the choices {row}: give at least 2")
        if None in row or "" in row:
            raise ConfigurationError(
                f"a row of {place} has an empty choice before others, {row}: fill or remove it"
            )
    return [[str(choice) for choice in row] for row in rows]


def join_question_and_choice(question: str, choice: str) -> str:
    """Return the question with the choice in its blanks (as in RACE), or appended to it."""
    filled, blanks = BLANK.subn(lambda _: f" {choice} ", question)
    return (filled if blanks else f"{question} {choice}").strip()


def check_room(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> None:
    """Check the length of questions with choices, which are not truncated.

    Args:
        tokenizer: the tokenizer.
        texts: a question with a choice, for each input.
        max_length: maximum tokens in an input, with special tokens.

    Raises:
        ConfigurationError: if one exceeds `max_length`.
    """
    longest = max(map(len, token_ids(tokenizer, texts)), default=0)
    needed = longest + tokenizer.num_special_tokens_to_add(pair=True)
    if needed > max_length:
        raise ConfigurationError(
            f"a question with a choice has {needed} tokens, more than dataset.max_length="
            f"{max_length}, and is not truncated: shorten it, or set dataset.max_length={needed} "
            "or more"
        )


def regroup(values: Sequence[T], groups: Sequence[Sequence[object]]) -> list[list[T]]:
    """Split a flat list into consecutive lists, as long as those of `groups`."""
    rest = iter(values)
    return [[next(rest) for _ in group] for group in groups]


def choice_index(value: object, choices: Sequence[str], place: str, numbered: bool = False) -> int:
    """Return the index of the choice that a label refers to.

    Args:
        value: the text of a choice, a letter from A, or an index from 0, as number or text.
        choices: the choices of the row.
        place: column and split, for the error message.
        numbered: whether a text such as `1` is an index even if a choice has that text.

    Raises:
        ConfigurationError: for any other label.
    """
    text = str(value).strip()
    known = [choice.strip() for choice in choices]
    if isinstance(value, str) and text in known and not numbered:
        return known.index(text)
    if re.fullmatch(r"\d+(\.0)?", text):
        number = int(float(text))
    else:
        number = ord(text.upper()) - ord("A") if re.fullmatch("[A-Za-z]", text) else -1
    if not 0 <= number < len(choices):
        raise ConfigurationError(
            f"the label '{value}' in {place} is none of the {len(choices)} choices "
            f"{known}: use an index from 0, a letter from A or the text of a choice"
        )
    return number
