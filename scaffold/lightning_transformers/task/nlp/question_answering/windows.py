"""Questions with their contexts as inputs of the model: a long context as several windows."""

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
    """The part of a context that is in one input of the model.

    Attributes:
        row: which question it belongs to.
        null: position in the input that stands for no answer.
        first: position in the input of the context's first token.
        starts: for each token of the context, the character of the context where it starts.
        ends: the character after each token.
    """

    row: int
    null: int
    first: int
    starts: list[int]
    ends: list[int]

    def positions(self, answer: tuple[int, int] | None) -> tuple[int, int]:
        """Return the positions of an answer's first and last token.

        Args:
            answer: its first character and the one after its last; None if there is no answer.

        Returns:
            Twice the position for no answer, unless the window has the whole answer.
        """
        if answer is None or not self.starts:
            return self.null, self.null
        start, end = bisect_right(self.ends, answer[0]), bisect_left(self.starts, answer[1]) - 1
        if answer[0] < self.starts[0] or answer[1] > self.ends[-1] or start > end:
            return self.null, self.null
        return self.first + start, self.first + end

    def text_offsets(self, context: str) -> Row:
        """Return what the text of a span of tokens is read from.

        Args:
            context: the whole context, of which the window's part is kept.
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
    """Return the inputs of the model, and which part of a context is in each."""
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
    """Return the window in an input.

    No answer is at the classification token, or where the tokenizer adds none, as GPT-2's, at the
    first token.
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
    """Raise ConfigurationError unless every input has room for more context than it repeats."""
    lengths = list(map(len, tokenizer(list(questions), add_special_tokens=False)["input_ids"]))
    longest = max(lengths)
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True) - longest
    if room <= stride:
        raise ConfigurationError(
            f"the question '{preview(questions[lengths.index(longest)])}' has {longest} tokens "
            f"and leaves {max(room, 0)} of dataset.max_length={max_length} to its context, not "
            f"more than the dataset.stride={stride} in which windows overlap: shorten the "
            "question, or set dataset.max_length or dataset.stride"
        )
