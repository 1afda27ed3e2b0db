"""Tokenize questions with contexts; a long context is split into overlapping windows."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import BatchEncoding, PreTrainedTokenizerBase

from lightning_transformers.base.errors import ConfigurationError
from lightning_transformers.base.types import Row
from lightning_transformers.task.nlp.question_answering.squad import preview


@dataclass(frozen=True)
class Window:
    """The part of a context in one input of the model.

    Attributes:
        row: index of its question.
        null: position in the input that represents no answer.
        first: position in the input of its first context token.
        starts: start of each context token, in characters of the context.
        ends: end of each context token, in characters of the context.
    """

    row: int
    null: int
    first: int
    starts: list[int]
    ends: list[int]

    def positions(self, answer: tuple[int, int] | None) -> tuple[int, int]:
        """Return the positions of an answer's first and last token.

        Args:
            answer: start and end in characters of the context; None if there is no answer.

        Returns:
            `(null, null)` unless the window contains the whole answer.
        """
        if answer is None or not self.starts:
            return self.null, self.null
        start, end = bisect_right(self.ends, answer[0]), bisect_left(self.starts, answer[1]) - 1
        if answer[0] < self.starts[0] or answer[1] > self.ends[-1] or start > end:
            return self.null, self.null
        return self.first + start, self.first + end

    def text_offsets(self, context: str) -> Row:
        """Return the text of the window and its token offsets, from which answers are read.

        Args:
            context: the whole context.

        Returns:
            `null`, `first`, the `context` of the window, its `offset` in the whole context, and
            `starts` and `ends` relative to it.
        """
        offset, end = (self.starts[0], self.ends[-1]) if self.starts else (0, 0)
        return {
            "null": self.null,
            "first": self.first,
            "context": context[offset:end],
            "offset": offset,
            "starts": [start - offset for start in self.starts],
            "ends": [end - offset for end in self.ends],
        }


def split_into_windows(
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    contexts: Sequence[str],
    max_length: int,
    stride: int,
) -> tuple[dict[str, list[Any]], list[Window]]:
    """Return the columns of the tokenizer and the window of each input.

    Args:
        tokenizer: a fast tokenizer.
        questions: the questions.
        contexts: the context of each question.
        max_length: maximum tokens in an input.
        stride: tokens in which two windows overlap.
    """
    encoded = tokenizer(
        list(questions),
        list(contexts),
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    rows, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
    windows = [
        window_of(encoded, number, row, offsets[number], tokenizer.cls_token_id)
        for number, row in enumerate(rows)
    ]
    return dict(encoded), windows


def window_of(
    encoded: BatchEncoding,
    number: int,
    row: int,
    offsets: Sequence[tuple[int, int]],
    cls_token_id: int | None,
) -> Window:
    """Return the window of an input.

    The classification token represents no answer, or the first token if there is none (GPT-2).

    Args:
        encoded: the tokenizer's output.
        number: index of the input.
        row: index of its question.
        offsets: start and end of each token, in characters.
        cls_token_id: id of the classification token, if any.
    """
    ids = encoded["input_ids"][number]
    tokens = [place for place, part in enumerate(encoded.sequence_ids(number)) if part == 1]
    return Window(
        row=row,
        null=ids.index(cls_token_id) if cls_token_id in ids else 0,
        first=tokens[0] if tokens else 0,
        starts=[offsets[token][0] for token in tokens],
        ends=[offsets[token][1] for token in tokens],
    )


def check_room(
    tokenizer: PreTrainedTokenizerBase, questions: Sequence[str], max_length: int, stride: int
) -> None:
    """Check that each window has room for more context than it repeats.

    Args:
        tokenizer: the tokenizer.
        questions: the questions, each whole in every window of its context.
        max_length: maximum tokens in a window.
        stride: tokens of context that a window repeats from the one before.

    Raises:
        ConfigurationError: if a question is too long.
    """
    lengths = list(map(len, tokenizer(list(questions), add_special_tokens=False)["input_ids"]))
    longest = max(lengths)
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True) - longest
    if room <= stride:
        raise ConfigurationError(
            f"the question '{preview(questions[lengths.index(longest)])}' has {longest} tokens "
            f"and leaves {max(room, 0)} of dataset.max_length={max_length} for its context, which "
            f"must exceed dataset.stride={stride}: shorten the question, increase max_length or "
            "reduce stride"
        )
